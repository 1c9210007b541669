"""MP3, which has no length of its own: what its headers say wrongly or not at all is found by going through its frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sounds import speech, write

from asrquant.audio.clip import SAMPLE_RATE, Audio, read_audio
from asrquant.base.errors import AudioError

FRAME = 576 / SAMPLE_RATE
NOISE = np.random.default_rng(0).normal(0, 0.1, 5 * SAMPLE_RATE).astype(np.float32)
QUIET = 0.01 * speech(5)


def mp3(folder: Path, sound: np.ndarray, variable: bool = True, rate: int = SAMPLE_RATE) -> bytes:
    how = {"bitrate_mode": "VARIABLE" if variable else "CONSTANT", "compression_level": 0.5}
    return write(folder / "made.mp3", sound, rate, "MPEG_LAYER_III", **how).read_bytes()


def headless(data: bytes) -> bytes:
    """Without the first frame, which holds the number of the others."""
    return data[data.index(data[:2], 4) :]


def saying(data: bytes, frames: int) -> bytes:
    at = data.index(b"Xing" if b"Xing" in data[:64] else b"Info") + 8
    return data[:at] + frames.to_bytes(4, "big") + data[at + 4 :]


def heard(folder: Path, data: bytes) -> Audio:
    path = folder / "clip"
    path.write_bytes(data)
    return read_audio(path)


def test_without_a_header_both_halves_are_heard(tmp_path: Path) -> None:
    """Decoders take the length from the bit rate at the beginning, which is that of one half only."""
    for halves in ((NOISE, QUIET), (QUIET, NOISE)):
        made = mp3(tmp_path, np.concatenate(halves))
        whole, audio = heard(tmp_path, made), heard(tmp_path, headless(made))
        assert whole.seconds == 10 and audio.seconds == pytest.approx(10, abs=3 * FRAME) and not audio.source_note
        middle = slice(SAMPLE_RATE, 9 * SAMPLE_RATE)
        assert np.corrcoef(audio.samples[middle], whole.samples[middle])[0, 1] > 0.999


@pytest.mark.parametrize("frames", [0, 1, 20, 130])
def test_a_header_that_says_too_little(tmp_path: Path, frames: int) -> None:
    made = mp3(tmp_path, speech(5))
    whole, audio = heard(tmp_path, made), heard(tmp_path, saying(made, frames))
    assert audio.seconds == whole.seconds == 5 and np.array_equal(audio.samples, whole.samples)


def test_a_header_that_says_too_much_is_a_cut(tmp_path: Path) -> None:
    made = mp3(tmp_path, speech(5))
    with pytest.raises(AudioError, match=r"cut off: \d+% of the sound that it announces"):
        heard(tmp_path, saying(made, 2 * 145))
    with pytest.raises(AudioError, match=r"cut off: \d+% of the sound that it announces"):
        heard(tmp_path, made[: len(made) // 2])


@pytest.mark.parametrize("variable", [True, False])
@pytest.mark.parametrize(
    "tag", [b"", b"TAG" + b"x" * 125, b"ID3\4\0\0\0\0\2\1" + bytes(257)], ids=["", "id3v1", "id3v2"]
)
def test_files_after_each_other(tmp_path: Path, variable: bool, tag: bytes) -> None:
    first, second = mp3(tmp_path, speech(4), variable), mp3(tmp_path, speech(6)[4 * SAMPLE_RATE :], variable)
    audio = heard(tmp_path, first + tag + second)
    assert audio.seconds == 6 and "2 recordings after each other" in audio.received
    assert np.array_equal(audio.samples[: 4 * SAMPLE_RATE], heard(tmp_path, first).samples)
    assert np.array_equal(audio.samples[4 * SAMPLE_RATE :], heard(tmp_path, second).samples)
    with pytest.raises(AudioError, match=r"cut off: \d+%"):
        heard(tmp_path, first + tag + second[: len(second) // 2])


def test_files_of_other_forms_after_each_other(tmp_path: Path) -> None:
    other = mp3(tmp_path, speech(1, 44_100), rate=44_100)
    with pytest.raises(AudioError, match="changes midway from 16000 Hz, 1 channel to 44100 Hz, 1 channel"):
        heard(tmp_path, mp3(tmp_path, speech(1)) + other)


@pytest.mark.parametrize("variable", [True, False])
def test_tags_around_it(tmp_path: Path, variable: bool) -> None:
    made, tag = mp3(tmp_path, speech(2), variable), b"ID3\4\0\0\0\0\2\1" + b"\xff\xfb\x90\x64" * 64 + b"\0"
    exact = heard(tmp_path, made).samples
    for data in (tag + made, tag + tag + made, made + b"TAG" + b"x" * 125, made + bytes(3000)):
        audio = heard(tmp_path, data)
        assert np.array_equal(audio.samples, exact) and not audio.source_note
