"""The training corpus: reading it, holding speakers out, and the mild changes of the recipe's first version."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf
from scipy.signal import fftconvolve, resample_poly

SAMPLE_RATE = 16_000
Wave = npt.NDArray[np.float32]
QUIET = 1e-3
"""Of the power of a clip's loudest 20 ms: what lies under it at the edges counts as silence."""


@dataclass(frozen=True)
class Clip:
    """One utterance: float32 samples at 16 kHz, its text in capitals, and who speaks."""

    id: str
    speaker: str
    wave: Wave
    text: str


def read_corpus(root: Path) -> list[Clip]:
    """Read a LibriSpeech-layout folder (any depth; ``*.trans.txt`` beside the audio)."""
    clips = []
    for transcript in sorted(root.rglob("*.trans.txt")):
        for line in transcript.read_text(encoding="utf-8").splitlines():
            clip_id, text = line.strip().split(maxsplit=1)
            path = next(p for p in (transcript.with_name(clip_id + e) for e in (".flac", ".wav")) if p.exists())
            wave, rate = sf.read(path, dtype="float32")
            if rate != SAMPLE_RATE or wave.ndim != 1:
                raise ValueError(f"{path}: the recipe wants 16 kHz mono, this is {rate} Hz with shape {wave.shape}")
            clips.append(Clip(clip_id, clip_id.split("-")[0], wave, text.upper()))
    if not clips:
        raise ValueError(f"no *.trans.txt below {root}")
    return clips


def read_wave(path: Path) -> Wave:
    """A file of any rate, mono, at 16 kHz."""
    wave, rate = sf.read(path, dtype="float32", always_2d=True)
    ratio = Fraction(SAMPLE_RATE, rate)
    return resample_poly(wave.mean(1), ratio.numerator, ratio.denominator).astype(np.float32)


def hold_out(clips: list[Clip], speakers: int, seed: int) -> tuple[list[Clip], list[Clip]]:
    """Split by speaker into (train, held-out); nobody is on both sides."""
    names = sorted({c.speaker for c in clips})
    held = set(np.random.default_rng(seed).permutation(names)[:speakers])
    return [c for c in clips if c.speaker not in held], [c for c in clips if c.speaker in held]


def spoken(wave: Wave) -> tuple[int, int]:
    """First and last sample of what is not quiet, by the power of 20 ms."""
    size = SAMPLE_RATE // 50
    if len(wave) < 2 * size:
        return 0, len(wave)
    power = np.square(wave[: len(wave) // size * size].reshape(-1, size)).mean(1)
    loud = np.flatnonzero(power > power.max() * QUIET)
    return int(loud[0]) * size, min(len(wave), (int(loud[-1]) + 1) * size)


def augment(wave: Wave, rng: np.random.Generator) -> Wave:
    """Another speaker, room and microphone: speed (with pitch) 0.85-1.15, spectral tilt, echo, noise at 10-35 dB."""
    ratio = Fraction(int(rng.integers(85, 116)), 100)
    out = resample_poly(wave, ratio.denominator, ratio.numerator)
    if rng.random() < 0.6:
        out = _equalize(out, rng)
    if rng.random() < 0.3:
        out = _reverberate(out, rng)
    if rng.random() < 0.8:
        out = _add_noise(out, rng)
    return out.astype(np.float32)


def _equalize(wave: npt.NDArray[np.floating], rng: np.random.Generator) -> npt.NDArray[np.floating]:
    """A smooth random gain over frequency, within 8 dB: another microphone."""
    spectrum = np.fft.rfft(wave)
    knots = rng.uniform(-8, 8, 6)
    gain_db = np.interp(np.linspace(0, 5, len(spectrum)), np.arange(6), knots)
    return np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(wave))


def _reverberate(wave: npt.NDArray[np.floating], rng: np.random.Generator) -> npt.NDArray[np.floating]:
    """Exponentially decaying noise as a room's impulse response, RT60 of 0.1-0.4 s, 5-15 dB under the direct sound."""
    seconds = rng.uniform(0.1, 0.4)
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / seconds)
    tail *= 10 ** (-rng.uniform(5, 15) / 20) / np.sqrt(np.sum(tail**2))
    return wave + fftconvolve(wave, tail)[: len(wave)]


def _add_noise(wave: npt.NDArray[np.floating], rng: np.random.Generator) -> npt.NDArray[np.floating]:
    """Noise of a random colour (white to brown) at 10-35 dB signal-to-noise ratio."""
    spectrum = np.fft.rfft(rng.standard_normal(len(wave)))
    spectrum /= np.maximum(1, np.arange(len(spectrum))) ** rng.uniform(0, 1)
    noise = np.fft.irfft(spectrum, len(wave))
    snr = rng.uniform(10, 35)
    noise *= np.sqrt(np.mean(wave**2) / (np.mean(noise**2) + 1e-12)) * 10 ** (-snr / 20)
    return wave + noise
