"""PyTorch eager mode: SpeechBrain's recipe, presets made of its parts, and the formats TorchScript and state dict."""

from __future__ import annotations

from copy import deepcopy

from asrquant.engines import Built, Job
from asrquant.engines.torch_eager.formats import FORMATS
from asrquant.engines.torch_eager.recipe import (
    BACKEND_LOCK,
    StaticQuant,
    custom_quantize,
    default_backend,
    qconfig_of,
    quantize_encoder,
    use_backend,
)

__all__ = [
    "BACKEND_LOCK", "FORMATS", "StaticQuant", "build", "custom_quantize", "default_backend", "qconfig_of", "unavailable",
    "use_backend",
]  # fmt: skip


def unavailable() -> str | None:
    """PyTorch is always there."""
    return None


def build(job: Job) -> Built:
    """Quantize a copy of the recognizer's encoder.

    Raises:
        PresetError: the preset does not fit the model or this machine.
    """
    job.progress("copying the encoder", 0, 1)
    encoder = deepcopy(job.recognizer.encoder)
    backend = quantize_encoder(encoder, job.preset, job.recognizer.roles, job.calibration, job.progress)
    return Built(encoder, backend)
