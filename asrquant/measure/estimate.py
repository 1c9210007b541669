"""About how long a benchmark takes, from one clip of middling length, before it begins."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from asrquant.audio.clip import MAX_SECONDS
from asrquant.audio.sound import read_header
from asrquant.base.errors import AudioError
from asrquant.data.dataset import Utterance
from asrquant.measure.crew import Step
from asrquant.model.recognizer import Recognizer

LEAST_CLIPS = 8
"""Of fewer it shows soon enough."""
_LOOKED_AT = 40
"""Clips, spread over the data set, whose headers say how long they are."""
_UNITS = ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


@dataclass(frozen=True)
class Estimate:
    """How long a benchmark would take.

    Attributes:
        clips: that are to be run.
        seconds: that this machine would take alone, one clip after the other.
        workers: how many clips are run at once.
    """

    clips: int
    seconds: float
    workers: int

    def __str__(self) -> str:
        """Such as ``40 clips: about 11 h on this machine, 1.4 h with 8 workers if each is as fast``."""
        text = f"{self.clips} clips: about {spoken(self.seconds)} on this machine"
        if self.workers > 1:
            text += f", {spoken(self.seconds / self.workers)} with {self.workers} workers if each is as fast"
        return text


def spoken(seconds: float) -> str:
    """A time with at most two figures: ``40 s``, ``3.5 min``, ``11 h``."""
    size, unit = next((each for each in _UNITS if seconds >= 1.5 * each[0]), _UNITS[-1])
    count = seconds / size
    return f"{count:.0f} {unit}" if count >= 10 or unit == "s" else f"{count:.2g} {unit}"


def estimate(
    recognizers: Sequence[Recognizer], clips: Sequence[Utterance], workers: int, step: Step = lambda: None
) -> Estimate | None:
    """Time a clip of middling length here, once after a warm-up.

    Args:
        recognizers: all that each clip will go through.
        clips: that are to be run.
        workers: how many will be run at once.
        step: called before each recognizer's turn; may raise ``Cancelled``.

    Returns:
        None where there are few clips, or none that can be timed in a short time.
    """
    if len(clips) < LEAST_CLIPS:
        return None
    looked_at = clips[:: max(1, len(clips) // _LOOKED_AT)]
    lengths = [_seconds(clip) for clip in looked_at]
    known = [seconds for seconds in lengths if seconds]
    fitting = [index for index, seconds in enumerate(lengths) if 0 < seconds <= MAX_SECONDS]
    if not fitting:
        return None
    median = statistics.median(known)
    middling = looked_at[min(fitting, key=lambda index: abs(lengths[index] - median))]
    try:
        took = [_pass(recognizers, middling, step) for _ in ("warm-up", "timed")]
    except AudioError:
        return None
    heard = middling.audio().seconds
    return Estimate(len(clips), took[-1] / heard * len(clips) * statistics.mean(known), workers)


def _pass(recognizers: Sequence[Recognizer], clip: Utterance, step: Step) -> float:
    begun = time.perf_counter()
    audio = clip.open()
    for recognizer in recognizers:
        step()
        recognizer.transcribe(audio)
    return time.perf_counter() - begun


def _seconds(clip: Utterance) -> float:
    try:
        return read_header(clip.path, clip.piece).seconds
    except AudioError:
        return 0.0
