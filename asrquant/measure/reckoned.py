"""About how long a model that nobody has loaded here would take: its arithmetic, at the speed of this processor."""

from __future__ import annotations

import time
from functools import cache

import torch

SHARE = 0.58
"""Of the speed of one large matrix product, what a wav2vec2 encoder reaches as a whole; ``examples/reckoned_seconds.py`` measures
it."""
_CONVOLUTIONS = 4.9e9
"""Operations a second of audio of wav2vec2's seven convolutions, 512 wide, which all models of its kind share; they count by
themselves, as they run at up to 3,200 frames a second."""
_FRAMES = 50
"""A second, which is how often every other weight is used."""
_SIZES = (512, 1024, 4096)
"""Rows, inner width and columns of the product: a clip of ten seconds through a feed-forward layer of a large model."""
_ROUNDS = 5


def operations_a_second(parameters: int) -> float:
    """Floating-point operations of a wav2vec2, HuBERT or data2vec encoder for each second of audio.

    Every weight is multiplied and added once a frame, but for those of the convolutions. What attention adds, by the square of
    the length, is left out: it is a hundredth of the whole at 10 s.
    """
    return 2.0 * _FRAMES * parameters + _CONVOLUTIONS


@cache
def products_a_second() -> float:
    """Floating-point operations a second of one large matrix product on this machine, with as many threads as PyTorch uses.

    The shortest of a few rounds, so that somebody else's work beside them matters little.
    """
    rows, inner, columns = _SIZES
    left, right = torch.ones(rows, inner), torch.ones(inner, columns)
    took = []
    with torch.inference_mode():
        for _ in range(_ROUNDS):
            begun = time.perf_counter()
            torch.mm(left, right)
            took.append(time.perf_counter() - begun)
    return 2.0 * rows * inner * columns / min(took)


def reckoned_seconds(parameters: int, audio_seconds: float) -> float:
    """About how many seconds the float32 encoder of a listed model takes for a clip on this machine."""
    return audio_seconds * operations_a_second(parameters) / (SHARE * products_a_second())
