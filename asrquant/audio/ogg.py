"""The pages of an Ogg file: whether all are there, and which streams follow each other or lie between each other (RFC 3533).

Decoders stop at the end of the first of several streams, skip damaged pages, and take a file that ends early for a short one.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, field
from io import FileIO

from asrquant.audio import flac
from asrquant.audio.codings import unread
from asrquant.audio.structure import cut_in_the_middle, damaged
from asrquant.audio.view import Link, Outline
from asrquant.base.errors import AudioError

CONTAINER = "Ogg"
_READ = {b"\x01vorbis": "Vorbis", b"OpusHead": "Opus", b"\x7fFLAC": "FLAC"}
_UNREAD = {b"Speex   ": "Speex", b"CELT    ": "CELT", b"PCM     ": "PCM", b"fLaC": "FLAC of before 2004"}
_HEADER = 27
_BEFORE_FLAC = 9
"""Bytes that the first page of FLAC has before the stream as it stands in a file of its own."""
_FIRST, _LAST = 2, 4
"""Flags of a page: the first or the last of its stream."""
_NO_SAMPLE = b"\xff" * 8
_MOST_PAGES = 1_000_000
"""Two hours in pages of 20 ms are 360,000."""
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass
class _Stream:
    """One logical stream: what it is, what its pages hold and the number of the last one."""

    coding: str
    pages: list[range] = field(default_factory=list)
    number: int = -1
    ended: bool = False

    def add(self, page: range) -> None:
        """Take a page in; neighbours become one range."""
        if self.pages and self.pages[-1].stop == page.start:
            page = range(self.pages.pop().start, page.stop)
        self.pages.append(page)


def outline(opened: FileIO, size: int, name: str) -> Outline:
    """What is to be read of an Ogg file.

    Raises:
        AudioError: it is cut off or damaged, or there is no sound in it that can be read.
    """
    groups = _groups(opened, size, name)
    links, notes = [], []
    for streams in groups:
        sound = [stream for stream in streams if stream.coding in _READ.values()]
        if not sound:
            strange = next((stream.coding for stream in streams if stream.coding), "")
            if strange:
                raise AudioError(unread(name, strange, CONTAINER))
            raise AudioError(f"{name} has no sound: there is no audio track in it; choose a file that has one.")
        links.append(_link(opened, sound[0], name))
        if len(sound) > 1:
            notes.append(f"audio track 1 of {len(sound)}")
        if not sound[0].ended:
            notes.append("its end is not marked, so some may be missing")
    if len(links) > 1:
        notes.insert(0, f"{len(links)} recordings after each other")
    whole = len(links) == 1 and links[0].parts == (range(size),)
    return Outline(() if whole else tuple(links), ", ".join(dict.fromkeys(notes)))


def _link(opened: FileIO, stream: _Stream, name: str) -> Link:
    """A stream as a file of its own; of FLAC what its pages hold, as libsndfile does not read it in Ogg."""
    if stream.coding != "FLAC":
        return Link(tuple(stream.pages))
    if len(stream.pages[0]) < flac.HEADER:
        raise AudioError(damaged(name))
    return flac.open_ended(opened, tuple(stream.pages))


def _groups(opened: FileIO, size: int, name: str) -> list[list[_Stream]]:
    """The streams that lie between each other, group after group."""
    opened.seek(0)
    groups: list[dict[bytes, _Stream]] = []
    beginning, at = False, 0
    file: io.BufferedReader = io.BufferedReader(opened, 1 << 16)
    try:
        for _ in range(_MOST_PAGES):
            page = _page(file, size - at, name)
            if not page:
                return [list(group.values()) for group in groups]
            serial, first = page[14:18], bool(page[5] & _FIRST)
            if first:
                if not beginning:
                    groups.append({})
                groups[-1][serial] = _Stream(_coding(page))
            beginning = first
            stream = groups[-1].get(serial) if groups else None
            number = int.from_bytes(page[18:22], "little")
            if stream is None or stream.ended or (not first and number != stream.number + 1):
                raise AudioError(damaged(name))
            skipped = 0 if stream.coding != "FLAC" else _HEADER + page[26] + first * _BEFORE_FLAC
            stream.add(range(at + min(skipped, len(page)), at + len(page)))
            stream.number, stream.ended = number, bool(page[5] & _LAST)
            at += len(page)
    finally:
        file.detach()
    raise AudioError(damaged(name))


def _page(file: io.BufferedReader, left: int, name: str) -> bytes:
    """The next page; none at the end, or where something was appended that is no page.

    Raises:
        AudioError: it is cut off or damaged.
    """
    head = file.read(_HEADER)
    if head[:4] != b"OggS":
        before = b""
        after = head
        while after:
            if b"OggS" in before[-3:] + after:  # pages follow: something was lost or put between
                raise AudioError(damaged(name))
            before, after = after, file.read(1 << 16)
        return b""
    table = file.read(head[26]) if len(head) == _HEADER else b""
    length = _HEADER + len(table) + sum(table)
    if len(head) < _HEADER or len(table) < head[26] or length > left:
        raise AudioError(cut_in_the_middle(name))
    page = head + table + file.read(sum(table))
    if _checksum(page[:22] + bytes(4) + page[26:]) != int.from_bytes(page[22:26], "little"):
        raise AudioError(damaged(name))
    return page


def _coding(page: bytes) -> str:
    """What the stream that begins with this page holds; nothing if it is no sound."""
    body = page[_HEADER + page[26] :]
    return next((coding for begins, coding in {**_READ, **_UNREAD}.items() if body.startswith(begins)), "")


def _checksum(page: bytes) -> int:
    """CRC-32 with the highest bit first, from 0: zlib's of the mirrored bytes, mirrored."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_MIRRORED), "big")
