"""WAV, FLAC, Ogg (Vorbis, Opus), MP3, AIFF and CAF, by libsndfile (through soundfile)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO

import numpy as np
import soundfile as sf

from asrquant.audio.reader import Samples, unreadable
from asrquant.audio.structure import cut_off
from asrquant.base.errors import AudioError

# libsndfile shortens WAV and AIFF that were cut off to what is there and notes the difference only in its log. Recorders
# that write to a pipe leave 0 or the largest number as the length, which is no claim about the file.
_SHORTENED = (
    re.compile(r"(?:data|SSND) : (?P<declared>\d+) \(should be (?P<found>\d+)\)"),
    re.compile(r"frame count (?P<found>\d+) does not match value from 'ds64' chunk of (?P<declared>\d+)"),
)
_NO_CLAIM = 0x7FFFFFFF
_SEEKABLE = re.compile(r"(WAV|WAVEX|RF64|AIFF|CAF|NIST) (PCM|FLOAT|DOUBLE|ULAW|ALAW).*|FLAC .*")
"""Codings in which every sample has a place; positions in MP3, Vorbis and Opus are not exact."""
_NO_LENGTH = 2**40  # frames: libsndfile's answer where FLAC or CAF does not say


@contextmanager
def open_sndfile(opened: FileIO, name: str) -> Iterator[SndfileReader]:
    """Open a file.

    Raises:
        AudioError: it is no sound file, or damaged.
    """
    try:
        # By its descriptor: neither soundfile nor libsndfile then goes by the extension, and every name will do.
        with _Forward(opened.fileno(), closefd=False) as file:
            yield SndfileReader(opened, file, name)
    except sf.LibsndfileError as error:
        raise AudioError(unreadable(name)) from error


class SndfileReader:
    """See ``formats.Reader``."""

    def __init__(self, opened: FileIO, file: sf.SoundFile, name: str) -> None:
        self.rate: int = file.samplerate
        self.channels: int = file.channels
        self.coding = f"{file.format} {file.subtype}"
        self.note = ""
        self._opened, self._file, self._name = opened, file, name
        self._declared: int = file.frames if file.frames < _NO_LENGTH else 0
        self._estimated = file.format == "MP3"
        self.claimed = 0 if self._estimated else self._declared
        self.announced = self._declared
        self._at = 0
        for note in (note for pattern in _SHORTENED for note in pattern.finditer(file.extra_info)):
            found, declared = int(note["found"]), int(note["declared"])
            if found < declared < _NO_CLAIM:
                raise AudioError(cut_off(name, found / declared))

    def skip(self, frame: int) -> int:
        """Seek, where every sample has a place."""
        if self.claimed and _SEEKABLE.fullmatch(self.coding):
            self._at = self._file.seek(min(frame, self.claimed))
        return self._at

    def blocks(self) -> Iterator[Samples]:
        """All of it from start to end, [C, T] at a second each; raises ``AudioError`` where it is cut off."""
        read = self._at
        while len(block := self._file.read(self.rate, dtype="float32", always_2d=True)):
            read += len(block)
            yield np.ascontiguousarray(block.T)
        # An encoder's padding may be counted in the header, so a few frames of difference are no damage.
        if 0 < read < 0.98 * self._declared:
            raise AudioError(cut_off(self._name, read / self._declared))
        # Without an index, an MP3's length is taken from the bit rate at its beginning, and what is beyond is not read.
        if self._estimated and self._opened.tell() < 0.9 * os.fstat(self._opened.fileno()).st_size:
            raise AudioError(f"{self._name} holds more sound than it announces; save it as WAV or FLAC and try again.")


class _Forward(sf.SoundFile):  # type: ignore[misc]
    """A file of which soundfile believes that it cannot seek: it does so after every block, which garbles MP3."""

    def seekable(self) -> bool:
        """Whether to seek: no."""
        return False
