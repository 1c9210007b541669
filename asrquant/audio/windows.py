"""Long recordings utterance by utterance, their log-probs stitched, with every frame at its place.

A transformer's memory grows with the square of the length, and what a model has learned from short clips it does not know of long
ones. So a recording is cut in its pauses (``speech.py``). What goes on for longer is encoded in windows with sound of both
neighbours, whose frames are then dropped, so that no frame is heard without its context and no word is cut (chunking with
strides, as in Hugging Face's "Making automatic speech recognition work on large files with Wav2Vec2").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.audio.reader import Samples
from asrquant.audio.speech import Part

WINDOW_SECONDS = 20
CONTEXT_SECONDS = 4
_WINDOW, _CONTEXT = WINDOW_SECONDS * SAMPLE_RATE, CONTEXT_SECONDS * SAMPLE_RATE
_EDGE = 640
"""Samples after a part that are heard with it: encoders without padding need them for the part's last frame."""
_COMMON = 80
"""Samples of 5 ms, of which the steps between frames are multiples."""
_ELSE = 1e-6
"""Probability of every other label in a pause."""


@dataclass(frozen=True)
class Heard:
    """What an encoder answered.

    Attributes:
        log_probs: [F, V].
        begins: frames at which utterances and pauses begin, the first at 0; each is decoded by itself.
    """

    log_probs: torch.Tensor
    begins: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Window:
    """A stretch of a part, in samples: kept are its frames from ``start`` to ``end``, heard is ``left`` to ``right``."""

    start: int
    end: int
    left: int
    right: int
    part: Part


def encode_in_windows(
    encoder: Callable[[torch.Tensor], torch.Tensor],
    blocks: Iterable[Samples],
    divided: Sequence[Part],
    blank: int,
    frame: int | None = None,
) -> Heard:
    """Encode a recording of any length; neither the encoder nor memory ever gets more than 28 s and a block.

    Pauses are not encoded, as a model that normalizes its input hears words in amplified noise: their frames are certain blanks.

    Args:
        encoder: wave [1, T] → log-probs [1, F, V].
        blocks: the recording from its start to its end, each [T] at 16 kHz.
        divided: its parts, in order and without a gap; at least one is spoken.
        blank: index of CTC's blank.
        frame: samples from one frame to the next; None measures it. Windows begin where a frame does.
    """
    frame = frame or measured_frame(encoder)
    pieces: list[torch.Tensor | int] = []
    begins: list[int] = []
    done = 0
    for window, samples in cut_out(blocks, windows(divided, frame)):
        if window.start == window.part.start:
            begins.append(done)
        count = (window.end - window.start) // frame
        if window.part.spoken:
            log_probs = encoder(torch.from_numpy(samples)[None])[0]
            first = (window.start - window.left) // frame
            kept = log_probs[first : None if window.end >= divided[-1].end else first + count].clone()
            pieces.append(kept)
            count = len(kept)
        else:
            pieces.append(count)
        done += count
    labels = next(piece.shape[1] for piece in pieces if isinstance(piece, torch.Tensor))
    return Heard(
        torch.cat([_blanks(piece, labels, blank) if isinstance(piece, int) else piece for piece in pieces]),
        tuple(begins),
    )


def _blanks(frames: int, labels: int, blank: int) -> torch.Tensor:
    """Log-probs [F, V] that say blank."""
    said = torch.full((frames, labels), math.log(_ELSE))
    said[:, blank] = math.log1p(-_ELSE * (labels - 1))
    return said


def measured_frame(encoder: Callable[[torch.Tensor], torch.Tensor]) -> int:
    """Samples from one frame to the next, found by encoding 5 s of noise; a frame may be lacking at the edge."""
    samples = 5 * SAMPLE_RATE
    noise = torch.randn(1, samples, generator=torch.Generator().manual_seed(0)) / 10
    ratio = samples / encoder(noise).shape[1]
    return max(1, round(ratio / _COMMON) * _COMMON or round(ratio))


def windows(divided: Sequence[Part], frame: int = 1) -> list[Window]:
    """The windows of a recording, in order and without a gap; those of pauses hear nothing.

    Args:
        divided: its parts, in order and without a gap.
        frame: samples from one frame to the next, which all begin at.
    """
    size, context = (size // frame * frame for size in (_WINDOW, _CONTEXT))
    length = divided[-1].end
    found = []
    for part in divided:
        begin, stop = part.start // frame * frame, part.end // frame * frame if part.end < length else length
        part = replace(part, start=begin, end=stop)
        if not part.spoken:
            found.append(Window(begin, stop, begin, begin, part))
        elif stop - begin <= size + 2 * context:
            found.append(Window(begin, stop, begin, min(length, stop + _EDGE), part))
        else:
            for start in range(begin, stop, size):
                end = min(stop, start + size)
                right = end + (context if end < stop else _EDGE)
                found.append(Window(start, end, max(begin, start - context), min(length, right), part))
    return found


def cut_out(blocks: Iterable[Samples], plan: Iterable[Window]) -> Iterator[tuple[Window, Samples]]:
    """Each window with the sound that is heard for it; the blocks are read to their end."""
    coming = iter(blocks)
    held, begin = np.zeros(0, np.float32), 0
    for window in plan:
        while True:
            passed = min(len(held), max(0, window.left - begin))
            held, begin = held[passed:], begin + passed
            if len(held) >= window.right - begin:
                break
            held = np.concatenate([held, next(coming)])
        yield window, held[: window.right - begin]
    for _ in coming:  # whoever reads a file looks at its end whether it is still the same
        pass
