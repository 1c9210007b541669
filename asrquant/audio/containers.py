"""Which files are sound, and who reads them: libsndfile or FFmpeg, by what they begin with and never by their name.

Nothing here decodes. ``inspect`` tells what can be told of a file from its structure, ``open_reader`` gives it to its reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO

from asrquant.audio import structure
from asrquant.audio.reader import Reader, unreadable
from asrquant.base.errors import AudioError

NAMES = "WAV, FLAC, MP3, M4A, MP4, MOV, 3GP, WebM, MKV, Ogg, Opus, AAC, AMR, AIFF or CAF"
"""For people."""
ENDINGS = (
    ".wav", ".flac", ".mp3", ".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".webm", ".weba", ".mkv", ".mka",
    ".ogg", ".oga", ".opus", ".aac", ".amr", ".awb", ".aif", ".aiff", ".aifc", ".caf", ".sph",
)  # fmt: skip
"""Of names of sound files. Reading does not go by them; lists of files and file choosers do."""


@dataclass(frozen=True)
class Format:
    """A kind of file: how it begins, and FFmpeg's name for what takes it apart; none where libsndfile reads it."""

    begins: re.Pattern[bytes]
    demuxer: str = ""


# libsndfile knows twenty more containers that nobody records speech in, and FFmpeg hundreds: strangers' files do not reach
# their parsers. A playlist or a list of files is none of these, so no file can name another one to be opened.
_FORMATS = tuple(
    Format(re.compile(begins, re.DOTALL), demuxer)
    for begins, demuxer in (
        (rb"\xff[\xf0\xf1\xf8\xf9]", "aac"),
        (rb"#!AMR(-WB)?\n", "amr"),
        (rb".{4}(ftyp|moov|mdat|wide|free|skip|pnot)", structure.MP4),
        (rb"\x1aE\xdf\xa3", structure.MATROSKA),
        (rb"caff.{24}(?!lpcm|alac|ulaw|alaw)", "caf"),
        (rb"RIFF|RIFX|RF64|FORM....AIF[FC]|fLaC|OggS|caff|NIST_1A|ID3|\xff[\xe0-\xff]", ""),
    )
)
_ID3 = re.compile(rb"ID3...([\0-\x7f]{4})", re.DOTALL)
_ADTS = _FORMATS[0]


def inspect(opened: FileIO, name: str) -> Format:
    """The format of a file that is sound as far as can be told without decoding it, which is then at its start.

    Args:
        opened: the file.
        name: what to call it in an error.

    Raises:
        AudioError: it is empty, of no format that can be read, cut off, or has no audio track.
    """
    beginning = opened.read(32)
    if not beginning:
        raise AudioError(f"{name} is empty (0 bytes); record or choose the clip again.")
    found = next((format for format in _FORMATS if format.begins.match(beginning)), None)
    if found is None:
        raise AudioError(unreadable(name))
    if tag := _ID3.match(beginning):  # which stands before MP3, and sometimes before AAC
        size = int.from_bytes(tag[1], "big")
        opened.seek(10 + sum((size >> 8 * place & 0x7F) << 7 * place for place in range(4)))
        found = _ADTS if _ADTS.begins.match(opened.read(2)) else found
    structure.check(opened, found.demuxer, name)
    opened.seek(0)
    return found


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
    if found.demuxer:
        from asrquant.audio import media

        with media.open_media(opened, found.demuxer, name) as reader:
            yield reader
    else:
        from asrquant.audio import sndfile

        with sndfile.open_sndfile(opened, name) as reader:
            yield reader
