"""Long recordings in windows with context on both sides, their log-probs stitched before they are decoded.

A transformer's memory grows with the square of the length. Each window is encoded with some of its neighbours' sound, whose
frames are then dropped, so that no frame is heard without its context and no word is cut (chunking with strides, as in
Hugging Face's "Making automatic speech recognition work on large files with Wav2Vec2").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.audio.reader import Samples

WINDOW_SECONDS = 20
CONTEXT_SECONDS = 4
_WINDOW, _CONTEXT = WINDOW_SECONDS * SAMPLE_RATE, CONTEXT_SECONDS * SAMPLE_RATE


def encode_in_windows(
    encoder: Callable[[torch.Tensor], torch.Tensor], blocks: Iterable[Samples], length: int, frame: int | None = None
) -> torch.Tensor:
    """Log-probs [F, V] of a recording of any length; neither the encoder nor memory ever gets more than 28 s and a block.

    Args:
        encoder: wave [1, T] → log-probs [1, F, V].
        blocks: the recording from its start to its end, each [T] at 16 kHz.
        length: samples of all blocks.
        frame: samples from one frame to the next; None measures it in the first window. Windows begin where a frame does.
    """
    parts: list[torch.Tensor] = []
    stride = frame or 0  # measured in the first window: in a short one the edge of the receptive field would count
    window, context = (size // (frame or 1) * (frame or 1) for size in (_WINDOW, _CONTEXT))
    for start, left, samples in windows(blocks, length, window, context):
        log_probs = encoder(torch.from_numpy(samples)[None])[0]
        stride = stride or round(len(samples) / len(log_probs))
        first = (start - left) // stride
        last = None if start + window >= length else first + window // stride
        parts.append(log_probs[first:last].clone())
    return torch.cat(parts)


def windows(
    blocks: Iterable[Samples], length: int, window: int = _WINDOW, context: int = _CONTEXT
) -> Iterator[tuple[int, int, Samples]]:
    """Each window as ``(start, left, samples)``: where it starts, where its context starts, and the sound from there on."""
    coming = iter(blocks)
    held, left = np.zeros(0, np.float32), 0
    for start in range(0, length, window):
        before, left = left, max(0, start - context)
        end = min(length, start + window + context)
        held = held[left - before :]
        while len(held) < end - left:
            held = np.concatenate([held, next(coming)])
        yield start, left, held[: end - left]
