"""Recordings too long to be a clip: checked in one pass, then read from disk a few seconds at a time, from start to end.

Not by seeking to a part: positions in MP3, AAC and Opus are not exact, and their decoders need what came before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from asrquant.audio.clip import (
    MAX_SECONDS,
    SAMPLE_RATE,
    Audio,
    check_sound,
    read_audio,
    received,
    resample,
    resampling_ratio,
)
from asrquant.audio.piece import Piece
from asrquant.audio.reader import Samples
from asrquant.audio.sound import MonoStream, chosen_channel, mono_stream
from asrquant.audio.speech import Part, divided
from asrquant.base.errors import AudioError
from asrquant.base.files import printable_name

MAX_RECORDING_SECONDS = 7_200.0
BLOCK_SECONDS = 10


@dataclass(frozen=True)
class Recording:
    """A checked recording on disk.

    Attributes:
        path: the file.
        frames: samples a channel in it, or in the piece.
        peak: the largest absolute value of its mono samples.
        channel: the one to take instead of the mean of all, counted from 0; None for the mean.
        source_rate: its sampling rate in Hz.
        source_channels: its number of channels.
        source_format: its container and coding.
        source_note: what people should know of how it is read, such as which of several audio tracks it is.
        channels_differ: whether it is mixed from channels that each hold a sound of their own, such as two speakers.
        piece: what of the file is meant; None is the whole.
    """

    path: Path
    frames: int
    peak: float
    channel: int | None
    source_rate: int
    source_channels: int
    source_format: str
    source_note: str = ""
    channels_differ: bool = False
    piece: Piece | None = None

    @property
    def length(self) -> int:
        """Samples at 16 kHz."""
        return math.ceil(self.frames * resampling_ratio(self.source_rate))

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.length / SAMPLE_RATE

    @property
    def received(self) -> str:
        """What came in and what becomes of it, for people."""
        return received(self.source_rate, self.source_channels, self.seconds, self.source_note)

    @cached_property
    def divided(self) -> tuple[Part, ...]:
        """Its utterances and pauses; it is listened through for them once.

        Raises:
            AudioError: the file is not any more what it was.
        """
        return divided(self.blocks(), self.length)

    def blocks(self) -> Iterator[Samples]:
        """All of it in blocks [T] of about 10 s: float32 in [-1, 1], mono, 16 kHz, joined as if resampled in one piece.

        Raises:
            AudioError: the file is not any more what it was.
        """
        with mono_stream(self.path, MAX_RECORDING_SECONDS, self.channel, self.piece) as stream:
            same = (stream.rate, stream.channels, stream.coding)
            if same == (self.source_rate, self.source_channels, self.source_format):
                yield from _resampled(stream, self.source_rate, self.peak)
            if stream.frames != self.frames:
                raise AudioError(f"{printable_name(self.path)} was changed while it was read; try again.")


def open_audio(path: str | Path, channel: int | str | None = None, piece: Piece | None = None) -> Audio | Recording:
    """A clip, or what is longer than 60 s as a recording, of up to two hours.

    Args:
        path: the file.
        channel: as for ``read_audio``.
        piece: what of it is meant; None is the whole.

    Raises:
        AudioError: as ``read_audio``.
    """
    path = Path(path)
    taken = chosen_channel(channel)
    stream = _listen_through(path, taken, piece)
    if stream.frames <= MAX_SECONDS * stream.rate:
        return read_audio(path, channel=channel, piece=piece)
    if stream.instead is not None:
        taken = stream.instead
        stream = _listen_through(path, taken, piece)
    name = f"{printable_name(path)}#{piece}" if piece else printable_name(path)
    check_sound(stream.frames, stream.rate, stream.swing, name)
    return Recording(
        path, stream.frames, stream.peak, taken, stream.rate, stream.channels, stream.coding, stream.note,
        stream.channels_differ, piece,
    )  # fmt: skip


def _listen_through(path: Path, channel: int | None = None, piece: Piece | None = None) -> MonoStream:
    """Every check that needs the whole file, and nothing kept of it."""
    with mono_stream(path, MAX_RECORDING_SECONDS, channel, piece) as stream:
        for _ in stream:
            pass
    return stream


def _resampled(blocks: Iterable[Samples], rate: int, peak: float) -> Iterator[Samples]:
    """What ``resample`` makes of all the blocks joined, in blocks."""
    ratio = resampling_ratio(rate)
    # A joint is where samples of both rates coincide. The sound for a second on both sides of it is more than the filter.
    unit = ratio.denominator * math.ceil(rate / ratio.denominator)
    held, done = np.zeros(0, np.float32), 0  # of what is held, the first samples may be there for the filter alone
    for block in blocks:
        held = np.concatenate([held, block])
        joint = (len(held) // unit - 1) * unit
        if joint - done >= BLOCK_SECONDS * unit:
            yield resample(held, rate, peak)[int(done * ratio) : int(joint * ratio)]
            held, done = held[joint - unit :], unit
    yield resample(held, rate, peak)[int(done * ratio) :]
