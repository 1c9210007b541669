"""An open sound file, whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


class Reader(Protocol):
    """An open sound file.

    Attributes:
        rate: sampling rate in Hz.
        channels: number of channels.
        coding: container and coding, such as ``WAV PCM_16``.
        claimed: samples a channel that the file says it holds; 0 where it says nothing, or only lets it be estimated.
        announced: the same, estimates included.
        note: after all was read, what was done to it that people should know; often nothing.
    """

    rate: int
    channels: int
    coding: str
    claimed: int
    announced: int
    note: str

    def skip(self, frame: int) -> int:
        """Before anything is read, go forward to a sample if that can be done exactly; the first sample that will be read."""

    def blocks(self) -> Iterator[Samples]:
        """All of it from start to end, [C, T] at about a second each.

        Raises:
            AudioError: it is cut off or damaged.
        """


@dataclass(frozen=True)
class Form:
    """What has to be the same from the start of a sound to its end."""

    rate: int
    channels: int

    def __str__(self) -> str:
        """For people."""
        return f"{self.rate} Hz, {self.channels} channel{'s' * (self.channels > 1)}"


def changes_midway(name: str, before: Form, now: Form) -> str:
    """The sentence for sound whose form changes."""
    return f"{name} changes midway from {before} to {now}; save it as WAV or FLAC and try again."


def joined(*notes: str) -> str:
    """Several notes as one, without those that are empty."""
    return ", ".join(note for note in notes if note)
