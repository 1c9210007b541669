"""Intervals, and how many times one's speed another reached in times that were taken in turns. Pure functions."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
LEAST_ROUNDS = 5
"""Pairs of times, from which on an interval says something."""
UNSTEADY = 0.25
"""Of the median, that the middle half of the rounds may span: beyond it something else had the processor."""
_RESAMPLES, _SEED = 10_000, 1337


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of what resampling the clips gives, in the unit of what was resampled."""

    low: float
    high: float


@dataclass(frozen=True)
class Speedup:
    """Median over the rounds of the ratio of two times, and its 95 % interval by bootstrap over rounds."""

    median: float
    interval: Interval

    @property
    def clear(self) -> bool:
        """Whether the interval leaves no doubt which of the two is ahead."""
        return self.interval.low > 1 or self.interval.high < 1

    def __str__(self) -> str:
        """Such as ``2.13 x (2.09 to 2.17)``."""
        return f"{self.median:.2f} x ({self.interval.low:.2f} to {self.interval.high:.2f})"


@functools.lru_cache(maxsize=256)  # a page asks for the same ones for each name in each of its lists
def speedup(slow: tuple[float, ...], fast: tuple[float, ...]) -> Speedup:
    """How many times the speed of ``slow`` ``fast`` reached, paired round by round."""
    ratios = np.array(slow) / np.array(fast)
    drawn = np.random.default_rng(_SEED).integers(len(ratios), size=(_RESAMPLES, len(ratios)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.median(ratios[drawn], axis=1), [tail, 1 - tail])
    return Speedup(float(np.median(ratios)), Interval(float(low), float(high)))


def steady(seconds: tuple[float, ...]) -> bool:
    """Whether the same work took about as long in each round; else nothing can be said of what was timed beside it."""
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    return bool(high - low <= UNSTEADY * median)
