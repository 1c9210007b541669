"""What lies between a mouth and a file: rooms, noises, narrow bands and codecs, each a function of a wave.

Rooms are simulated by the image method (pyroomacoustics), codecs are FFmpeg's (PyAV). Everything is drawn from the generator
that is handed in, so that the same seed gives the same sound.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pyroomacoustics
from corpus import SAMPLE_RATE, Wave
from scipy.signal import fftconvolve, resample_poly
from tqdm import tqdm

REACH = 12
"""Samples of a room's response that are kept before the direct sound."""


@dataclass(frozen=True)
class Codec:
    """An encoder of FFmpeg's, the file that holds what it writes, and its sampling rate."""

    name: str
    container: str
    rate: int
    bit_rate: int | None = None


TELEPHONE = Codec("pcm_mulaw", "wav", 8_000)
CODECS = (
    TELEPHONE,
    Codec("pcm_alaw", "wav", 8_000),
    *(Codec("libopencore_amrnb", "amr", 8_000, bits) for bits in (5_900, 7_950, 12_200)),
    *(Codec("libopus", "ogg", rate, bits) for rate, bits in ((8_000, 10_000), (16_000, 14_000), (16_000, 24_000))),
    *(Codec("libmp3lame", "mp3", rate, bits) for rate, bits in ((16_000, 24_000), (16_000, 40_000), (8_000, 16_000))),
)


def coded(wave: Wave, codec: Codec) -> Wave:
    """The wave after a codec, of the same length and in step with what went in."""
    level = float(np.abs(wave).max()) or 1.0
    data = io.BytesIO()
    with av.open(data, "w", format=codec.container) as container:
        stream = container.add_stream(codec.name, rate=codec.rate, layout="mono")
        if codec.bit_rate:
            stream.bit_rate = codec.bit_rate
        sampled = resampled(wave * (0.9 / level), Fraction(codec.rate, SAMPLE_RATE))
        frame = av.AudioFrame.from_ndarray((sampled * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = codec.rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    data.seek(0)
    with av.open(data) as container:
        resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
        frames = [out for heard in container.decode(audio=0) for out in resampler.resample(heard)]
        frames += resampler.resample(None)
    return _in_step(np.concatenate([frame.to_ndarray()[0] for frame in frames]) * (level / 0.9), wave)


def _in_step(heard: npt.NDArray[np.floating], wave: Wave) -> Wave:
    """Shifted by the codec's delay, if it has one that FFmpeg does not take off: where the two are most alike."""
    most = min(len(wave) - 1, 1600)
    size = 1 << (len(wave) + len(heard)).bit_length()
    alike = np.fft.irfft(np.fft.rfft(heard, size) * np.fft.rfft(wave, size).conj(), size)
    delay = int(alike[:most].argmax()) if most > 0 else 0
    out = np.zeros(len(wave), np.float32)
    piece = heard[delay : delay + len(wave)]
    out[: len(piece)] = piece
    return out


def resampled(wave: npt.NDArray[np.floating], ratio: Fraction) -> Wave:
    """``ratio`` times as many samples."""
    return resample_poly(wave, ratio.numerator, ratio.denominator).astype(np.float32)


def noisy(wave: Wave, noise: npt.NDArray[np.floating], snr: float) -> Wave:
    """With noise at ``snr`` dB under the wave's mean power."""
    power, disturbance = float(np.mean(wave**2)), float(np.mean(noise**2))
    if power == 0 or disturbance == 0:
        return wave
    return (wave + noise * np.sqrt(power / disturbance) * 10 ** (-snr / 20)).astype(np.float32)


def coloured(samples: int, slope: float, rng: np.random.Generator) -> Wave:
    """Noise of unit power whose spectrum falls by ``slope`` dB an octave: 0 white, 3 pink, 6 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hertz = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 40)
    noise = np.fft.irfft(spectrum * hertz ** (-slope / (20 * np.log10(2))), samples)
    return (noise / (np.sqrt(np.mean(noise**2)) + 1e-12)).astype(np.float32)


def hum(samples: int, rng: np.random.Generator) -> Wave:
    """The mains' 50 or 60 Hz with overtones that fall in level."""
    t = np.arange(samples) / SAMPLE_RATE
    base = float(rng.choice([50, 60])) * rng.uniform(0.995, 1.005)
    orders = np.arange(1, int(rng.integers(4, 16)))
    levels = rng.uniform(0.2, 1, len(orders)) / orders ** rng.uniform(0, 1.2)
    phases = rng.uniform(0, 2 * np.pi, len(orders))
    return (
        (levels[:, None] * np.sin(2 * np.pi * base * orders[:, None] * t + phases[:, None])).sum(0).astype(np.float32)
    )


def babble(samples: int, others: Sequence[Wave], rng: np.random.Generator) -> Wave:
    """Three to seven other clips at once, each begun at a random place and gone round."""
    mixed = np.zeros(samples, np.float32)
    for index in rng.integers(len(others), size=int(rng.integers(3, 8))):
        wave = others[index]
        level = np.sqrt(np.mean(wave**2)) + 1e-9
        mixed += np.resize(np.roll(wave, int(rng.integers(len(wave)))), samples) / level
    return mixed


def in_room(wave: Wave, response: npt.NDArray[np.floating]) -> Wave:
    """The wave heard in a room, of the same length; the direct sound stays in its place."""
    return fftconvolve(wave, response)[REACH : REACH + len(wave)].astype(np.float32)


def room(size: Sequence[float], reverberation: float, distance: float, rng: np.random.Generator) -> Wave:
    """Impulse response of a box by the image method.

    Args:
        size: length, width and height in metres.
        reverberation: RT60 in seconds, by Sabine's formula.
        distance: from the mouth to the microphone in metres, if the box is large enough.
        rng: places both.

    Returns:
        From ``REACH`` samples before the direct sound, whose peak is 1.
    """
    absorption, order = pyroomacoustics.inverse_sabine(reverberation, size)
    box = pyroomacoustics.ShoeBox(
        size, fs=SAMPLE_RATE, materials=pyroomacoustics.Material(absorption), max_order=min(order, 60)
    )
    edge = 0.4
    mouth = np.array([rng.uniform(edge, side - edge) for side in size])
    while True:
        away = rng.standard_normal(3) * (1, 1, 0.3)
        place = mouth + away / np.linalg.norm(away) * distance
        if np.all(place > 0.2) and np.all(place < np.array(size) - 0.2):
            break
        mouth = np.array([rng.uniform(edge, side - edge) for side in size])
        distance *= 0.97
    box.add_source(mouth)
    box.add_microphone(place)
    box.compute_rir()
    response = box.rir[0][0]
    direct = int(np.linalg.norm(place - mouth) / pyroomacoustics.constants.get("c") * SAMPLE_RATE) + 40
    start = max(0, direct - REACH)  # the fractional delays' filters begin 40 samples early
    response = response[start:]
    return (response / np.abs(response[: 3 * REACH]).max()).astype(np.float32)


def rooms(count: int, seed: int, path: Path) -> list[Wave]:
    """Responses of ``count`` different rooms, kept in ``path``."""
    if not path.exists():
        found = {}
        for number in tqdm(range(count), "rooms"):
            rng = np.random.default_rng([seed, 9, number])
            size = (rng.uniform(2.5, 8), rng.uniform(2.3, 6), rng.uniform(2.3, 3.3))
            # What falls faster than Sabine's formula allows in so small a room is left out by the lower limit.
            least = 0.161 * np.prod(size) / (2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])) / 0.9
            seconds = rng.uniform(max(0.12, least), max(0.6, least + 0.05))
            found[str(number)] = room(size, seconds, float(np.exp(rng.uniform(np.log(0.25), np.log(3)))), rng)
        part = path.with_name(f"part-{path.name}")
        np.savez(part, **found)
        part.replace(path)
    with np.load(path) as kept:
        return [kept[str(number)] for number in range(count)]
