"""The engine ``torch_fused``: the six steps on a recognizer, and its encoders as TorchScript and state dict."""

from __future__ import annotations

import torch

from asrquant.base.errors import PresetError
from asrquant.engines.engine import Built, Job, Kept
from asrquant.engines.torch_eager.recipe import instead, no_backend
from asrquant.engines.torch_fused import steps
from asrquant.engines.torch_fused.formats import FORMATS
from asrquant.model.engine_settings import TorchFused
from asrquant.model.presets import Preset
from asrquant.model.recognizer import Recognizer

__all__ = ["FORMATS", "build", "kept", "missing", "unfit"]


def missing() -> str | None:
    """PyTorch is always there."""
    return None


def unfit(preset: Preset, recognizer: Recognizer | None) -> str | None:
    """Whether this build of PyTorch lacks the backend, or the model blocks to fuse."""
    if reason := no_backend(_backend(preset)):
        return reason
    if recognizer and (reason := steps.unfit(recognizer.encoder)):
        return f"The preset {preset.name!r} is not for this model: {reason}."
    return None


def kept(preset: Preset) -> Kept | None:
    """Not at all: models of convolutions are small, and fused in a second."""
    return None


def build(job: Job) -> Built:
    """Quantize a copy of the recognizer's encoder.

    Raises:
        PresetError: the preset does not fit the model or this machine.
    """
    backend = _backend(job.preset)
    encoder = job.recognizer.encoder
    if reason := steps.unfit(encoder):
        raise PresetError(f"The preset {job.preset.name!r} is not for this model: {reason}.")
    job.progress("fusing", 0, 1)
    prepared = steps.prepare_model(encoder)  # type: ignore[arg-type]
    steps.fuse_modules(prepared)
    steps.insert_stubs(prepared, backend)
    steps.calibrate(prepared, [torch.from_numpy(clip.samples) for clip in job.calibration], job.progress)
    steps.convert_model(prepared, backend)
    return Built(prepared, backend)


def _backend(preset: Preset) -> str:
    return instead(preset, preset.settings_for(TorchFused).backend)
