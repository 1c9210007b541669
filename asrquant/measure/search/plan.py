"""How a search goes about it, and when it has tried enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asrquant.base.errors import SearchError
from asrquant.base.progress import Progress
from asrquant.measure.search.found import Limits
from asrquant.measure.search.trial import Trial
from asrquant.measure.sensitivity import CALIBRATION
from asrquant.measure.winner import EQUAL_NATS
from asrquant.model.presets import Calibration

CLIPS = 12
SEED = 1337
STAGE = "trying mixtures"
EQUAL = Limits(max_nats=EQUAL_NATS)
"""As accurate as the original, by what a race of presets takes for that."""


@dataclass(frozen=True)
class Budget:
    """When a search has tried enough: at what comes first.

    Attributes:
        minutes: that the trials may take, those before it was resumed included; the last one ends.
        trials: mixtures that are tried.
    """

    minutes: float | None = None
    trials: int | None = None

    def __post_init__(self) -> None:
        """Refuse a search without an end."""
        if self.minutes is None and self.trials is None:
            raise SearchError("A search needs an end: give minutes or trials.")
        if self.minutes is not None and not self.minutes > 0:
            raise SearchError(f"The minutes of a search are {self.minutes}; give more than 0.")
        if self.trials is not None and self.trials < 1:
            raise SearchError(f"The trials of a search are {self.trials}; give 1 or more.")

    def left(self, trials: Sequence[Trial]) -> bool:
        """Whether there is some of it after these trials."""
        if self.trials is not None and len(trials) >= self.trials:
            return False
        return self.minutes is None or _seconds(trials) < 60 * self.minutes

    def report(self, trials: Sequence[Trial], progress: Progress) -> None:
        """Say how far it is."""
        by_trials = len(trials) / self.trials if self.trials else 0.0
        seconds = 60 * self.minutes if self.minutes else 0.0
        by_seconds = _seconds(trials) / seconds if seconds else 0.0
        if self.trials and by_trials >= by_seconds:
            progress(STAGE, len(trials), self.trials)
        else:
            progress(STAGE, int(min(_seconds(trials), seconds)), max(1, int(seconds)))


@dataclass(frozen=True)
class Plan:
    """How a search goes about it.

    Attributes:
        budget: when it has tried enough.
        limits: for what it recommends.
        seed: of all that is drawn.
        layers: whether each transformer layer is decided on by itself.
        engines: that may be chosen; None takes all that can be used here with the model.
        draw: how many clips are calibrated with, and the seed that they are drawn with.
        clips: that trials are measured on; the others are for checking what was found.
    """

    budget: Budget = Budget(minutes=10)
    limits: Limits = EQUAL
    seed: int = SEED
    layers: bool = False
    engines: tuple[str, ...] | None = None
    draw: Calibration = CALIBRATION
    clips: int = CLIPS

    def __post_init__(self) -> None:
        """Refuse to measure on nothing."""
        if self.clips < 1:
            raise SearchError(f"The clips of a search are {self.clips}; give 1 or more.")


def _seconds(trials: Sequence[Trial]) -> float:
    return sum(trial.took_seconds for trial in trials)
