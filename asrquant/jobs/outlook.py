"""About how long a build still takes: what each step took where it was measured, at the speed of this machine so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import takewhile

from asrquant.base.progress import Progress
from asrquant.model.engine_settings import OnnxRuntime, OpenVino, TorchEager
from asrquant.model.presets import Preset

LEFT = ", about "
"""Comes between a step and how long all of them still take."""
_WORTH_SAYING = 15.0
"""Seconds; of less nobody needs to be told."""
_WORTH_BELIEVING = 4.0
"""Seconds of steps, as they were measured, after which this machine's speed is known."""
_SECONDS = {
    "quantizing layers": 4.0,
    "calibrating": 8.0,
    "converting to OpenVINO": 14.0,
    "checking what was converted": 6.0,
    "preparing to calibrate": 15.0,
    "NNCF's calibrating": 19.0,
    "correcting biases, layer": 4.0,
    "compiling": 5.0,
    "exporting to ONNX": 15.0,
    "checking what was exported": 5.0,
    "ONNX's calibrating": 10.0,
    "quantizing weights": 15.0,
    "opening": 2.0,
}
"""Of a step, for each gigabyte of float weights and with ten calibration clips: a first guess, in about the proportion of the
processor time that ``examples/first_answer.py`` prints, until the speed of the machine is known."""


def steps(preset: Preset) -> Mapping[str, float]:
    """The steps that a build reports, in their order, and what each takes of one gigabyte; empty where nobody can say."""
    settings = preset.settings
    clips = preset.calibration.clips / 10
    if isinstance(settings, TorchEager):
        found = {"quantizing layers": _SECONDS["quantizing layers"]} if settings.dynamic else {}
        return {**found, **({"calibrating": _SECONDS["calibrating"] * clips} if settings.static else {})}
    if isinstance(settings, OpenVino) and settings.max_drop is None:
        names = ["converting to OpenVINO", "checking what was converted"]
        before = {name: _SECONDS[name] for name in names}
        int8 = {
            "preparing to calibrate": _SECONDS["preparing to calibrate"],
            "calibrating": _SECONDS["NNCF's calibrating"] * clips,
            "correcting biases, layer": _SECONDS["correcting biases, layer"],
        }
        return {**before, **(int8 if settings.int8 else {}), "compiling": _SECONDS["compiling"]}
    if isinstance(settings, OnnxRuntime):
        before = {name: _SECONDS[name] for name in ("exporting to ONNX", "checking what was exported")}
        ranges = {"calibrating": _SECONDS["ONNX's calibrating"] * clips} if settings.needs_calibration else {}
        weights = {} if settings.int8 == "none" else {"quantizing weights": _SECONDS["quantizing weights"]}
        return {**before, **ranges, **weights, "opening": _SECONDS["opening"]}
    return {}


class Outlook:
    """A progress callback that says of each step how long all of them still take, and hands it on."""

    def __init__(
        self, expected: Mapping[str, float], progress: Progress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing has begun yet.

        Args:
            expected: step → seconds, in their order.
            progress: told of each step.
            clock: in seconds.
        """
        self._expected, self._progress, self._clock = expected, progress, clock
        self._first: tuple[float, float] | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Hand on a step; one that nobody expects as it is."""
        left = self._left(stage, done / max(total, 1)) if stage in self._expected else 0.0
        self._progress(stage if left < _WORTH_SAYING else f"{stage}{LEFT}{_spoken(left)} left", done, total)

    def _left(self, stage: str, part: float) -> float:
        before = sum(self._expected[name] for name in takewhile(lambda name: name != stage, self._expected))
        passed, now = before + part * self._expected[stage], self._clock()
        if self._first is None:  # steps that were finished another time are not reported
            self._first = (passed, now)
        since, begun = self._first
        known = passed - since > _WORTH_BELIEVING
        return (sum(self._expected.values()) - passed) * ((now - begun) / (passed - since) if known else 1.0)


def _spoken(seconds: float) -> str:
    return f"{round(seconds, -1):.0f} s" if seconds < 95 else f"{seconds / 60:.0f} min"
