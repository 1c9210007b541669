"""What the recipe of the embedded model does to a clip before it is heard."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples" / "train_an4"))

pytest.importorskip("audiomentations", reason="examples/train_an4/requirements.txt has what the recipe takes besides")
pytest.importorskip("pyroomacoustics")
from augment import Augmenter  # noqa: E402
from conditions import CONDITIONS, under  # noqa: E402
from corpus import SAMPLE_RATE, Clip, read_corpus  # noqa: E402
from degrade import CODECS, REACH, coded, coloured, in_room, noisy, room  # noqa: E402


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return read_corpus(ROOT / "examples" / "clips" / "calibration")[:6]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: f"{codec.name}-{codec.rate}-{codec.bit_rate}")
def test_a_codec_keeps_length_level_and_step(clips: list[Clip], codec) -> None:
    wave = clips[0].wave
    heard = coded(wave, codec)
    assert heard.shape == wave.shape and 0.6 < np.std(heard) / np.std(wave) < 1.2
    alike = [
        np.corrcoef(wave[800:-800], heard[800 + lag : len(heard) - 800 + lag])[0, 1] for lag in range(-400, 401, 5)
    ]
    assert max(alike) > 0.75 and abs(int(np.argmax(alike)) - 80) * 5 <= 20
    spectrum = np.abs(np.fft.rfft(heard)) ** 2
    above = spectrum[len(spectrum) * 5 // 8 :].sum() / spectrum.sum()  # over 5 kHz
    assert codec.rate == 16_000 or above < 1e-3


def test_a_room_leaves_the_direct_sound_in_its_place(clips: list[Clip]) -> None:
    response = room((5.0, 4.0, 2.6), 0.3, 1.0, np.random.default_rng(0))
    assert abs(int(np.abs(response[: 3 * REACH]).argmax()) - REACH) <= 1
    decay = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] / np.sum(response**2))
    fall = np.flatnonzero(decay < -30)[0] / SAMPLE_RATE  # Schroeder's curve: 30 of the 60 dB in half of the time
    assert 0.08 < fall < 0.25
    assert in_room(clips[0].wave, response).shape == clips[0].wave.shape


def test_noise_is_as_loud_as_asked(clips: list[Clip]) -> None:
    wave = clips[0].wave
    noise = coloured(len(wave), 3, np.random.default_rng(0))
    added = noisy(wave, noise, 15) - wave
    assert 10 * np.log10(np.mean(wave**2) / np.mean(added**2)) == pytest.approx(15, abs=0.1)
    low, high = (
        np.sum(np.abs(np.fft.rfft(noise)[len(noise) * a // 160 : len(noise) * b // 160]) ** 2)
        for a, b in ((5, 10), (10, 20))
    )
    assert 10 * np.log10(low / high) == pytest.approx(0, abs=1)  # pink: each octave has the same power


def test_conditions_are_the_same_each_time(clips: list[Clip]) -> None:
    for name in CONDITIONS:
        one, same = under(clips[:2], name), under(clips[:2], name)
        assert all(np.array_equal(a.wave, b.wave) for a, b in zip(one, same, strict=True))
        assert all(a.wave.shape == b.wave.shape for a, b in zip(one, clips, strict=False))


def test_strong_augmentation_is_seeded_and_says_where_the_clip_lies(clips: list[Clip]) -> None:
    augmenter = Augmenter([clip.wave for clip in clips], [room((4.0, 3.0, 2.5), 0.3, 1.0, np.random.default_rng(0))])
    for seed in range(20):
        wave = clips[seed % len(clips)].wave
        one, same = (augmenter(wave, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(one.wave, same.wave) and np.isfinite(one.wave).all()
        assert 0.6 < one.stretch < 1.5 and len(one.wave) <= one.stretch * len(wave) + 2 * SAMPLE_RATE + 1
        assert -one.stretch * len(wave) < one.offset <= SAMPLE_RATE
    assert np.isfinite(augmenter.background(8_000, np.random.default_rng(1))).all()
