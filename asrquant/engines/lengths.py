"""Whether a converted encoder holds for every length: a tracer writes a loop over frames down as often as it ran once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base.errors import AsrQuantError, first_line

SECONDS = (0.6, 1.7)
"""One shorter and one longer than what was traced."""
_NEAR = 0.05
"""Of a probability; rounding is far below it, another loop far above."""


def other_at_other_lengths(encoder: nn.Module, converted: Callable[[torch.Tensor], torch.Tensor]) -> str | None:
    """How what was converted answers otherwise than the encoder, at a second and a third length; None where it does not.

    Args:
        encoder: wave [B, T] → log-probs [B, F, V].
        converted: the same, as it was converted with a wave of a first length.
    """
    chance = torch.Generator().manual_seed(0)
    for seconds in SECONDS:
        wave = torch.randn(1, int(seconds * SAMPLE_RATE), generator=chance)
        with torch.inference_mode():
            expected = encoder(wave)
        try:
            with torch.inference_mode():
                got = converted(wave)
        except AsrQuantError:
            raise
        except Exception as error:  # whatever the runtime raises for shapes that do not fit
            return f"at {seconds} s it fails: {first_line(error)}"
        if got.shape != expected.shape:
            return f"at {seconds} s it gives {got.shape[1]} frames instead of {expected.shape[1]}"
        far = (got.exp() - expected.exp()).abs().max().item()
        if not far <= _NEAR:
            return f"at {seconds} s its probabilities are up to {far:.2f} off"
    return None
