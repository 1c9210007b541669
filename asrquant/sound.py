"""A sound file, read once from its start to its end, a second at a time, mixed down and checked as it is read.

Decoding is libsndfile's (through soundfile). No more than a second of all channels is in memory at once, so that a small
compressed file cannot ask for much.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf

from asrquant.errors import AudioError
from asrquant.files import printable_name

RATES = (4_000, 192_000)
MAX_CHANNELS = 8
IMPLAUSIBLE = 65_536.0
"""Float files written at integer scale are scaled back; beyond this, the samples are no sound pressure."""
CANCELLED_OUT = 0.01
"""If mixing down leaves less than this share of the loudest channel's energy, the channels cancel each other."""

# How the files begin that can be read. libsndfile knows twenty more containers that nobody records speech in; strangers'
# files do not reach their parsers, one of which prints a line for every damaged byte.
_BEGINNINGS = re.compile(rb"RIFF|RIFX|RF64|FORM....AIF[FC]|fLaC|OggS|caff|ID3|\xff[\xe0-\xff]", re.DOTALL)
_DECODABLE = "WAV, FLAC, Ogg (Vorbis, Opus), MP3, AIFF or CAF"
# libsndfile shortens WAV and AIFF that were cut off to what is there and notes the difference only in its log. Recorders
# that write to a pipe leave 0 or the largest number as the length, which is no claim about the file.
_SHORTENED = (
    re.compile(r"(?:data|SSND) : (?P<declared>\d+) \(should be (?P<found>\d+)\)"),
    re.compile(r"frame count (?P<found>\d+) does not match value from 'ds64' chunk of (?P<declared>\d+)"),
)
_NO_CLAIM = 0x7FFFFFFF
_NO_LENGTH = 2**40  # frames: libsndfile's answer where FLAC or CAF does not say

Samples = npt.NDArray[np.float32]


class MonoStream:
    """The sound of an open file, mixed down, a second at a time from start to end, and what was seen of it so far.

    Attributes:
        rate: sampling rate in Hz.
        channels: number of channels of the file.
        coding: its container and coding, as libsndfile names them, such as ``WAV PCM_16``.
        frames: mono samples read.
        peak: the largest absolute value of the mono samples.
    """

    def __init__(self, opened: FileIO, file: sf.SoundFile, name: str, max_seconds: float, channel: int | None) -> None:
        self.rate: int = file.samplerate
        self.channels: int = file.channels
        self.coding = f"{file.format} {file.subtype}"
        self.frames, self.peak = 0, 0.0
        self._opened, self._file, self._name = opened, file, name
        self._max_seconds, self._channel = max_seconds, channel
        self._energy, self._energies = 0.0, np.zeros(file.channels)
        check_rate(self.rate, name)
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise AudioError(f"{name} has {self.channels} channels; 1 to {MAX_CHANNELS} can be used.")
        for note in (note for pattern in _SHORTENED for note in pattern.finditer(file.extra_info)):
            found, declared = int(note["found"]), int(note["declared"])
            if found < declared < _NO_CLAIM:
                raise AudioError(_cut_off(name, found / declared))

    def __iter__(self) -> Iterator[Samples]:
        """Blocks [T] of mono samples.

        Raises:
            AudioError: the sound is too long, cut off or not finite.
        """
        declared = self._file.frames if self._file.frames < _NO_LENGTH else 0
        if self._file.format != "MP3":  # where libsndfile estimates it
            self._check_length(declared)
        while len(block := self._file.read(self.rate, dtype="float32", always_2d=True)):
            self.frames += len(block)
            self._check_length(self.frames)
            channels = np.ascontiguousarray(block.T)
            peaks(channels, self._name)
            mono: Samples = channels.mean(axis=0) if self._channel is None else channels[self._channel]
            self._energies += [float(np.dot(channel, channel)) for channel in channels]
            self._energy += float(np.dot(mono, mono))
            self.peak = max(self.peak, float(peaks(mono[None], self._name)[0]))
            yield mono
        # An encoder's padding may be counted in the header, so a few frames of difference are no damage.
        if 0 < self.frames < 0.98 * declared:
            raise AudioError(_cut_off(self._name, self.frames / declared))
        # Without an index, an MP3's length is taken from the bit rate at its beginning, and what is beyond is not read.
        if self._file.format == "MP3" and self._opened.tell() < 0.9 * os.fstat(self._opened.fileno()).st_size:
            raise AudioError(f"{self._name} holds more sound than it announces; save it as WAV or FLAC and try again.")

    def read(self) -> Samples:
        """All of it, [T]."""
        return np.concatenate([np.zeros(0, np.float32), *self])

    @property
    def instead(self) -> int | None:
        """Of a stream read to its end: the loudest channel, if mixing down makes the channels cancel each other."""
        loudest = int(np.argmax(self._energies))
        cancelled = self.channels > 1 and self._energy < CANCELLED_OUT * self._energies[loudest]
        return loudest if cancelled else None

    def _check_length(self, frames: int) -> None:
        if frames > self._max_seconds * self.rate:
            raise AudioError(f"{self._name} is longer than {self._max_seconds:g} s; cut it into shorter clips.")


@contextmanager
def mono_stream(path: Path, max_seconds: float, channel: int | None = None) -> Iterator[MonoStream]:
    """Open an audio file to be read once.

    Args:
        path: the file.
        max_seconds: longest sound accepted.
        channel: the one to take; None for the mean of all.

    Raises:
        AudioError: the file cannot be read as audio, found now or while it is read.
    """
    name = printable_name(path)
    unreadable = f"{name} cannot be read as audio; save it as {_DECODABLE} and try again."
    try:
        if not path.is_file():
            raise AudioError(f"There is no audio file {name!r}; check the path.")
        # By its descriptor: neither soundfile nor libsndfile then goes by the extension, and every name will do.
        with path.open("rb", buffering=0) as opened:
            beginning = opened.read(12)
            if not beginning:
                raise AudioError(f"{name} is empty (0 bytes); record or choose the clip again.")
            if not _BEGINNINGS.match(beginning):
                raise AudioError(unreadable)
            opened.seek(0)
            with _Forward(opened.fileno(), closefd=False) as file:
                yield MonoStream(opened, file, name, max_seconds, channel)
    except AudioError:
        raise
    except OSError as error:
        raise AudioError(f"{name} cannot be opened ({error.strerror}); check its name and who may read it.") from error
    except MemoryError as error:
        raise AudioError(f"{name} needs more memory than there is; try a shorter clip.") from error
    except (sf.LibsndfileError, ValueError, RuntimeError) as error:
        raise AudioError(unreadable) from error


def check_rate(rate: int, name: str) -> None:
    """Turn away an impossible sampling rate.

    Raises:
        AudioError: it is.
    """
    if not RATES[0] <= rate <= RATES[1]:
        raise AudioError(f"{name} has a sampling rate of {rate} Hz; {RATES[0]} to {RATES[1]} Hz can be used.")


def peaks(channels: Samples, name: str) -> Samples:
    """The largest absolute value of each channel, [C] of [C, T].

    Raises:
        AudioError: a sample is no number, or far beyond full scale.
    """
    found: Samples = np.maximum(channels.max(axis=1, initial=0), -channels.min(axis=1, initial=0))
    if not np.isfinite(found).all():
        raise AudioError(f"{name} holds samples that are not numbers (NaN or infinity); export it again.")
    if found.max() > IMPLAUSIBLE:
        raise AudioError(f"{name} holds samples of up to {found.max():.1e}, where full scale is 1; export it again.")
    return found


class _Forward(sf.SoundFile):  # type: ignore[misc]
    """A file of which soundfile believes that it cannot seek: it does so after every block, which garbles MP3."""

    def seekable(self) -> bool:
        """Whether to seek: no."""
        return False


def _cut_off(name: str, share: float) -> str:
    return f"{name} is cut off: {share:.0%} of the sound that it announces is there; save or upload it again."
