"""Long recordings in windows with context on both sides, their log-probs stitched before they are decoded.

A transformer's memory grows with the square of the length. Each window is encoded with some of its neighbours' sound, whose
frames are then dropped, so that no frame is heard without its context and no word is cut (chunking with strides, as in
Hugging Face's "Making automatic speech recognition work on large files with Wav2Vec2").
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from asrquant.audio import SAMPLE_RATE

WINDOW_SECONDS = 20
CONTEXT_SECONDS = 4


def encode_in_windows(encoder: Callable[[torch.Tensor], torch.Tensor], samples: torch.Tensor) -> torch.Tensor:
    """Log-probs [F, V] of a recording of any length; the encoder never sees more than 28 s.

    Args:
        encoder: wave [1, T] → log-probs [1, F, V].
        samples: [T] at 16 kHz.
    """
    window, context = WINDOW_SECONDS * SAMPLE_RATE, CONTEXT_SECONDS * SAMPLE_RATE
    parts: list[torch.Tensor] = []
    stride = 0  # samples a frame, by the first window: in a short one the edge of the receptive field would count
    for start in range(0, len(samples), window):
        left, end = max(0, start - context), start + window
        log_probs = encoder(samples[None, left : end + context])[0]
        stride = stride or round(min(len(samples), end + context) / len(log_probs))
        first = (start - left) // stride
        parts.append(log_probs[first : None if end >= len(samples) else first + window // stride].clone())
    return torch.cat(parts)
