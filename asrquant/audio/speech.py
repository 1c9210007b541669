"""Where a long recording may be cut: in the pauses between utterances, as Silero's voice activity detector hears them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.audio.reader import Samples

PAUSE_SECONDS = 0.5
"""Of silence between two utterances; a shorter one may be within a sentence."""
_MARGIN = SAMPLE_RATE // 4
"""Samples of a pause that stay with the utterances beside it. What is normalized together with much silence is heard badly."""
GRID = 5120
"""Samples of 0.32 s, which are whole frames of 20, 40 or 80 ms. Cuts are so many apart, so that there are few lengths: some
engines prepare themselves anew for each."""
_CHUNK = 512
"""Samples that the detector takes at a time."""


@dataclass(frozen=True)
class Speech:
    """Where something is said, in samples."""

    start: int
    end: int


@dataclass(frozen=True)
class Part:
    """A part of a recording, in samples; an utterance, or a pause, in which nothing is said."""

    start: int
    end: int
    spoken: bool = True


def find_speech(blocks: Iterable[Samples]) -> list[Speech]:
    """Stretches of speech with at least ``PAUSE_SECONDS`` between two of them.

    Args:
        blocks: the recording from its start to its end, each [T] at 16 kHz.
    """
    from silero_vad import VADIterator, load_silero_vad  # seldom needed

    detect = VADIterator(load_silero_vad(), sampling_rate=SAMPLE_RATE, min_silence_duration_ms=1000 * PAUSE_SECONDS)
    found: list[Speech] = []
    start: int | None = None
    length = 0
    for chunk in _chunks(blocks):
        length += len(chunk)
        event = detect(torch.from_numpy(np.pad(chunk, (0, _CHUNK - len(chunk))))) or {}
        if "start" in event:
            start = int(event["start"])
        if "end" in event and start is not None:
            found.append(Speech(start, min(length, int(event["end"]))))
            start = None
    if start is not None:
        found.append(Speech(start, length))
    return found


def _chunks(blocks: Iterable[Samples]) -> Iterator[Samples]:
    rest = np.zeros(0, np.float32)
    for block in blocks:
        rest = np.concatenate([rest, block])
        whole = len(rest) // _CHUNK * _CHUNK
        yield from rest[:whole].reshape(-1, _CHUNK)
        rest = rest[whole:]
    if len(rest):
        yield rest


def divided(blocks: Iterable[Samples], length: int) -> tuple[Part, ...]:
    """The parts of a recording; see ``find_speech`` and ``parts``."""
    return parts(find_speech(blocks), length)


def parts(speech: Sequence[Speech], length: int) -> tuple[Part, ...]:
    """Utterances and pauses in order and without a gap; a short pause is divided among its neighbours.

    Args:
        speech: as ``find_speech`` gives it. Where there is none, all is one part, in which something may be said.
        length: samples of the recording.
    """
    if not speech:
        return (Part(0, length),)
    begins: list[tuple[int, bool]] = [(0, True)]

    def cut(wanted: int, spoken: bool) -> None:
        on_grid = begins[-1][0] + round((wanted - begins[-1][0]) / GRID) * GRID
        if begins[-1][0] < on_grid < length:
            begins.append((on_grid, spoken))
        elif on_grid <= 0:
            begins[0] = (0, spoken)

    ends, starts = (0, *(each.end for each in speech)), (*(each.start for each in speech), length)
    for first, last in zip(ends, starts, strict=True):
        pause_begins, pause_ends = first + _MARGIN if first else 0, last - _MARGIN if last < length else length
        if pause_ends - pause_begins >= GRID:
            cut(pause_begins, False)
            if last < length:
                cut(pause_ends, True)
        elif first and last < length:
            cut((first + last) // 2, True)
    edges = (*(begin for begin, _ in begins), length)
    return tuple(Part(*edge, spoken) for edge, (_, spoken) in zip(itertools.pairwise(edges), begins, strict=True))
