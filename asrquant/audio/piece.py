"""A piece of a sound file that is a clip of its own, as data sets of long recordings have them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from asrquant.audio.reader import Reader, Samples
from asrquant.base.errors import AudioError

SLACK_SECONDS = 0.01
"""By which a piece may end after its file does: times are often written with two decimals."""
PADDING_SECONDS = 0.1
"""The same where the file's own length is not exact, as an encoder's delay and padding may be counted in it."""
MAX_SKIPPED_SECONDS = 7_200
"""Before a piece, in a file whose decoder needs all that came before."""


@dataclass(frozen=True)
class Piece:
    """A part of a sound file: from where to where, and of which channel.

    Attributes:
        start: where it starts.
        end: where it ends; None is the end of the file.
        in_samples: whether these count samples at the file's own rate; else they are seconds.
        channel: the one that is meant, 1 for the first; None is the mean of all.
    """

    start: float = 0.0
    end: float | None = None
    in_samples: bool = False
    channel: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no piece of any file; raises ``ValueError``."""
        for value in (self.start, self.end or 0.0):
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"its times are {self}; they must be numbers from 0 on")
            if self.in_samples and value != int(value):
                raise ValueError(
                    f"its samples are {self}; they must be whole numbers (seconds are called start and end)"
                )
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"its times are {self}; it must end after it starts")
        if self.channel is not None and self.channel < 1:
            raise ValueError(f"its channel is {self.channel}; the first one is 1")

    def __str__(self) -> str:
        """From where to where, ``4.5-7.3``; where a channel is meant, with it: ``4.5-7.3@2``."""
        times = f"{self.start:.12g}-{'end' if self.end is None else format(self.end, '.12g')}"
        return times if self.channel is None else f"{times}@{self.channel}"

    @property
    def taken(self) -> int | None:
        """Its channel counted from 0; None is the mean of all."""
        return None if self.channel is None else self.channel - 1

    def first(self, rate: int) -> int:
        """Its first sample in a file of that rate."""
        return round(self.start if self.in_samples else self.start * rate)

    def last(self, rate: int) -> int | None:
        """The sample after its last one; None at the end of the file."""
        return None if self.end is None else round(self.end if self.in_samples else self.end * rate)

    def length(self, rate: int, frames: int) -> int:
        """Samples that it has in a file of ``frames`` samples; 0 or less where it lies behind its end."""
        last = self.last(rate)
        return (frames if last is None else min(last, frames)) - self.first(rate)

    def check(self, reader: Reader, frames: int, name: str) -> None:
        """Turn away a piece of more than is there.

        Raises:
            AudioError: it starts or ends after the file's ``frames`` samples.
        """
        rate = reader.rate
        exact = reader.claimed == reader.announced
        slack = PADDING_SECONDS * rate if not exact else 0 if self.in_samples else SLACK_SECONDS * rate
        if self.first(rate) >= frames or (self.last(rate) or 0) > frames + slack:
            unit = "samples" if self.in_samples else "s"
            length = f"{frames}" if self.in_samples else f"{frames / rate:.2f}"
            raise AudioError(f"{name} lies beyond the end of its file, which has {length} {unit}; check its times.")


def piece_blocks(reader: Reader, piece: Piece, name: str) -> Iterator[Samples]:
    """A piece of an open file, [C, T] at about a second each; without decoding what comes before, where that can be.

    Raises:
        AudioError: there is less in the file, or it cannot be reached.
    """
    first, last = piece.first(reader.rate), piece.last(reader.rate)
    at = reader.skip(first)
    if first - at > MAX_SKIPPED_SECONDS * reader.rate:
        raise AudioError(
            f"{name} starts after more than {MAX_SKIPPED_SECONDS // 3600} h of {reader.coding}, in which nothing can be "
            "found without decoding all before it; save the recording as WAV or FLAC."
        )
    for block in reader.blocks():
        wanted = block[:, max(0, first - at) : None if last is None else max(0, last - at)]
        at += block.shape[1]
        if wanted.shape[1]:
            yield wanted
        if last is not None and at >= last:
            return
    piece.check(reader, at, name)
