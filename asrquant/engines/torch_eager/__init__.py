"""PyTorch eager mode: SpeechBrain's recipe, presets made of its parts, and the formats TorchScript and state dict."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from torch import nn

from asrquant.audio import Audio
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
from asrquant.presets import Preset
from asrquant.progress import Progress
from asrquant.recognizer import Recognizer

__all__ = [
    "BACKEND_LOCK", "FORMATS", "StaticQuant", "build", "custom_quantize", "default_backend", "qconfig_of", "unavailable",
    "use_backend",
]  # fmt: skip


def unavailable() -> str | None:
    """PyTorch is always there."""
    return None


def build(
    recognizer: Recognizer, preset: Preset, calibration: Sequence[Audio], progress: Progress
) -> tuple[nn.Module, str]:
    """Quantize a copy of the recognizer's encoder.

    Raises:
        PresetError: the preset does not fit the model or this machine.
    """
    progress("copying the encoder", 0, 1)
    encoder = deepcopy(recognizer.encoder)
    backend = quantize_encoder(encoder, preset, recognizer.roles, calibration, progress)
    return encoder, backend
