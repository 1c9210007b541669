"""What a search tried, and which of it no other trial beats. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from asrquant.model.presets import Preset

ORIGINAL = "original"
"""Origin of the first trial, which is the float model itself."""


@dataclass(frozen=True)
class Measured:
    """What a mixture does, on the clips of a search.

    Attributes:
        nats: mean divergence from the float model, in nats a frame, over all frames.
        flips: share of the frames whose most probable label is another.
        beside: seconds of the float model's encoder, round by round.
        seconds: of the mixture's, in the same rounds.
        bytes: of the saved encoder.
    """

    nats: float
    flips: float
    beside: tuple[float, ...]
    seconds: tuple[float, ...]
    bytes: int

    def __post_init__(self) -> None:
        """Refuse what no encoder and no clock gives."""
        times = (*self.beside, *self.seconds)
        if len(self.beside) != len(self.seconds) or not times or not all(0 < each < math.inf for each in times):
            raise ValueError(f"the seconds of a trial are {self.seconds} beside {self.beside}")
        if not 0 <= self.nats < math.inf or not 0 <= self.flips <= 1 or self.bytes <= 0:
            raise ValueError(f"a trial measured {self.nats} nats, {self.flips} flips, {self.bytes} bytes")

    @property
    def share(self) -> float:
        """Of the float model's time that the encoder takes: the median over the rounds."""
        return median(mine / other for mine, other in zip(self.seconds, self.beside, strict=True))


@dataclass(frozen=True)
class Trial:
    """A mixture that was tried.

    Attributes:
        number: in the order of the search, from 0.
        origin: why it was tried: ``original``, ``alone: …``, ``sensitivity``, the name of a preset, or ``sampled``.
        choices: that lead to it, by the names that ``Space`` gives them.
        preset: that carries it out.
        measured: None where it could not be built.
        failed: why not, in a sentence.
        took_seconds: for all of it.
    """

    number: int
    origin: str
    choices: tuple[tuple[str, str], ...]
    preset: Preset
    measured: Measured | None
    failed: str = ""
    took_seconds: float = 0.0


def front(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The trials that no other beats in divergence, time and size together (the Pareto front), fastest first.

    Of two that are alike in all three, the earlier one.
    """
    able = [trial for trial in trials if trial.measured]
    goals = {trial.number: goals_of(trial.measured) for trial in able if trial.measured}

    def beaten(trial: Trial) -> bool:
        mine = goals[trial.number]
        for other in able:
            theirs = goals[other.number]
            no_worse = all(a <= b for a, b in zip(theirs, mine, strict=True))
            if no_worse and (theirs != mine or other.number < trial.number):
                return True
        return False

    kept = [trial for trial in able if not beaten(trial)]
    return tuple(sorted(kept, key=lambda trial: goals[trial.number][1]))


def goals_of(measured: Measured) -> tuple[float, float, int]:
    """What is to be small: nats, share of the time, bytes."""
    return measured.nats, measured.share, measured.bytes
