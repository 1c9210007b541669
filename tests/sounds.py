"""Sound files that tests make: from the bundled clips, in every coding."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy.signal import resample_poly

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.data.bundled import example_clips, validation_clips


@functools.cache
def speech(seconds: float, rate: int = SAMPLE_RATE) -> np.ndarray:
    """The bundled clips one after the other, [T] float32, from the start again where they end (after two minutes)."""
    clips = np.concatenate([clip.audio().samples for clip in (*example_clips(), *validation_clips())])
    samples = np.resize(clips, int(seconds * SAMPLE_RATE))
    if rate == SAMPLE_RATE:
        return samples
    return np.clip(resample_poly(samples, rate, SAMPLE_RATE), -1, 1).astype(np.float32)


def write(path: Path, samples: np.ndarray, rate: int, subtype: str, **settings: object) -> Path:
    """Write in pieces: libsndfile's Ogg encoder crashes on a minute at once. The extension names the container."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    container = path.suffix[1:].upper()
    with sf.SoundFile(path, "w", rate, channels, subtype, format=container, **settings) as file:
        for start in range(0, len(samples), 4096):
            file.write(samples[start : start + 4096])
    return path
