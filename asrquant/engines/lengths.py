"""Whether a converted encoder holds for every length and batch: a tracer writes a loop down as often as it ran once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base.errors import AsrQuantError, first_line

SECONDS = (0.6, 1.7)
"""One shorter and one longer than what was traced, which was one wave."""
BATCH, BATCH_SECONDS = 2, 1.1
_NEAR = 0.05
"""Of a probability; rounding is far below it, another loop far above."""


def other_at_other_lengths(encoder: nn.Module, converted: Callable[[torch.Tensor], torch.Tensor]) -> str | None:
    """How what was converted answers otherwise than the encoder, at other lengths or two at a time; None where it does not.

    Args:
        encoder: wave [B, T] → log-probs [B, F, V].
        converted: the same, as it was converted with a wave of a first length.
    """
    chance = torch.Generator().manual_seed(0)
    for batch, seconds in ((1, SECONDS[0]), (1, SECONDS[1]), (BATCH, BATCH_SECONDS)):
        wave = torch.randn(batch, int(seconds * SAMPLE_RATE), generator=chance)
        if reason := _other(encoder, converted, wave):
            return f"at {f'{batch} x ' if batch > 1 else ''}{seconds} s {reason}"
    return None


def _other(encoder: nn.Module, converted: Callable[[torch.Tensor], torch.Tensor], wave: torch.Tensor) -> str | None:
    with torch.inference_mode():
        expected = encoder(wave)
    try:
        with torch.inference_mode():
            got = converted(wave)
    except AsrQuantError:
        raise
    except Exception as error:  # whatever the runtime raises for shapes that do not fit
        return f"it fails: {first_line(error)}"
    if got.shape[:1] != expected.shape[:1]:
        return f"it answers {got.shape[0]} waves instead of {expected.shape[0]}"
    if got.shape != expected.shape:
        return f"it gives {got.shape[1]} frames instead of {expected.shape[1]}"
    far = (got.exp() - expected.exp()).abs().max().item()
    return None if far <= _NEAR else f"its probabilities are up to {far:.2f} off"
