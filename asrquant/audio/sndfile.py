"""WAV, FLAC, Ogg (Vorbis, Opus, FLAC), MP3, AIFF, CAF, AU and NIST SPHERE, by libsndfile (through soundfile)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO

import numpy as np
import soundfile as sf

from asrquant.audio.reader import Form, Samples, changes_midway, joined
from asrquant.audio.structure import cut_off, damaged
from asrquant.audio.view import Link, Outline, View
from asrquant.base.errors import AudioError

# libsndfile shortens WAV and AIFF that were cut off to what is there and notes the difference only in its log. That is known
# from their headers before; this is for headers that it understands otherwise.
_SHORTENED = (
    re.compile(r"(?:data|SSND) : (?P<declared>\d+) \(should be (?P<found>\d+)\)"),
    re.compile(r"frame count (?P<found>\d+) does not match value from 'ds64' chunk of (?P<declared>\d+)"),
)
_SEEKABLE = re.compile(r"(WAV|WAVEX|RF64|AIFF|CAF|AU|NIST) (PCM|FLOAT|DOUBLE|ULAW|ALAW).*|FLAC .*|OGG (VORBIS|OPUS)")
"""Codings in which every sample has a place that can be gone to; in MP3 that is not exact."""
_LEAD_SECONDS = {"OGG OPUS": 5}
"""Before such a place, of which the decoder needs to have heard some to hear the same as from the start."""
_NO_LENGTH = 2**40  # frames: libsndfile's answer where FLAC or CAF does not say


class SndfileReader:
    """See ``reader.Reader``. What lies in the file as several links is read one after the other."""

    def __init__(self, opened: FileIO, name: str, outline: Outline, refusal: str) -> None:
        """Open the first link.

        Args:
            opened: the file, at its start.
            name: what to call it in an error.
            outline: what is to be read of it.
            refusal: the sentence for a file that libsndfile cannot make sense of.

        Raises:
            AudioError: it is no sound file, or damaged.
        """
        self._opened, self._name, self._refusal = opened, name, refusal
        self._links: tuple[Link | None, ...] = outline.links or (None,)
        self.note = outline.note
        with self._sound(self._links[0]) as file:
            self.rate: int = file.samplerate
            self.channels: int = file.channels
            self.coding = f"{file.format} {file.subtype}"
            self.announced = _declared(file, self._links[0])
        self.claimed = 0 if self.coding.startswith("MP3") else self.announced
        if len(self._links) > 1:
            self.announced = self.claimed = sum(link.declared for link in outline.links)
        self._from = 0

    def skip(self, frame: int) -> int:
        """Seek, where every sample has a place."""
        if self.claimed and len(self._links) == 1 and _SEEKABLE.fullmatch(self.coding):
            self._from = max(0, min(frame, self.claimed) - _LEAD_SECONDS.get(self.coding, 0) * self.rate)
        return self._from

    def blocks(self) -> Iterator[Samples]:
        """All of it from start to end, [C, T] at a second each; raises ``AudioError`` where it is cut off."""
        for link in self._links:
            with self._sound(link) as file:
                form, first = Form(file.samplerate, file.channels), Form(self.rate, self.channels)
                if form != first:
                    raise AudioError(changes_midway(self._name, first, form))
                yield from self._of(file, link)

    @contextmanager
    def _sound(self, link: Link | None) -> Iterator[sf.SoundFile]:
        """The file or one of its links, opened by libsndfile."""
        try:
            # By its descriptor: neither soundfile nor libsndfile then goes by the extension, and every name will do.
            self._opened.seek(0)
            source = View(self._opened, link.parts) if link else self._opened.fileno()
            with _Forward(source, closefd=False) as file:
                for note in (note for pattern in _SHORTENED for note in pattern.finditer(file.extra_info)):
                    found, declared = int(note["found"]), int(note["declared"])
                    if found < declared and not link:
                        raise AudioError(cut_off(self._name, found / declared))
                yield file
        except sf.LibsndfileError as error:
            raise AudioError(self._refusal) from error

    def _of(self, file: sf.SoundFile, link: Link | None) -> Iterator[Samples]:
        """The sound of one link."""
        read, declared, exact = self._from, _declared(file, link), bool(link and link.declared)
        try:
            if read:
                file.seek(read)
            while len(block := _block(file, min(self.rate, declared - read) if exact else self.rate)):
                read += len(block)
                yield np.ascontiguousarray(block.T)
        except sf.LibsndfileError as error:
            raise AudioError(damaged(self._name)) from error
        if exact and read == declared:
            with suppress(sf.LibsndfileError):  # what follows need not be sound
                if len(_block(file, 1)):
                    self.note = joined(self.note, "more sound follows than its header announces, and is not read")
        # An encoder's padding may be counted in the header, so a few frames of difference are no damage.
        if 0 < read < (1 if exact else 0.98) * declared:
            raise AudioError(cut_off(self._name, read / declared))
        # Without an index, an MP3's length is taken from the bit rate at its beginning, and what is beyond is not read.
        if (
            file.format == "MP3"
            and link is None
            and self._opened.tell() < 0.9 * os.fstat(self._opened.fileno()).st_size
        ):
            raise AudioError(f"{self._name} holds more sound than it announces; save it as WAV or FLAC and try again.")


def _block(file: sf.SoundFile, frames: int) -> Samples:
    block: Samples = file.read(frames, dtype="float32", always_2d=True)
    return block


def _declared(file: sf.SoundFile, link: Link | None) -> int:
    """Samples by the header; 0 where it does not say."""
    if link and link.declared:
        return link.declared
    return int(file.frames) if file.frames < _NO_LENGTH else 0


class _Forward(sf.SoundFile):  # type: ignore[misc]
    """A file of which soundfile believes that it cannot seek: it does so after every block, which garbles MP3."""

    def seekable(self) -> bool:
        """Whether to seek: no."""
        return False
