"""Engines: float encoder + Preset → faster encoder. One file an engine, found here by its name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from torch import nn

from asrquant.audio import Audio, read_audio
from asrquant.dataset import Utterance, calibration_clips
from asrquant.errors import MissingDependencyError, PresetError
from asrquant.presets import Preset, get_preset
from asrquant.progress import Progress, silent
from asrquant.recognizer import Recognizer

Clip = Audio | Utterance | str | Path


class Engine(Protocol):
    """What a file in this folder offers."""

    def unavailable(self) -> str | None:
        """Why it cannot run here, with the install line; None where it can."""

    def build(
        self, recognizer: Recognizer, preset: Preset, calibration: Sequence[Audio], progress: Progress
    ) -> tuple[nn.Module, str]:
        """Return the new encoder (wave [B, T] → log-probs [B, F, V]) and the backend that it was packed for."""


def engines() -> tuple[str, ...]:
    """Names of the engines that this version knows."""
    return tuple(info.name for info in pkgutil.iter_modules(__path__))


def get_engine(name: str) -> Engine:
    """The engine of that name.

    Raises:
        PresetError: there is none.
        MissingDependencyError: a library that it needs is not installed.
    """
    if name not in engines():
        raise PresetError(f"There is no engine {name!r}; there are {', '.join(engines())}.")
    engine = cast(Engine, importlib.import_module(f"{__name__}.{name}"))
    if reason := engine.unavailable():
        raise MissingDependencyError(reason)
    return engine


def quantize(
    recognizer: Recognizer,
    preset: str | Preset,
    calibration: Sequence[Clip] | None = None,
    progress: Progress = silent,
) -> Recognizer:
    """Quantize a recognizer. The one that is given stays as it is, to the bit.

    Args:
        recognizer: a float one, as ``load`` returns it.
        preset: a name in ``PRESETS``, or a Preset such as ``custom`` makes.
        calibration: clips to find the ranges of activations with; None takes the bundled ones
            (``preset.calibration_clips`` of them, drawn with ``preset.calibration_seed``).
        progress: called before each step; may raise ``Cancelled``.

    Returns:
        A new recognizer that shares the vocabulary and the decoder with the given one.

    Raises:
        PresetError: the preset does not fit the model, the recognizer is quantized already, or no clips were given.
        AudioError: a calibration clip cannot be used.
        MissingDependencyError: the preset's engine is not installed.
    """
    preset = get_preset(preset)
    if recognizer.preset.name != "original":
        raise PresetError(f"The recognizer is quantized already ({recognizer.preset.name}); start from the float one.")
    if not preset.engine:
        return recognizer
    engine = get_engine(preset.engine)
    clips: Sequence[Clip] = ()
    if preset.needs_calibration:
        if calibration is None:
            calibration = calibration_clips(preset.calibration_clips, preset.calibration_seed)
        if len(calibration) == 0:
            raise PresetError(f"The preset {preset.name!r} needs calibration clips and none were given.")
        clips = calibration
    encoder, backend = engine.build(recognizer, preset, [_audio(clip) for clip in clips], progress)
    return replace(recognizer, encoder=encoder, preset=preset, backend=backend)


def _audio(clip: Clip) -> Audio:
    if isinstance(clip, Audio):
        return clip
    return clip.audio() if isinstance(clip, Utterance) else read_audio(clip)
