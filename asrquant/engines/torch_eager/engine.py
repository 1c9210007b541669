"""PyTorch eager mode: SpeechBrain's recipe, presets made of its parts, and the formats TorchScript and state dict."""

from __future__ import annotations

from asrquant.base.errors import PresetError
from asrquant.engines.engine import Built, Job, Kept
from asrquant.engines.torch_eager.formats import FORMATS
from asrquant.engines.torch_eager.kept import CHANGED_WEIGHTS
from asrquant.engines.torch_eager.recipe import (
    BACKEND_LOCK,
    StaticQuant,
    custom_quantize,
    default_backend,
    lacks,
    qconfig_of,
    quantize_encoder,
    use_backend,
)
from asrquant.engines.torch_eager.targets import resolve
from asrquant.model.presets import Preset
from asrquant.model.recognizer import Recognizer
from asrquant.model.sharing import copy_sharing_weights

__all__ = [
    "BACKEND_LOCK", "FORMATS", "StaticQuant", "build", "custom_quantize", "default_backend", "kept", "missing", "qconfig_of",
    "unfit", "use_backend",
]  # fmt: skip


def missing() -> str | None:
    """PyTorch is always there."""
    return None


def unfit(preset: Preset, recognizer: Recognizer | None) -> str | None:
    """Whether this build of PyTorch lacks the preset's kernels, or the model what the preset quantizes."""
    if reason := lacks(preset):
        return reason
    try:
        if recognizer:
            resolve(preset, recognizer, recognizer.roles)
    except PresetError as error:
        return str(error)
    return None


def kept(preset: Preset) -> Kept:
    """What quantizing changed."""
    return CHANGED_WEIGHTS


def build(job: Job) -> Built:
    """Quantize a copy of the recognizer's encoder; what stays float is in memory once.

    Raises:
        PresetError: the preset does not fit the model or this machine.
    """
    job.progress("copying the encoder", 0, 1)
    encoder = copy_sharing_weights(job.recognizer.encoder)
    backend = quantize_encoder(encoder, job.preset, job.recognizer.roles, job.calibration, job.progress)
    return Built(encoder, backend)
