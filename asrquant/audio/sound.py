"""A sound file, read once from its start to its end, a second at a time, mixed down and checked as it is read.

No more than a second of all channels is in memory at once, so that a small compressed file cannot ask for much.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np

from asrquant.audio.codings import unreadable
from asrquant.audio.containers import inspect, open_reader
from asrquant.audio.piece import Piece, piece_blocks
from asrquant.audio.reader import Reader, Samples, joined
from asrquant.audio.stereo import UNLIKE, Channels
from asrquant.base.errors import AudioError, MissingDependencyError
from asrquant.base.files import printable_name

RATES = (4_000, 192_000)
MAX_CHANNELS = 8
MIX = "mix"
"""Instead of the number of a channel: the mean of all."""
IMPLAUSIBLE = 65_536.0
"""Float files written at integer scale are scaled back; beyond this, the samples are no sound pressure."""
CANCELLED_OUT = 0.01
"""If mixing down leaves less than this share of the loudest channel's energy, the channels cancel each other."""


class MonoStream:
    """The sound of an open file, mixed down, a second at a time from start to end, and what was seen of it so far.

    Attributes:
        rate: sampling rate in Hz.
        channels: number of channels of the file.
        coding: its container and coding, such as ``WAV PCM_16``.
        frames: mono samples read.
        peak: the largest absolute value of the mono samples.
        swing: half of their range; of a constant, which is no sound, 0.
    """

    def __init__(
        self, reader: Reader, name: str, max_seconds: float, channel: int | None, piece: Piece | None = None
    ) -> None:
        """Begin; ``channel`` is the one to take, counted from 0, or None for the mean of all.

        Raises:
            AudioError: the rate or the number of channels cannot be used, or there is no such channel.
        """
        self.rate, self.channels, self.coding = reader.rate, reader.channels, reader.coding
        self.frames, self.peak = 0, 0.0
        self._low, self._high = np.inf, -np.inf
        self._reader, self._name, self._max_seconds, self._channel = reader, name, max_seconds, channel
        self._energy, self._energies, self._piece = 0.0, np.zeros(reader.channels), piece
        check_rate(self.rate, name)
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise AudioError(f"{name} has {self.channels} channels; 1 to {MAX_CHANNELS} can be used.")
        if channel is not None and channel >= self.channels:
            there = "one channel" if self.channels == 1 else f"{self.channels} channels"
            raise AudioError(f"{name} has {there}, so there is no channel {channel + 1}; choose another, or mix.")
        self._heard = Channels(self.channels, self.rate)

    def __iter__(self) -> Iterator[Samples]:
        """Blocks [T] of mono samples.

        Raises:
            AudioError: the sound is too long, cut off, damaged or not finite.
        """
        reader, piece = self._reader, self._piece
        if piece and reader.announced:
            piece.check(reader, reader.announced, self._name)
        self._check_length(piece.length(self.rate, reader.announced) if piece else reader.claimed)
        for channels in piece_blocks(reader, piece, self._name) if piece else reader.blocks():
            self.frames += channels.shape[1]
            self._check_length(self.frames)
            peaks(channels, self._name)
            mono: Samples = channels.mean(axis=0) if self._channel is None else channels[self._channel]
            if self._channel is None:
                self._heard.hear(channels)
            self._energies += [float(np.dot(channel, channel)) for channel in channels]
            self._energy += float(np.dot(mono, mono))
            self.peak = max(self.peak, float(peaks(mono[None], self._name)[0]))
            self._low, self._high = mono.min(initial=self._low), mono.max(initial=self._high)
            yield mono

    def read(self) -> Samples:
        """All of it, [T]."""
        return np.concatenate([np.zeros(0, np.float32), *self])

    @property
    def swing(self) -> float:
        """See above; of no samples 0."""
        return float(max(0.0, self._high - self._low)) / 2

    @property
    def instead(self) -> int | None:
        """Of a stream read to its end: the loudest channel, if mixing down made the channels cancel each other."""
        if self._channel is not None:
            return None
        loudest = int(np.argmax(self._energies))
        cancelled = self.channels > 1 and self._energy < CANCELLED_OUT * self._energies[loudest]
        return loudest if cancelled else None

    @property
    def channels_differ(self) -> bool:
        """Of a stream read to its end: whether its channels, each with a sound of its own, were mixed."""
        return self._channel is None and self.instead is None and self._heard.differ

    @property
    def note(self) -> str:
        """Of a stream read to its end: what people should know of how it was read; often nothing."""
        channels = ""
        if self._channel is not None and self.channels > 1:
            channels = f"channel {self._channel + 1} of {self.channels}"
        elif self.channels_differ:
            channels = (
                f"its channels hold different sounds, perhaps two speakers (correlation {self._heard.correlation:.2f}, under "
                f"{UNLIKE}), and were mixed; one channel can be chosen"
            )
        return joined(self._reader.note, channels)

    def _check_length(self, frames: int) -> None:
        if frames > self._max_seconds * self.rate:
            raise AudioError(f"{self._name} is longer than {self._max_seconds:g} s; cut it into shorter clips.")


@contextmanager
def mono_stream(
    path: Path, max_seconds: float, channel: int | None = None, piece: Piece | None = None
) -> Iterator[MonoStream]:
    """Open an audio file to be read once.

    Args:
        path: the file.
        max_seconds: longest sound accepted.
        channel: the one to take, counted from 0; None for the mean of all.
        piece: what to read of it, and its channel, if it has one and none is asked for. None for the whole.

    Raises:
        AudioError: the file cannot be read as audio, found now or while it is read.
        MissingDependencyError: the library that reads this kind of file is not installed.
    """
    with _opened(path) as (opened, name), open_reader(opened, name) as reader:
        if piece:
            channel, name = (piece.taken if channel is None else channel), f"{name}#{piece}"
        yield MonoStream(reader, name, max_seconds, channel, piece)


@dataclass(frozen=True)
class Header:
    """What a file says of its sound; ``seconds`` may be an estimate, and is 0 where it says nothing."""

    seconds: float
    rate: int
    channels: int
    coding: str


def read_header(path: Path, piece: Piece | None = None) -> Header:
    """What a file, or a piece of it, is by its header: nothing, or a moment of it, is decoded.

    Raises:
        AudioError: that is enough to turn it away.
        MissingDependencyError: the library that reads this kind of file is not installed.
    """
    with _opened(path) as (opened, name), open_reader(opened, name) as reader:
        check_rate(reader.rate, name)
        frames = reader.announced
        if piece:
            if reader.announced:
                piece.check(reader, reader.announced, f"{name}#{piece}")
            frames = piece.length(reader.rate, frames or piece.last(reader.rate) or 0)
        return Header(max(0, frames) / reader.rate, reader.rate, reader.channels, reader.coding)


def chosen_channel(channel: object) -> int | None:
    """A channel as people count them, 1 for the first, or ``mix`` (or None) → counted from 0, or None for the mean of all.

    Raises:
        AudioError: it is none of these.
    """
    if channel is None or channel == MIX:
        return None
    number = str(channel) if isinstance(channel, int | str) and not isinstance(channel, bool) else ""
    if number.isdecimal() and 1 <= int(number[:4]) <= MAX_CHANNELS:
        return int(number[:4]) - 1
    raise AudioError(f"The channel is {str(channel)[:40]!r}; give 1 to {MAX_CHANNELS}, or {MIX} for the mean of all.")


def look(path: Path) -> None:
    """Turn a file away for what can be told without decoding any of it.

    Raises:
        AudioError: it is empty, no sound file of a kind that can be read, cut off, or a film without sound.
    """
    with _opened(path) as (opened, name):
        inspect(opened, name)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[FileIO, str]]:
    """An open file and what to call it; whatever is raised while it is open becomes one sentence."""
    name = printable_name(path)
    try:
        if not path.is_file():
            raise AudioError(f"There is no audio file {name!r}; check the path.")
        with path.open("rb", buffering=0) as opened:
            yield opened, name
    except (AudioError, MissingDependencyError):
        raise
    except OSError as error:
        raise AudioError(f"{name} cannot be opened ({error.strerror}); check its name and who may read it.") from error
    except MemoryError as error:
        raise AudioError(f"{name} needs more memory than there is; try a shorter clip.") from error
    except (ValueError, RuntimeError) as error:
        raise AudioError(unreadable(name)) from error


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
    found: Samples = np.maximum(channels.max(axis=1, initial=0), np.abs(channels.min(axis=1, initial=0)))
    if not np.isfinite(found).all():
        raise AudioError(f"{name} holds samples that are not numbers (NaN or infinity); export it again.")
    if found.max() > IMPLAUSIBLE:
        raise AudioError(f"{name} holds samples of up to {found.max():.1e}, where full scale is 1; export it again.")
    return found
