"""WAV, AIFF, CAF, AU and NIST SPHERE by their headers: how much sound they announce, how much is there, and what it is coded as.

Who writes to a pipe cannot go back to the header, and leaves a length there that is none: 0 or about the largest number.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass, field
from io import FileIO
from typing import Literal

from asrquant.audio.codings import AU_CODES, FOUR_LETTERS, WAV_CODES
from asrquant.audio.structure import cut_off
from asrquant.audio.view import Link, Outline, replaced
from asrquant.base.errors import AudioError

_NO_CLAIM = (
    range(1),
    range(0x7EFFFF00, 0x7F000100),  # AIFF from sox
    range(0x7FFF0000, 0x80000001),  # WAV from sox, espeak, arecord, lame
    range(0xFFFF0000, 0x100000000),  # WAV and AU from ffmpeg and others
)
"""Lengths that say nothing. Sound as long as that would be refused for its length, whether all of it is there or not."""
_MOST_CHUNKS = 10_000
_LARGEST, _ABSURD = (1 << 32) - 1, 1 << 62
_Order = Literal["little", "big"]
_ORDERS: tuple[_Order, _Order] = ("little", "big")
_NAME = re.compile(rb"[ -~]{4}")
_FILES = b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"caff", b"data", b"SSND"
"""What is no chunk that may follow the sound: another file, or more sound."""
_LAST = b"LIST", b"id3 ", b"ID3 ", b"info", b"free", b"bext", b"iXML"
"""Chunks of which nobody misses the end."""
_FILLING = 1 << 16
"""Bytes of 0 after which nothing else is looked for."""
_TAGS = re.compile(rb"TAG|ID3|APETAGEX|LYRICSBEGIN")


@dataclass(frozen=True)
class Length:
    """A number in a header that has to fit the sound: ``sound // unit + plus``, for the bytes of sound that are there.

    Attributes:
        at: where it stands.
        width: its bytes.
        order: of its bytes.
        plus: what it counts besides the sound.
        unit: bytes of sound that count as one.
    """

    at: int
    width: int
    order: _Order
    plus: int = 0
    unit: int = 1

    def fitting(self, sound: int) -> bytes:
        """What stands there."""
        return min(sound // self.unit + self.plus, (1 << 8 * self.width) - 1).to_bytes(self.width, self.order)


@dataclass
class Header:
    """What a header says.

    Attributes:
        container: for people.
        coding: of the sound, for people; nothing where it is one that is read.
        start: where the sound starts; 0 where there is none.
        declared: bytes of sound by the header.
        open: whether ``declared`` says nothing.
        lengths: numbers that have to fit the sound.
        begins: what stands at the beginning instead, for a reader that does not know this one; often nothing.
        second: bytes of a second of sound, 0 where nobody knows.
        chunks: bytes of the head of a chunk that may follow the sound; 0 where none may.
    """

    container: str
    coding: str = ""
    start: int = 0
    declared: int = 0
    open: bool = False
    lengths: list[Length] = field(default_factory=list)
    begins: tuple[tuple[int, bytes], ...] = ()
    second: float = 0.0
    chunks: int = 8


def outline(opened: FileIO, header: Header, size: int, name: str) -> Outline:
    """What is to be read of the file.

    Raises:
        AudioError: it is cut off.
    """
    if not header.start:
        return Outline()
    there = size - header.start
    empty = header.declared == 0 and _after_chunks(opened, header, header.start, size) >= size
    if header.open and not empty:
        changes = [(length.at, length.fitting(there)) for length in header.lengths]
        return Outline((Link(replaced(size, [*header.begins, *changes])),))
    if header.declared > there:
        raise AudioError(cut_off(name, max(0, there) / header.declared if header.declared else 0.0))
    end = header.start + header.declared
    end = max(_after_chunks(opened, header, at, size) for at in {end, end + (end & 1)})
    rest = os.pread(opened.fileno(), _FILLING, end) if end < size else b""
    if header.open or not rest.strip(b"\0") or _TAGS.match(rest.lstrip(b"\0")):
        return Outline((Link(replaced(size, header.begins)),) if header.begins else ())
    more = (size - end) / header.second if header.second else 0
    what = f"{more:.1f} s" if more >= 0.05 else f"{size - end:,} bytes"
    # libsndfile gets what comes before: it would look for chunks there, or take all of it for sound.
    return Outline(
        (Link(replaced(end, header.begins)),), f"{what} after the end that its header announces are not read"
    )


def _after_chunks(opened: FileIO, header: Header, at: int, size: int) -> int:
    """Where the chunks end that begin there; of the last one some may be missing."""
    for _ in range(_MOST_CHUNKS if header.chunks else 0):
        head = os.pread(opened.fileno(), header.chunks, at)
        if len(head) < header.chunks or not _NAME.match(head) or head[:4] in _FILES:
            break
        little, big = (int.from_bytes(head[4:], order) for order in _ORDERS)
        after = at + header.chunks + min(little, big)  # read in the other order, a length is a far larger number
        if after > size and head[:4] not in _LAST:
            break
        at = after + (after & 1 if header.chunks == 8 else 0)
    return at


def riff(opened: FileIO, size: int) -> Header:
    """WAV of every kind: RIFF, RIFX (big-endian), RF64 and BW64 (64-bit lengths)."""
    beginning = os.pread(opened.fileno(), 4, 0)
    order: _Order = "big" if beginning == b"RIFX" else "little"
    header = Header("WAV", begins=((0, b"RF64"),) if beginning == b"BW64" else ())
    long_at, block = 0, 1

    for chunk, at, length in _chunks(opened, 12, size, order):
        body = os.pread(opened.fileno(), min(length, 64), at)
        if chunk == b"ds64" and len(body) >= 24:
            long_at = at
        elif chunk == b"fmt " and len(body) >= 14:
            header.coding, header.second = _of_wav(body, order)
            block = int.from_bytes(body[12:14], order) or 1
        elif chunk == b"data":
            header.start, header.declared, header.open = at, length, _says_nothing(length)
            header.lengths = [Length(4, 4, order, at - 8), Length(at - 4, 4, order)]
            if long_at:
                header.lengths = [
                    Length(at - 4, 4, order),
                    Length(long_at, 8, order, at - 8),
                    Length(long_at + 8, 8, order),
                    Length(long_at + 16, 8, order, unit=block),
                ]
            if long_at and length == _LARGEST:
                said = int.from_bytes(os.pread(opened.fileno(), 8, long_at + 8), "little")
                header.declared, header.open = said, _says_nothing(said) or said >= _ABSURD
            break
    return header


def _of_wav(body: bytes, order: _Order) -> tuple[str, float]:
    """The coding, and bytes of a second, by a chunk ``fmt``."""

    def number(at: int, width: int) -> int:
        return int.from_bytes(body[at : at + width], order)

    code = number(0, 2)
    if code == 0xFFFE and len(body) >= 26:
        code = number(24, 2)
    known = WAV_CODES.get(code, "" if code in (1, 3, 6, 7) else f"format 0x{code:04X}")
    return known, float(number(8, 4))


def aiff(opened: FileIO, size: int) -> Header:
    """AIFF and AIFC. The number of samples stands there twice: in the description, and as bytes."""
    header = Header("AIFF")
    described, frames, frame_bytes = 0, 0, 0
    for chunk, at, length in _chunks(opened, 12, size, "big"):
        if chunk == b"COMM" and length >= 18:
            body = os.pread(opened.fileno(), 22, at)
            described, frames = at, int.from_bytes(body[2:6], "big")
            bits, code = int.from_bytes(body[6:8], "big"), body[18:22].decode("latin-1") if length >= 22 else "NONE"
            frame_bytes = int.from_bytes(body[:2], "big") * -(-bits // 8)
            exponent = int.from_bytes(body[8:10], "big") - 16_414  # of the 32 bits that follow, of 80 in all
            rate = int.from_bytes(body[10:14], "big") * 2.0**exponent if -31 <= exponent <= 0 else 0.0
            header.coding = FOUR_LETTERS.get(code, "" if code in _PCM_LETTERS else f"'{_shown(code)}'")
            header.second = 0.0 if header.coding else rate * frame_bytes
        elif chunk == b"SSND":
            offset = int.from_bytes(os.pread(opened.fileno(), 4, at), "big")
            header.start, header.declared, header.open = at + 8 + offset, length - 8 - offset, _says_nothing(length)
            start = header.start
            header.open = header.open or length == 8
            header.lengths = [
                Length(4, 4, "big", start - 8),
                Length(at - 4, 4, "big", start - at),
            ]
            break
    if header.start and described and frame_bytes and not header.coding:
        header.lengths.append(Length(described + 2, 4, "big", unit=frame_bytes))
        if _says_nothing(frames):
            header.open = True
        elif not header.open:
            header.declared = max(header.declared, frames * frame_bytes)
    return header


_PCM_LETTERS = {
    "NONE", "twos", "sowt", "raw ", "in24", "in32", "ni24", "ni32", "42ni", "23ni", "fl32", "FL32", "fl64", "FL64", "ulaw",
    "ULAW", "alaw", "ALAW",
}  # fmt: skip


def caf(opened: FileIO, size: int) -> Header:
    """CAF, in whose lengths -1 stands for what goes up to the end."""
    header = Header("CAF")
    at = 8
    for _ in range(_MOST_CHUNKS):
        head = os.pread(opened.fileno(), 12, at)
        if len(head) < 12:
            break
        length, body = int.from_bytes(head[4:], "big", signed=True), at + 12
        if head[:4] == b"desc":
            described = os.pread(opened.fileno(), 32, body)
            code = described[8:12].decode("latin-1")
            header.coding = "" if code in ("lpcm", "ulaw", "alaw") else FOUR_LETTERS.get(code, f"'{_shown(code)}'")
            (rate,) = struct.unpack(">d", described[:8].ljust(8, b"\0"))
            packet = int.from_bytes(described[16:20], "big")
            header.second = 0.0 if header.coding or not 0 < rate < _LARGEST else rate * packet
        elif head[:4] == b"data":
            header.start, header.declared, header.open = body + 4, max(0, length - 4), length <= 4
            header.lengths = [Length(at + 4, 8, "big", 4)]
            header.chunks = 12
            break
        if length < 0:
            break
        at = body + length
    return header


def au(opened: FileIO, size: int) -> Header:
    """Sun's and NeXT's AU, where -1 stands for a length that is not known."""
    words = [int.from_bytes(os.pread(opened.fileno(), 4, 4 * place), "big") for place in range(6)]
    start, length, code, rate, channels = words[1:]
    width = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}.get(code, 0)
    coding = "" if width else AU_CODES.get(code, f"format {code}")
    return Header(
        "AU", coding, start, length, _says_nothing(length), [Length(8, 4, "big")],
        second=float(width * rate * channels), chunks=0,
    )  # fmt: skip


_NIST_FIELD = re.compile(rb"^(\w+) -[isr]\d* ?(\S+)", re.MULTILINE)


def nist(opened: FileIO, size: int) -> Header:
    """NIST SPHERE, the format of TIMIT and other collections of the LDC."""
    beginning = os.pread(opened.fileno(), 16, 0)
    start = int(beginning[8:].strip() or 0) if beginning[8:].strip().isdigit() else 0
    said = dict(_NIST_FIELD.findall(os.pread(opened.fileno(), min(start, 1 << 16), 0)))

    def number(key: bytes, default: int) -> int:
        return int(said[key]) if said.get(key, b"").isdigit() and len(said[key]) < 12 else default

    count, channels, width = number(b"sample_count", 0), number(b"channel_count", 1), number(b"sample_n_bytes", 2)
    coding = said.get(b"sample_coding", b"pcm").decode("latin-1")
    base, _, squeezed = coding.partition(",")
    strange = squeezed.removeprefix("embedded-") or (
        "" if base in ("pcm", "ulaw", "alaw", "mu-law", "pculaw") else base
    )
    length = count * channels * width
    return Header(
        "NIST SPHERE", _shown(strange), start, 0 if strange else length, not count, [],
        second=float(number(b"sample_rate", 0) * channels * width), chunks=0,
    )  # fmt: skip


def _chunks(opened: FileIO, at: int, size: int, order: _Order) -> list[tuple[bytes, int, int]]:
    """Name, start and length of the chunks of a RIFF or FORM, up to the sound."""
    found: list[tuple[bytes, int, int]] = []
    while at + 8 <= size and len(found) < _MOST_CHUNKS:
        head = os.pread(opened.fileno(), 8, at)
        length = int.from_bytes(head[4:], order)
        found.append((head[:4], at + 8, length))
        if head[:4] in (b"data", b"SSND"):
            break
        at += 8 + length + (length & 1)
    return found


def _says_nothing(length: int) -> bool:
    return any(length in lengths for lengths in _NO_CLAIM)


def _shown(code: str) -> str:
    """A code of somebody else's for a sentence."""
    return "".join(each if each.isprintable() and each not in "'`" else "?" for each in code)[:40]
