"""Which files are sound, and who reads them: libsndfile or FFmpeg, by what they begin with and never by their name.

Nothing here decodes. ``inspect`` tells what can be told of a file from its structure, ``open_reader`` gives it to its reader.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO

from asrquant.audio import chunks, flac, mp3, ogg, structure
from asrquant.audio.codings import other, unread, unreadable, what_it_is
from asrquant.audio.reader import Reader
from asrquant.audio.view import Outline
from asrquant.base.errors import AudioError

NAMES = "WAV, FLAC, MP3, M4A, MP4, MOV, 3GP, WebM, MKV, Ogg, Opus, AAC, AMR, AIFF, CAF, AU or NIST SPHERE"
"""For people."""
ENDINGS = (
    ".wav", ".flac", ".mp3", ".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".webm", ".weba", ".mkv", ".mka",
    ".ogg", ".oga", ".opus", ".aac", ".amr", ".awb", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd",
    ".sph", ".nist",
)  # fmt: skip
"""Of names of sound files. Reading does not go by them; lists of files and file choosers do."""


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: for people.
        begins: how it begins.
        demuxer: FFmpeg's name for what takes it apart; none where libsndfile reads it.
        header: what reads its header, where that says how long the sound is.
    """

    name: str
    begins: re.Pattern[bytes]
    demuxer: str = ""
    header: Callable[[FileIO, int], chunks.Header] | None = None


@dataclass(frozen=True)
class Inspected:
    """A file that can be given to its reader.

    Attributes:
        format: its kind.
        outline: what is to be read of it.
        refusal: the sentence for it if its reader cannot make sense of it.
    """

    format: Format
    outline: Outline
    refusal: str


# libsndfile knows twenty more containers that nobody records speech in, and FFmpeg hundreds: strangers' files do not reach
# their parsers. A playlist or a list of files is none of these, so no file can name another one to be opened.
_FORMATS = tuple(
    Format(name, re.compile(begins, re.DOTALL), demuxer, header)
    for name, begins, demuxer, header in (
        ("AAC", rb"\xff[\xf0\xf1\xf8\xf9]", "aac", None),
        ("AMR", rb"#!AMR(-WB)?\n", "amr", None),
        ("MP4", rb".{4}(ftyp|moov|mdat|wide|free|skip|pnot)", structure.MP4, None),
        ("Matroska", rb"\x1aE\xdf\xa3", structure.MATROSKA, None),
        ("CAF", rb"caff.{24}(?!lpcm|alac|ulaw|alaw)", "caf", chunks.caf),
        ("CAF", rb"caff", "", chunks.caf),
        ("WAV", rb"(RIFF|RIFX|RF64|BW64).{4}WAVE", "", chunks.riff),
        ("AIFF", rb"FORM.{4}AIF[FC]", "", chunks.aiff),
        ("AU", rb"\.snd", "", chunks.au),
        ("NIST SPHERE", rb"NIST_1A\n", "", chunks.nist),
        ("FLAC", flac.MARKER, "", None),
        (ogg.CONTAINER, rb"OggS", "", None),
        ("MP3", rb"ID3|\xff[\xe0-\xff]", "", None),
    )
)
_ID3 = re.compile(rb"ID3...([\0-\x7f]{4})", re.DOTALL)
_AFTER_TAG = tuple(format for format in _FORMATS if format.name in ("AAC", "FLAC"))
_MOST_TAGS = 10
_KEPT = 16
_inspections: dict[tuple[str, int, int, int, int], Inspected] = {}
"""Of the last files: of pieces the same long recording is opened again and again, and some are gone through to their end."""
_SETTLED = 2
"""Seconds since a file was written from which another change would show in its time."""


def inspect(opened: FileIO, name: str) -> Inspected:
    """What a file is that is sound as far as can be told without decoding it; it is then at its start.

    Args:
        opened: the file.
        name: what to call it in an error.

    Raises:
        AudioError: it is empty, of no format that can be read, cut off, or has no audio track.
    """
    state = os.fstat(opened.fileno())
    key = (name, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
    if key in _inspections:
        return _inspections[key]
    inspected = _inspect(opened, name)
    if time.time() - state.st_mtime > _SETTLED:
        while len(_inspections) >= _KEPT:
            _inspections.pop(next(iter(_inspections)), None)
        _inspections[key] = inspected
    return inspected


def _inspect(opened: FileIO, name: str) -> Inspected:
    beginning = opened.read(512)
    if not beginning:
        raise AudioError(f"{name} is empty (0 bytes); record or choose the clip again.")
    found = next((format for format in _FORMATS if format.begins.match(beginning)), None)
    if found is None:
        known = what_it_is(beginning)
        raise AudioError(other(name, known) if known else unreadable(name))
    start = _after_tags(opened)  # which stand before MP3, and sometimes before others
    if start:
        beginning = os.pread(opened.fileno(), 32, start)
        found = next((format for format in _AFTER_TAG if format.begins.match(beginning)), found)
    structure.check(opened, found.demuxer, name)
    inspected = _inspected(opened, found, start, name)
    opened.seek(0)
    return inspected


def _after_tags(opened: FileIO) -> int:
    """Where the file begins after its ID3 tags."""
    at = 0
    for _ in range(_MOST_TAGS):
        tag = _ID3.match(os.pread(opened.fileno(), 10, at))
        if not tag:
            break
        size = int.from_bytes(tag[1], "big")
        at += 10 + sum((size >> 8 * place & 0x7F) << 7 * place for place in range(4))
    return at


def _inspected(opened: FileIO, found: Format, start: int, name: str) -> Inspected:
    size = os.fstat(opened.fileno()).st_size
    refusal = unreadable(name, found.name)
    if found.name == ogg.CONTAINER:
        return Inspected(found, ogg.outline(opened, size, name), refusal)
    if found.name == "FLAC":
        return Inspected(found, flac.outline(opened, start, size), refusal)
    if found.name == "MP3":
        return Inspected(found, mp3.outline(opened, start, size), refusal)
    if found.header is None:
        return Inspected(found, Outline(), refusal)
    header = found.header(opened, size)
    if header.coding:
        refusal = unread(name, header.coding, found.name)
    return Inspected(found, Outline() if found.demuxer else chunks.outline(opened, header, size, name), refusal)


@contextmanager
def open_reader(opened: FileIO, name: str) -> Iterator[Reader]:
    """The reader of a file.

    Args:
        opened: the file, at its start.
        name: what to call it in an error.

    Raises:
        AudioError: as ``inspect``, or the reader cannot make sense of it.
        MissingDependencyError: the library that it needs is not installed.
    """
    found = inspect(opened, name)
    if found.format.demuxer:
        from asrquant.audio import media

        with media.open_media(opened, found.format.demuxer, name, found.refusal) as reader:
            yield reader
    else:
        from asrquant.audio import sndfile

        yield sndfile.SndfileReader(opened, name, found.outline, found.refusal)
