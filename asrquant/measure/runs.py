"""Two recognizers taking turns on a clip: what each heard in each run, and whether their times are worth anything."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from asrquant.audio.clip import Audio
from asrquant.base.contention import alone, turns
from asrquant.base.progress import Progress
from asrquant.measure.intervals import LEAST_ROUNDS, Speedup, speedup, steady
from asrquant.model.recognizer import Recognizer, Transcript


@dataclass(frozen=True)
class Runs:
    """The runs of both.

    Attributes:
        transcripts: of each, run by run.
        undisturbed: whether nothing else had the processor meanwhile, as far as the system says.
    """

    transcripts: tuple[Sequence[Transcript], Sequence[Transcript]]
    undisturbed: bool

    @property
    def paired(self) -> Speedup | None:
        """Speed-up of the second one's encoder with its interval; None where there were too few runs for one."""
        first, second = self._seconds
        return speedup(first, second) if len(first) >= LEAST_ROUNDS else None

    @property
    def steady(self) -> bool:
        """Whether each took about as long in each run, as far as there were runs enough to tell, and undisturbed."""
        first, second = self._seconds
        return self.undisturbed and (len(first) < LEAST_ROUNDS or (steady(first) and steady(second)))

    @property
    def _seconds(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        first, second = (tuple(each.encoder_seconds for each in side) for side in self.transcripts)
        return first, second


def alternating(pair: tuple[Recognizer, Recognizer], audio: Audio, runs: int, progress: Progress) -> Runs:
    """Run both in turns; ``progress`` may raise ``Cancelled``."""
    transcripts: tuple[list[Transcript], list[Transcript]] = ([], [])
    begun = turns()
    for run in range(runs):
        for side in (0, 1) if run % 2 == 0 else (1, 0):  # a slow moment hits neither side always
            progress("measuring", len(transcripts[0]) + len(transcripts[1]), 2 * runs)
            transcripts[side].append(pair[side].transcribe(audio))
    return Runs(transcripts, alone(begun, turns()))


def encoder_seconds(recognizer: Recognizer, clips: Sequence[Audio]) -> float:
    """Seconds of the encoder over the clips, one after the other."""
    seconds = 0.0
    with torch.inference_mode():
        for clip in clips:
            wave = torch.from_numpy(clip.samples)[None]
            begun = time.perf_counter()
            recognizer.encoder(wave)
            seconds += time.perf_counter() - begun
    return seconds
