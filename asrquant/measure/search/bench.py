"""The clips of a search: what the float model answers to them, and how far and how fast a mixture does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from asrquant.audio.clip import Audio
from asrquant.base.contention import alone, turns
from asrquant.measure.divergence import kl_divergence
from asrquant.measure.runs import encoder_seconds
from asrquant.measure.search.trial import Measured
from asrquant.model.recognizer import Recognizer

ROUNDS = 5
"""Turns of each, of which ratios are taken: a slow minute hits both, and a slow moment one of five."""
_TURN_SECONDS = 0.25
"""About what a turn of the float model is to take: enough to be timed, and a large model still has its turns in seconds."""
_LEAST_CLIPS = 2
_REST = 0.02
"""Seconds between two turns: threads that wait for work by spinning would take the next one's cores."""
_AGAIN = 2
"""Times that is timed anew where something else had the processor."""


@dataclass(frozen=True)
class Paired:
    """Seconds of two encoders on the same clips, round by round.

    Attributes:
        beside: of the float model.
        seconds: of the mixture.
        undisturbed: whether nothing else had the processor meanwhile, as far as the system says.
    """

    beside: tuple[float, ...]
    seconds: tuple[float, ...]
    undisturbed: bool = True


Clock = Callable[[Recognizer, Recognizer, Sequence[Audio], Callable[[], None]], Paired]
"""Called with the float model, the mixture, clips that both have heard, and a step to be called often."""


def timed(original: Recognizer, mixture: Recognizer, clips: Sequence[Audio], step: Callable[[], None]) -> Paired:
    """Both in turns by this machine's clock; timed anew where something else had the processor meanwhile, the last one counts."""
    for _ in range(1 + _AGAIN):
        begun = turns()
        found = _rounds(original, mixture, clips, step)
        if alone(begun, turns()):
            return found
    return replace(found, undisturbed=False)


def _rounds(original: Recognizer, mixture: Recognizer, clips: Sequence[Audio], step: Callable[[], None]) -> Paired:
    taken: dict[int, list[float]] = {id(original): [], id(mixture): []}
    for number in range(ROUNDS):
        for each in (original, mixture) if number % 2 else (mixture, original):
            step()
            time.sleep(_REST)
            taken[id(each)].append(encoder_seconds(each, clips))
    return Paired(tuple(taken[id(original)]), tuple(taken[id(mixture)]))


class Bench:
    """The clips, and what the float model answers to them."""

    def __init__(self, original: Recognizer, clips: Sequence[Audio], clock: Clock, step: Callable[[], None]) -> None:
        """Run the float model on the clips; ``step`` is called before each and may raise ``Cancelled``."""
        self._original, self._clips, self._clock = original, clips, clock
        self._answers = []
        for clip in clips:
            step()
            self._answers.append(original.log_probs(clip))
        each = encoder_seconds(original, clips[:_LEAST_CLIPS]) / _LEAST_CLIPS
        self._timed = clips[: max(_LEAST_CLIPS, int(_TURN_SECONDS / each))]

    def measure(self, mixture: Recognizer, step: Callable[[], None]) -> Measured:
        """Compare what it answers, and time it; ``step`` is called often and may raise ``Cancelled``."""
        nats, flips = [], []
        for clip, expected in zip(
            self._clips, self._answers, strict=True
        ):  # engines prepare themselves for each length
            step()
            answer = mixture.log_probs(clip)
            nats.append(kl_divergence(expected, answer))
            flips.append(expected.argmax(-1) != answer.argmax(-1))
        paired = self._clock(self._original, mixture, self._timed, step)
        return Measured(
            nats=float(torch.cat(nats).mean()),
            flips=float(torch.cat(flips).float().mean()),
            beside=paired.beside,
            seconds=paired.seconds,
            bytes=mixture.size_bytes(),
        )
