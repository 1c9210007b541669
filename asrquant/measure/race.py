"""What is fastest on the machine at hand: all presets in turns on the bundled clips, at equal accuracy, within a minute or so."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from asrquant.audio.clip import Audio
from asrquant.base.errors import AsrQuantError, Cancelled
from asrquant.base.progress import Progress, silent
from asrquant.base.turns import in_turn
from asrquant.data.bundled import example_clips, validation_clips
from asrquant.data.dataset import Utterance
from asrquant.engines.quantize import quantize
from asrquant.engines.registry import unavailable
from asrquant.measure.conditions import here
from asrquant.measure.divergence import kl_divergence
from asrquant.measure.report import Interval, bootstrap
from asrquant.measure.runs import encoder_seconds
from asrquant.measure.winner import ORIGINAL, LeftOut, Race, Ran
from asrquant.model.presets import PRESETS, Preset
from asrquant.model.recognizer import Recognizer
from asrquant.sources.loading import is_embedded
from asrquant.text.metrics import word_errors

LEAST_ROUNDS, MOST_ROUNDS = 7, 15
SECONDS = 20.0
"""That the rounds may take, once there are ``LEAST_ROUNDS``."""
_LEAST_CLIPS = 2
_REST = 0.02
"""Seconds between two presets' turns: threads that wait for work by spinning would take the next one's cores."""
_ACCURACY_CONTROL = "takes minutes to build, as its layers are chosen by their WER"

Build = Callable[[Preset], Recognizer]


@dataclass(frozen=True)
class _Near:
    """How near a preset's answers are to the original's; see ``Ran``."""

    nats: float
    flips: float
    worse: Interval | None


@dataclass
class Racing:
    """A race that goes on where it was stopped: what is built, looked at, and timed so far.

    A round is whole or not counted. Ratios are taken within a round, so that rounds of another hour are as good.
    """

    recognizers: dict[str, Recognizer] = field(default_factory=dict)
    near: dict[str, _Near] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    clips: list[Audio] = field(default_factory=list)
    rounds: list[dict[str, float]] = field(default_factory=list)
    spent: float = 0.0


def race(
    original: Recognizer,
    build: Build | None = None,
    presets: Sequence[Preset] | None = None,
    progress: Progress = silent,
    racing: Racing | None = None,
) -> Race:
    """Build the presets, look at what they answer, and time their encoders in turns.

    Args:
        original: the float recognizer.
        build: makes the others of it; None builds each anew.
        presets: that take part; None takes all that have a name.
        progress: called before each step; may raise ``Cancelled``.
        racing: what was done before ``Cancelled``, to go on with.

    Raises:
        Cancelled: ``progress`` did; ``racing`` has what is done.
    """
    racing, begun = racing or Racing(), time.monotonic()
    make = build or (lambda preset: quantize(original, preset, progress=progress))
    wanted = [each for each in presets or PRESETS.values() if each.engine]
    try:
        with torch.inference_mode():
            racing.recognizers.setdefault(ORIGINAL, original)
            _build(racing, original, wanted, make, progress)
            accuracy_clips = _look(racing, original, progress)
            _time(racing, progress)
    finally:
        racing.spent += time.monotonic() - begun
    return Race(
        model=original.named,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        conditions=here(),
        clips=len(racing.clips),
        audio_seconds=sum(clip.seconds for clip in racing.clips),
        accuracy_clips=accuracy_clips,
        ran=tuple(
            Ran(name, tuple(each[name] for each in racing.rounds), near.nats, near.flips, near.worse)
            for name, near in racing.near.items()
        ),
        left_out=tuple(LeftOut(name, reason) for name, reason in racing.left_out.items()),
        took_seconds=racing.spent,
    )


def left_out_because(preset: Preset, original: Recognizer) -> str | None:
    """Why a preset takes no part where all presets are timed; None where it does."""
    return unavailable(preset, original) or (_ACCURACY_CONTROL if preset.needs_validation else None)


def _build(racing: Racing, original: Recognizer, wanted: Sequence[Preset], make: Build, progress: Progress) -> None:
    for index, preset in enumerate(wanted):
        progress(f"building {preset.name}", index, len(wanted))
        if preset.name in racing.recognizers or preset.name in racing.left_out:
            continue
        if reason := left_out_because(preset, original):
            racing.left_out[preset.name] = reason
            continue
        try:
            racing.recognizers[preset.name] = make(preset)
        except Cancelled:
            raise
        except AsrQuantError as error:
            racing.left_out[preset.name] = str(error)


def _look(racing: Racing, original: Recognizer, progress: Progress) -> int:
    """Fill ``near``; returns the number of clips that were looked at."""
    spoken = is_embedded(original)  # the bundled words say nothing of another model
    clips = validation_clips() if spoken else example_clips()
    heard = [clip.audio() for clip in clips]
    expected: list[torch.Tensor] = []
    for name, recognizer in racing.recognizers.items():
        if name in racing.near:
            continue
        expected = expected or _answers(original, heard, progress)
        answers = expected if name == ORIGINAL else _answers(recognizer, heard, progress)
        worse = _worse(original, clips, expected, answers) if spoken else None
        nats = torch.cat([kl_divergence(*pair) for pair in zip(expected, answers, strict=True)])
        flips = torch.cat([a.argmax(-1) != b.argmax(-1) for a, b in zip(expected, answers, strict=True)])
        racing.near[name] = _Near(float(nats.mean()), float(flips.float().mean()), worse)
    return len(clips)


def _answers(recognizer: Recognizer, clips: Sequence[Audio], progress: Progress) -> list[torch.Tensor]:
    answers = []
    for index, clip in enumerate(clips):
        progress(f"comparing what {recognizer.preset.name} answers", index, len(clips))
        answers.append(recognizer.log_probs(clip))
    return answers


def _worse(
    original: Recognizer, clips: Sequence[Utterance], before: Sequence[torch.Tensor], after: Sequence[torch.Tensor]
) -> Interval:
    """Interval of the change of WER, decoded greedily; paired bootstrap over clips."""
    greedy = original.with_decoder("greedy").decoder
    first, second = (
        [word_errors(clip.reference, greedy(answer)) for clip, answer in zip(clips, answers, strict=True)]
        for answers in (before, after)
    )
    change = np.array([b.errors - a.errors for a, b in zip(first, second, strict=True)], dtype=float)
    return bootstrap(change, np.array([each.reference_words for each in first], dtype=float))


def _time(racing: Racing, progress: Progress) -> None:
    """Warm up and fill ``rounds``: in each every preset has its turn with all clips, and the order is turned by one."""
    names = list(racing.recognizers)
    if not racing.clips:
        racing.clips = _fitting(racing.recognizers[ORIGINAL], len(names))
    for index, name in enumerate(names):  # engines prepare themselves for each length
        progress("warming up", index, len(names))
        encoder_seconds(racing.recognizers[name], racing.clips)
    begun = time.monotonic()
    while len(racing.rounds) < MOST_ROUNDS:
        done = len(racing.rounds)
        if done >= LEAST_ROUNDS and time.monotonic() - begun > SECONDS:
            return
        times = {}
        for name in in_turn(names, done):
            progress("timing, round", done, MOST_ROUNDS)
            time.sleep(_REST)
            times[name] = encoder_seconds(racing.recognizers[name], racing.clips)
        racing.rounds.append(times)


def _fitting(original: Recognizer, presets: int) -> list[Audio]:
    """The bundled examples, or as many as leave time for the rounds of a large model, at least two."""
    clips = [clip.audio() for clip in example_clips()]
    original.log_probs(clips[0])
    begun = time.perf_counter()
    original.log_probs(clips[0])
    for_all = (time.perf_counter() - begun) / clips[0].seconds * sum(clip.seconds for clip in clips)
    share = SECONDS / (LEAST_ROUNDS * presets * for_all)
    return clips[: max(_LEAST_CLIPS, int(min(1.0, share) * len(clips)))]
