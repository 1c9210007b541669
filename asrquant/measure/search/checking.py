"""The fastest mixtures that a search found, on clips that it has not seen, and which of them is recommended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from asrquant.audio.clip import Audio
from asrquant.measure.divergence import kl_divergence
from asrquant.measure.intervals import Interval, speedup
from asrquant.measure.report import bootstrap, character_counts, word_counts
from asrquant.measure.search.bench import Clock
from asrquant.measure.search.found import Checked, Limits, Point, numbered
from asrquant.model.presets import Preset
from asrquant.model.recognizer import Recognizer
from asrquant.text.metrics import Measure, WordErrors, total_errors, word_errors

CHECKED = 6
"""Points that are looked at on unseen clips at most: with each one more, one is likelier to hold there by luck."""
AS_FAST = 0.9
"""Of the fastest one's speed, from which on size decides."""
_RUNS = 2
"""Calls of the clock, whose rounds count together."""


@dataclass(frozen=True)
class Unseen:
    """Clips that the search has not seen.

    Attributes:
        clips: as they were read.
        references: what was said in each; empty where nobody says it.
    """

    clips: tuple[Audio, ...]
    references: tuple[str, ...]


@dataclass(frozen=True)
class _Heard:
    """What the float model makes of the unseen clips."""

    answers: tuple[torch.Tensor, ...]
    errors: tuple[WordErrors, ...]


class Checker:
    """Looks at mixtures on unseen clips."""

    def __init__(self, original: Recognizer, unseen: Unseen, clock: Clock, step: Callable[[], None]) -> None:
        """Run the float model on them; ``step`` is called often and may raise ``Cancelled``."""
        self._original, self._unseen, self._clock, self._step = original, unseen, clock, step
        answers = []
        for clip in unseen.clips:
            step()
            answers.append(original.log_probs(clip))
        self._heard = _Heard(tuple(answers), self._count(answers))
        total = total_errors(self._heard.errors)
        self.words, self.measure = total.reference_words, total.measure

    def _count(self, answers: Sequence[torch.Tensor]) -> tuple[WordErrors, ...]:
        pairs = zip(self._unseen.references, answers, strict=False)
        return tuple(word_errors(said, self._original.decoder(answer)) for said, answer in pairs)

    def check(self, mixture: Recognizer) -> Checked:
        """Compare what a mixture answers, count its errors, and time it."""
        answers = []
        for clip in self._unseen.clips:
            self._step()
            answers.append(mixture.log_probs(clip))
        nats = [kl_divergence(*both) for both in zip(self._heard.answers, answers, strict=True)]
        change, interval = self._change(self._count(answers), self.measure)
        pairs = [self._clock(self._original, mixture, self._unseen.clips, self._step) for _ in range(_RUNS)]
        beside = tuple(each for pair in pairs for each in pair.beside)
        seconds = tuple(each for pair in pairs for each in pair.seconds)
        return Checked(
            nats=float(torch.cat(nats).mean()),
            nats_interval=_mean_interval(nats),
            change=change,
            change_interval=interval,
            speedup=speedup(beside, seconds),
            bytes=mixture.size_bytes(),
            steady=all(pair.undisturbed for pair in pairs),
        )

    def _change(self, errors: Sequence[WordErrors], measure: Measure) -> tuple[float | None, Interval | None]:
        counts = character_counts if measure == "CER" else word_counts
        before = [counts(each) for each in self._heard.errors]
        after = [counts(each) for each in errors]
        units = np.array([unit for _, unit in before], dtype=float)
        if not units.sum():
            return None, None
        more = np.array([a[0] - b[0] for a, b in zip(after, before, strict=True)], dtype=float)
        return float(100 * more.sum() / units.sum()), bootstrap(more, units)


def _mean_interval(nats: Sequence[torch.Tensor]) -> Interval:
    """Of the mean over all frames, by resampling the clips."""
    sums, frames = ([float(value) for value in each] for each in ([n.sum() for n in nats], [len(n) for n in nats]))
    percent = bootstrap(np.array(sums), np.array(frames))
    return Interval(percent.low / 100, percent.high / 100)


def candidates(points: Sequence[Point], limits: Limits) -> tuple[int, ...]:
    """Numbers of the points that are looked at: of those within ``max_nats`` on the clips of the search the fastest ones."""
    near = [
        number
        for number, point in numbered(points)
        if limits.max_nats is None or point.measured.nats <= limits.max_nats
    ]
    return tuple(near[:CHECKED])


def check_points(
    points: Sequence[Point],
    limits: Limits,
    checker: Checker,
    build: Callable[[Preset], Recognizer],
    said: Callable[[int, int], None],
) -> tuple[Point, ...]:
    """The points, those that may be recommended with what they do on unseen clips.

    Args:
        points: fastest first.
        limits: of what is recommended.
        checker: that looks at them.
        build: makes a recognizer, as whoever takes the preset makes it.
        said: called with how many are done, of how many.
    """
    wanted, checked = candidates(points, limits), list(points)
    for done, number in enumerate(wanted):
        said(done, len(wanted))
        point = checked[number - 1]
        checked[number - 1] = replace(point, checked=checker.check(build(point.preset)))
    return tuple(checked)


def recommended(points: Sequence[Point], limits: Limits) -> int | None:
    """The number of a point that holds the limits on unseen clips: of those about as fast as the fastest, the smallest.

    About as fast is what reaches ``AS_FAST`` of its speed, or the lower end of its interval. None where none holds them.
    """
    holding = [
        (number, point.checked) for number, point in numbered(points) if point.checked and point.checked.holds(limits)
    ]
    if not holding:
        return None
    fastest = max((checked for _, checked in holding), key=lambda checked: checked.speedup.median)
    enough = min(AS_FAST * fastest.speedup.median, fastest.speedup.interval.low)
    rivals = [each for each in holding if each[1].speedup.median >= enough]
    return min(rivals, key=lambda each: (each[1].bytes, -each[1].speedup.median))[0]
