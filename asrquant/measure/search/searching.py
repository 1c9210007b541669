"""``search``: which mixture of precisions and engines is the fastest and smallest that still answers as the float model does."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from asrquant.audio.clip import Audio
from asrquant.base.errors import Cancelled, DatasetError, PresetError
from asrquant.base.progress import Progress, silent
from asrquant.data.bundled import validation_clips
from asrquant.data.dataset import Dataset, Utterance
from asrquant.data.sounds import read_sounds
from asrquant.engines.clips import BUNDLED_VALIDATION, OWN, Clips, WithWords, strange
from asrquant.engines.quantize import quantize
from asrquant.engines.workshop import Workshop
from asrquant.measure.conditions import here
from asrquant.measure.search.bench import Bench, Clock, timed
from asrquant.measure.search.checking import Checker, Unseen, check_points, recommended
from asrquant.measure.search.found import Found, Point
from asrquant.measure.search.plan import Plan
from asrquant.measure.search.seeds import Asked, next_seed
from asrquant.measure.search.space import Space, space_of
from asrquant.measure.search.study import Study
from asrquant.measure.search.trial import ORIGINAL, Measured, Trial, front
from asrquant.measure.sensitivity import possible_groups
from asrquant.model.presets import PRESETS, Preset
from asrquant.model.recognizer import Recognizer
from asrquant.model.used import UsedClips
from asrquant.text.normalize import has_words

LEAST_UNSEEN = 2
CHECKING = "checking the fastest on unseen clips"

Watch = Callable[[tuple[Trial, ...]], object]
"""Called with all trials after each of them."""


def search(
    recognizer: Recognizer,
    clips: WithWords | None = None,
    plan: Plan = Plan(),  # noqa: B008  (frozen)
    store: Path | None = None,
    resume: bool = False,
    calibration: Clips | None = None,
    progress: Progress = silent,
    watch: Watch = lambda trials: None,
    clock: Clock = timed,
) -> Found:
    """Try mixtures until the budget is spent, then check the fastest on clips that no trial was measured on.

    Args:
        recognizer: a float one.
        clips: a data set, its path, or clips; words are needed for ``max_drop`` alone. ``plan.clips`` of them, spread over all,
            are searched with, the others are unseen. None takes bundled ones, which are for the embedded model only.
        plan: how.
        store: SQLite file that each trial is written to as it is done; None keeps them in memory.
        resume: whether to go on with what ``store`` holds.
        calibration: clips for static parts, as ``quantize`` takes them.
        progress: called before each step; may raise ``Cancelled``, and what is done is in ``store``.
        watch: called with all trials after each of them.
        clock: times a mixture beside the float model; a trial that is in ``store`` is never timed again.

    Raises:
        SearchError: ``store`` cannot be used, or there is another search in it.
        PresetError: the recognizer is quantized already, nothing can be chosen, or the bundled clips would be used for another
            model than the embedded one.
        DatasetError: there are too few clips, or words are needed and missing.
        AudioError: a clip cannot be used.
        Cancelled: ``progress`` did.
    """
    if recognizer.preset.engine:
        raise PresetError(f"The recognizer is quantized already ({recognizer.preset.name}); start from the float one.")
    data = _data(recognizer, clips)
    seen, unseen = _split(data, plan)
    space = space_of(recognizer, plan.layers, plan.engines, plan.draw)
    if isinstance(calibration, str | Path):
        calibration = read_sounds(calibration)
    heard = tuple(clip.audio() for clip in seen)
    settings = _settings(recognizer, heard, space, plan, calibration)
    study = Study(space, plan.seed, settings, store, resume)
    try:
        with Workshop() as workshop:
            searching = _Searching(recognizer, space, plan, study, workshop, calibration, clock, watch, progress)
            exhausted = searching.run(heard)
            return searching.found(data, unseen, exhausted)
    finally:
        study.close()


def _data(recognizer: Recognizer, clips: WithWords | None) -> Dataset:
    if clips is None:
        why = "What a mixture does is measured on clips"
        if reason := strange(recognizer, why, "--data PATH, clips="):
            raise PresetError(reason.replace("give clips with their words", "give clips"))
        return Dataset(BUNDLED_VALIDATION, validation_clips())
    if isinstance(clips, str | Path):
        return read_sounds(clips)
    return clips if isinstance(clips, Dataset) else Dataset(OWN, tuple(clips))


def _split(data: Dataset, plan: Plan) -> tuple[tuple[Utterance, ...], tuple[Utterance, ...]]:
    """Clips to search with, spread over all, and the others."""
    there = data.utterances
    if len(there) < plan.clips + LEAST_UNSEEN:
        raise DatasetError(
            f"{data.name} has {len(there)} clips that can be used; a search needs {plan.clips} to measure on and at least "
            f"{LEAST_UNSEEN} others to check what it finds: give more, or search with fewer (--clips)."
        )
    at = {round(index * len(there) / plan.clips) for index in range(plan.clips)}
    seen = tuple(clip for index, clip in enumerate(there) if index in at)
    unseen = tuple(clip for index, clip in enumerate(there) if index not in at)
    if plan.limits.max_drop is not None and (silent_ones := [c.id for c in unseen if not has_words(c.reference)]):
        raise DatasetError(
            f"The clip {silent_ones[0]!r} has no words, and {plan.limits} is counted in words; give clips with theirs."
        )
    return seen, unseen


def _settings(
    recognizer: Recognizer, heard: Sequence[Audio], space: Space, plan: Plan, calibration: Clips | None
) -> dict[str, str]:
    """What a search must have in common with the one that it goes on with."""
    sounds = hashlib.sha256(b"".join(clip.samples.tobytes() for clip in heard)).hexdigest()
    given = "bundled" if calibration is None else calibration.name if isinstance(calibration, Dataset) else OWN
    return {
        "model": recognizer.named,
        "recognizer": recognizer.fingerprint(),
        "clips": sounds,
        "mixtures": repr(space),
        "seed": str(plan.seed),
        "divergence for the suggestion": str(plan.limits.max_nats),
        "calibration clips": given,
        "machine": repr(here()),
    }


class _Searching:
    """A search under way."""

    def __init__(
        self, original: Recognizer, space: Space, plan: Plan, study: Study, workshop: Workshop, calibration: Clips | None,
        clock: Clock, watch: Watch, progress: Progress,
    ) -> None:  # fmt: skip
        self._original, self._space, self._plan, self._study = original, space, plan, study
        self._workshop, self._given, self._clock = workshop, calibration, clock
        self._watch, self._progress = watch, progress

    def _step(self) -> None:
        self._plan.budget.report(self._study.trials, self._progress)

    def run(self, heard: Sequence[Audio]) -> bool:
        """Try mixtures until the budget is spent; whether it ended as nothing new was left."""
        self._step()
        study, bench = self._study, Bench(self._original, heard, self._clock, self._step)
        groups = possible_groups(self._original, self._plan.layers)
        if not study.trials:
            itself = Measured(0.0, 0.0, (1.0,), (1.0,), self._original.size_bytes())
            study.add(Trial(0, ORIGINAL, (), PRESETS[ORIGINAL], itself))
        self._watch(tuple(study.trials))
        while self._plan.budget.left(study.trials):
            asked = next_seed(self._space, groups, study.trials, self._plan.limits.max_nats) or study.propose()
            if asked is None:
                return True
            study.add(self._try(bench, asked))
            self._watch(tuple(study.trials))
        return False

    def _try(self, bench: Bench, asked: Asked) -> Trial:
        begun = time.monotonic()
        measured, failed = None, ""
        try:
            mixture = quantize(self._original, asked.preset, self._given, lambda *_: self._step(), shelf=self._workshop)
            measured = bench.measure(mixture, self._step)
        except Cancelled:
            raise
        except PresetError as error:
            failed = str(error)
        took = time.monotonic() - begun
        return Trial(
            len(self._study.trials), asked.origin, asked.choices, asked.preset, measured, failed, round(took, 3)
        )

    def found(self, data: Dataset, unseen: Sequence[Utterance], exhausted: bool) -> Found:
        """Check the fastest on unseen clips, and sum up."""
        plan, trials = self._plan, self._study.trials
        words = all(has_words(clip.reference) for clip in unseen)
        others = Unseen(
            tuple(clip.audio() for clip in unseen), tuple(clip.reference for clip in unseen) if words else ()
        )
        used: list[UsedClips] = []

        def build(preset: Preset) -> Recognizer:
            made = quantize(self._original, preset, self._given, lambda *_: step(), shelf=self._workshop)
            used.extend(filter(None, [made.calibration]))
            return made

        at = [0, 1]

        def step() -> None:
            self._progress(CHECKING, *at)

        checker = Checker(self._original, others, self._clock, step)
        points = tuple(
            Point(each.number, each.origin, each.preset, each.measured) for each in front(trials) if each.measured
        )
        checked = check_points(points, plan.limits, checker, build, lambda *now: at.__setitem__(slice(None), now))
        return Found(
            model=self._original.named,
            decoder=self._original.decoder.name,
            data=data.name,
            clips=plan.clips,
            unseen=len(unseen),
            words=checker.words,
            measure=checker.measure,
            seed=plan.seed,
            trials=len(trials),
            failed=sum(each.measured is None for each in trials),
            minutes=sum(each.took_seconds for each in trials) / 60,
            exhausted=exhausted,
            limits=plan.limits,
            points=checked,
            recommended=recommended(checked, plan.limits),
            float_bytes=self._original.size_bytes(),
            conditions=here(),
            calibration=used[0] if used else None,
        )
