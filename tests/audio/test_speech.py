"""Recordings are cut in their pauses, and what is said comes out as it does clip by clip."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import soundfile as sf
import torch

from asrquant import Audio, Recognizer
from asrquant.audio.clip import SAMPLE_RATE
from asrquant.audio.recording import open_audio
from asrquant.audio.speech import GRID, Part, Speech, find_speech, parts
from asrquant.audio.windows import encode_in_windows, measured_frame, windows
from asrquant.text.metrics import word_errors

SECOND = SAMPLE_RATE


def joined(clips: list[np.ndarray], pause: float, noise: float = 3e-4) -> np.ndarray:
    rng = np.random.default_rng(5)
    silence = [(noise * rng.standard_normal(int(pause * SECOND))).astype(np.float32) for _ in clips]
    return np.concatenate([part for pair in zip(clips, silence, strict=True) for part in pair])


def test_pauses_are_found_in_blocks_of_any_size(examples) -> None:
    clips = [example.audio().samples for example in examples[:4]]
    sound = joined(clips, 1.0)
    found = find_speech([sound])
    assert found == find_speech(np.array_split(sound, 37)) == find_speech(iter([sound[:100], sound[100:]]))
    ends = np.cumsum([len(clip) + SECOND for clip in clips])
    for first, last in zip((0, *ends), ends, strict=False):
        inside = [each for each in found if first <= each.start < last]
        assert inside and all(each.end <= last for each in inside)
    assert find_speech([np.zeros(3 * SECOND, np.float32)]) == [] == find_speech([])


@pytest.mark.parametrize(
    ("speech", "length", "expected"),
    [
        ([], 70, "0"),
        ([(0.2, 9.8)], 10, "0"),
        ([(1, 4), (5, 9)], 10, "-0 0.75 -4.25 4.75 -9.25"),
        ([(0.1, 4), (4.6, 9), (9.6, 9.9)], 10, "0 4.3 9.3"),
        ([(0.1, 4), (14, 18)], 20, "0 -4.25 13.75 -18.25"),
        ([(5, 8)], 12, "-0 4.75 -8.25"),
    ],
)
def test_parts(speech: list[tuple[float, float]], length: float, expected: str) -> None:
    """A minus says that nothing is said in the part that begins there."""
    found = parts([Speech(int(a * SECOND), int(b * SECOND)) for a, b in speech], int(length * SECOND))
    begins = [each.start / SECOND for each in found]
    assert np.allclose(begins, [abs(float(each)) for each in expected.split()], atol=GRID / SECOND / 2 + 1e-6)
    assert [each.spoken for each in found] == [not each.startswith("-") for each in expected.split()]
    assert all(each.start % GRID == 0 for each in found)
    assert [each.end for each in found] == [*(each.start for each in found[1:]), int(length * SECOND)]


def test_windows_have_no_gap_and_stay_within_their_part() -> None:
    length = 500 * GRID + 77
    edges = (0, 2 * GRID, 100 * GRID, 103 * GRID, 400 * GRID, length)
    divided = [Part(start, end, start != 100 * GRID) for start, end in itertools.pairwise(edges)]
    found = windows(divided, 320)
    assert [each.start for each in found] == [0, *(each.end for each in found[:-1])] and found[-1].end == length
    for each in found:
        assert each.part.start <= each.left <= each.start and each.end <= each.part.end
        assert each.right - each.left <= 28 * SECOND + 640
        assert (each.right >= each.end) if each.part.spoken else (each.left == each.right)


def test_a_recording_says_what_its_clips_say(an4: Recognizer, examples, tmp_path) -> None:
    """Twice over, so that it is longer than a clip; a word in forty may differ."""
    audios = [example.audio() for example in examples] * 2
    by_clip = " ".join(an4.transcribe(audio).text for audio in audios)
    sound = joined([audio.samples for audio in audios], 1.0)
    while len(sound) <= 60 * SECOND:
        by_clip, sound = f"{by_clip} {by_clip}", np.tile(sound, 2)
    sf.write(tmp_path / "long.wav", sound, SAMPLE_RATE)
    recording = open_audio(tmp_path / "long.wav")
    assert sum(part.spoken for part in recording.divided) >= len(audios)
    found = an4.transcribe(recording)
    assert word_errors(by_clip, found.text).wer < 2.5
    assert an4.transcribe(Audio(sf.read(tmp_path / "long.wav", dtype="float32")[0])).text == found.text
    with torch.inference_mode():
        frames = len(an4.encoder(torch.from_numpy(sound)[None])[0])
    assert abs(len(an4.log_probs(recording)) - frames) <= 1  # at the end, where nothing is said


def test_frames_keep_their_places_whatever_the_step() -> None:
    for step in (160, 320, 480, 640, 1280):

        def encoder(wave: torch.Tensor, step: int = step) -> torch.Tensor:
            return wave[:, : wave.shape[1] // step * step : step, None]

        wave = np.arange(1, 70 * SECOND + 12, dtype=np.float32)
        edges = (0, 9 * GRID, 11 * GRID, 150 * GRID, len(wave))
        divided = [Part(start, end, start != 9 * GRID) for start, end in itertools.pairwise(edges)]
        assert measured_frame(encoder) == step
        heard = encode_in_windows(encoder, np.array_split(wave, 9), divided, 0)
        whole = encoder(torch.from_numpy(wave)[None])[0]
        at = heard.begins
        assert len(heard.log_probs) == len(whole) and len(at) == 4
        assert torch.equal(heard.log_probs[: at[1]], whole[: at[1]])
        assert torch.equal(heard.log_probs[at[2] :], whole[at[2] :])
        assert (heard.log_probs[at[1] : at[2]].abs() < 1e-5).all()  # blank for certain
