"""Other speakers, rooms, microphones and lines: how a training clip is changed each time that it is heard."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import audiomentations
import numpy as np
from corpus import SAMPLE_RATE, Wave, spoken
from corpus import augment as mild
from degrade import CODECS, babble, coded, coloured, hum, in_room, noisy, resampled

GENTLE = 0.25
"""Share of the clips that come through no room, telephone or loud noise."""


@dataclass(frozen=True)
class Heard:
    """A clip as it was changed.

    Attributes:
        wave: what is to be normalized.
        stretch: samples of it for each sample of the clip.
        offset: sample of it at which the clip's first one lies; negative where the start was cut off.
    """

    wave: Wave
    stretch: float = 1.0
    offset: float = 0.0


class Augmenter:
    """Changes waves. One and the same generator gives one and the same wave.

    Args:
        others: clips that babble in the background.
        responses: of rooms.
        strong: False for what the first version of the recipe did, to compare with.
    """

    def __init__(self, others: Sequence[Wave], responses: Sequence[Wave], strong: bool = True) -> None:
        self.others, self.responses, self.strong = others, responses, strong
        self.tempo = audiomentations.TimeStretch(0.85, 1.2, leave_length_unchanged=False, p=1)
        self.microphone = audiomentations.SevenBandParametricEQ(-9, 9, p=1)
        self.overdriven = audiomentations.OneOf(
            [audiomentations.ClippingDistortion(0, 6, p=1), audiomentations.TanhDistortion(0.01, 0.4, p=1)]
        )
        self.band = audiomentations.OneOf(
            [
                audiomentations.LowPassFilter(2500, 7000, min_rolloff=12, max_rolloff=48, p=1),
                audiomentations.HighPassFilter(80, 400, min_rolloff=6, max_rolloff=24, p=1),
            ]
        )

    def __call__(self, wave: Wave, rng: np.random.Generator, cut: bool = True) -> Heard:
        """The wave, changed; with ``cut`` its quiet edges are cut close or made longer now and then."""
        if not self.strong:
            changed = mild(wave, rng)
            return Heard(changed, len(changed) / len(wave))
        random.seed(int(rng.integers(1 << 31)))
        np.random.seed(int(rng.integers(1 << 31)))
        out = self._spoken(wave, rng)
        stretch = len(out) / max(1, len(wave))
        out, offset = _edges(out, rng) if cut else (out, 0)
        received = self._gently(out, rng) if rng.random() < GENTLE else self._received(out, rng)
        return Heard(received, stretch, offset)

    def background(self, samples: int, rng: np.random.Generator) -> Wave:
        """Nothing that is to be heard: silence, hum, noise, or many voices at once far away."""
        wave = coloured(samples, rng.uniform(-1, 6), rng) * np.float32(10 ** rng.uniform(-4, -1))
        if rng.random() < 0.3:
            wave = noisy(wave, hum(samples, rng), rng.uniform(-20, 10))
        if rng.random() < 0.2:
            steps = np.cumsum(rng.standard_normal(samples // 800 + 2))
            wave = wave * 10 ** (np.interp(np.arange(samples) / 800, np.arange(len(steps)), steps) / 20)
        random.seed(int(rng.integers(1 << 31)))
        np.random.seed(int(rng.integers(1 << 31)))
        return self._received(wave.astype(np.float32), rng)

    def _spoken(self, wave: Wave, rng: np.random.Generator) -> Wave:
        """Another vocal tract and another pace: speed moves formants and pitch, tempo only how fast they follow."""
        out = resampled(wave, Fraction(100, int(rng.integers(84, 119)))) if rng.random() < 0.85 else wave
        if rng.random() < 0.35 and len(out) > SAMPLE_RATE // 4:
            out = self._quietly(self.tempo, out)
        return out

    def _gently(self, wave: Wave, rng: np.random.Generator) -> Wave:
        """A quiet room and a good microphone, which is how most of the world's test sets sound."""
        out = noisy(wave, coloured(len(wave), rng.uniform(-1, 6), rng), rng.uniform(20, 45))
        return self._quietly(self.microphone, out) if rng.random() < 0.4 else out

    def _received(self, wave: Wave, rng: np.random.Generator) -> Wave:
        """Room, noise, microphone and line."""
        out = wave
        if self.responses and rng.random() < 0.4:
            out = in_room(out, self.responses[int(rng.integers(len(self.responses)))])
        if rng.random() < 0.65:
            out = self._disturbed(out, rng)
        if rng.random() < 0.5:
            out = self._quietly(self.microphone, out)
        if rng.random() < 0.15:
            out = self._quietly(self.band, out)
        if rng.random() < 0.1:
            out = self._quietly(self.overdriven, out)
        kind = rng.random()
        if kind < 0.3 and len(out) > SAMPLE_RATE // 10:
            out = coded(out, CODECS[int(rng.integers(len(CODECS)))])
        elif kind < 0.42:
            out = resampled(resampled(out, Fraction(1, 2)), Fraction(2, 1))[: len(out)]
        if rng.random() < 0.1:
            steps = 2 ** rng.uniform(5, 9) / (np.abs(out).max() + 1e-9)
            out = np.round(out * steps) / steps
        return out.astype(np.float32)

    def _disturbed(self, wave: Wave, rng: np.random.Generator) -> Wave:
        kind = rng.random()
        if kind < 0.65:
            return noisy(wave, coloured(len(wave), rng.uniform(-1, 6), rng), rng.uniform(6, 35))
        if kind < 0.8:
            return noisy(wave, hum(len(wave), rng), rng.uniform(3, 30))
        return noisy(wave, babble(len(wave), self.others, rng), rng.uniform(10, 30))

    @staticmethod
    def _quietly(change: Callable[..., Wave], wave: Wave) -> Wave:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(change(np.ascontiguousarray(wave, np.float32), SAMPLE_RATE), np.float32)


def level(rng: np.random.Generator) -> float:
    """Gain after normalization: a word alone, cut close, is quieter for it than the same word between pauses."""
    return float(10 ** (rng.uniform(-7, 5) / 20)) if rng.random() < 0.7 else 1.0


def _edges(wave: Wave, rng: np.random.Generator) -> tuple[Wave, int]:
    """Cut close to speech, padded with silence, or left alone, each end by itself; and where the wave's start now is."""
    first, last = spoken(wave)
    start, end = 0, len(wave)
    before = after = 0
    kind = rng.random(2)
    if kind[0] < 0.3:
        start = max(0, first - int(rng.integers(SAMPLE_RATE // 10)))
    elif kind[0] < 0.5:
        before = int(rng.integers(SAMPLE_RATE))
    if kind[1] < 0.3:
        end = min(len(wave), last + int(rng.integers(SAMPLE_RATE // 10)))
    elif kind[1] < 0.5:
        after = int(rng.integers(SAMPLE_RATE))
    return np.pad(wave[start:end], (before, after)), before - start
