"""Recordings stay on disk: what is read in blocks is what would be read in one piece, and memory does not grow with them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from media_files import again_and_again, media
from sounds import speech, write

import asrquant
from asrquant import Recognizer
from asrquant.audio.clip import SAMPLE_RATE, Audio, read_audio
from asrquant.audio.recording import MAX_RECORDING_SECONDS, Recording, open_audio
from asrquant.audio.speech import Part
from asrquant.audio.windows import CONTEXT_SECONDS, WINDOW_SECONDS, cut_out, windows
from asrquant.base.errors import AudioError, DatasetError
from asrquant.data.dataset import Dataset, Utterance

WINDOW, CONTEXT = WINDOW_SECONDS * SAMPLE_RATE, CONTEXT_SECONDS * SAMPLE_RATE
SECONDS = 64.3


def opened(path: Path) -> Recording:
    recording = open_audio(path)
    assert isinstance(recording, Recording)
    return recording


@pytest.mark.parametrize(
    ("name", "subtype", "rate"),
    [
        ("a.wav", "PCM_16", 16_000), ("a.flac", "PCM_16", 16_000), ("a.ogg", "VORBIS", 16_000), ("a.ogg", "OPUS", 16_000),
        ("a.mp3", "MPEG_LAYER_III", 16_000), ("a.wav", "IMA_ADPCM", 8_000), ("a.flac", "PCM_16", 44_100),
        ("a.ogg", "VORBIS", 44_100), ("a.mp3", "MPEG_LAYER_III", 44_100), ("a.ogg", "OPUS", 48_000),
        ("a.mp3", "MPEG_LAYER_III", 48_000), ("a.wav", "PCM_16", 44_101),
    ],
)  # fmt: skip
def test_windows_are_those_of_the_whole(tmp_path: Path, name: str, subtype: str, rate: int) -> None:
    path = write(tmp_path / name, np.resize(speech(8, rate), int(SECONDS * rate)), rate, subtype)
    whole, recording = read_audio(path, MAX_RECORDING_SECONDS), opened(path)
    assert recording.length == len(whole.samples)
    assert (recording.seconds, recording.received) == (whole.seconds, whole.received)
    starts = []
    for window, samples in cut_out(recording.blocks(), windows([Part(0, recording.length)])):
        start = window.start
        starts.append(start)
        assert window.left == max(0, start - CONTEXT) and samples.dtype == np.float32
        expected = whole.samples[window.left : start + WINDOW + CONTEXT]
        assert samples.shape == expected.shape
        assert np.array_equal(samples, expected) if rate == 16_000 else np.allclose(samples, expected, atol=1e-6)
    assert starts == list(range(0, len(whole.samples), WINDOW))


def test_the_same_log_probs_as_from_memory(greedy: Recognizer, tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", speech(130), SAMPLE_RATE, "PCM_16")
    expected = greedy.log_probs(read_audio(path, MAX_RECORDING_SECONDS))
    assert torch.equal(greedy.log_probs(opened(path)), expected)


def test_what_is_short_is_a_clip(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", speech(60), SAMPLE_RATE, "PCM_16")
    clip = open_audio(path)
    assert isinstance(clip, Audio) and np.array_equal(clip.samples, read_audio(path).samples)
    utterance = Utterance("a", write(tmp_path / "b.wav", speech(60.1), SAMPLE_RATE, "PCM_16"), "WORDS")
    assert isinstance(utterance.open(), Recording)
    with pytest.raises(AudioError, match="longer than 60 s"):  # to calibrate with, for one, which is done in one piece
        utterance.audio()


def test_channels_that_cancel_and_samples_beyond_full_scale(tmp_path: Path) -> None:
    sound = speech(SECONDS) * 9
    stereo = write(tmp_path / "a.wav", np.stack([sound, -0.99 * sound], axis=1), SAMPLE_RATE, "FLOAT")
    recording = opened(stereo)
    assert recording.channel == 0 and recording.peak == np.abs(sound).max() > 1
    assert np.array_equal(np.concatenate([*recording.blocks()]), sound / np.abs(sound).max())


def with_a_broken_end(value: float) -> np.ndarray:
    samples = speech(SECONDS).copy()
    samples[-100] = value
    return samples


def header_of_three_hours(path: Path) -> None:
    """A FLAC of little more than a minute whose header declares three hours."""
    data = bytearray(write(path.with_suffix(".flac"), speech(SECONDS), SAMPLE_RATE, "PCM_16").read_bytes())
    data[22:26] = (3 * 3600 * SAMPLE_RATE).to_bytes(4, "big")
    path.write_bytes(data)


def cut_in_half(path: Path, name: str) -> None:
    made = write(path.with_name(name), speech(SECONDS * 2), SAMPLE_RATE, "PCM_16")
    path.write_bytes(made.read_bytes()[: made.stat().st_size // 2])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: write(p, with_a_broken_end(np.nan), SAMPLE_RATE, "FLOAT"), "not numbers"),
        (lambda p: write(p, with_a_broken_end(-np.inf), SAMPLE_RATE, "FLOAT"), "not numbers"),
        (lambda p: write(p, with_a_broken_end(1e30), SAMPLE_RATE, "FLOAT"), "full scale is 1"),
        (lambda p: write(p, speech(SECONDS) * 1e-6, SAMPLE_RATE, "FLOAT"), "silent"),
        (lambda p: write(p, np.zeros((100_000_0, 9)), SAMPLE_RATE, "PCM_U8"), "9 channels"),
        (header_of_three_hours, "longer than 7200 s"),
        (lambda p: cut_in_half(p, "half.aiff"), "is cut off: 50%"),
        (lambda p: cut_in_half(p, "half.flac"), "is damaged or cut off"),
        (lambda p: p.write_text("words"), "cannot be read as audio"),
    ],
)
def test_all_of_it_is_checked_before_any_of_it_is_used(tmp_path: Path, make, says: str) -> None:
    make(tmp_path / "a.wav")
    with pytest.raises(AudioError, match=says):
        open_audio(tmp_path / "a.wav")


@pytest.mark.parametrize(("seconds", "rate"), [(62.0, 16_000), (66.0, 16_000), (SECONDS, 8_000)])
def test_a_file_that_changes_is_noticed(tmp_path: Path, seconds: float, rate: int) -> None:
    path = write(tmp_path / "a.wav", speech(SECONDS), SAMPLE_RATE, "PCM_16")
    recording = opened(path)
    write(path, speech(seconds, rate), rate, "PCM_16")
    with pytest.raises(AudioError, match=r"^a\.wav was changed while it was read; try again\.$"):
        list(recording.blocks())


class Means(torch.nn.Module):
    """A cheap encoder: log-probs [B, F, V] from the mean of every 320 samples."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = torch.arange(outputs)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        return (wave.unfold(1, 320, 320).mean(-1, keepdim=True) * self.outputs).log_softmax(-1)


class Deleting(Means):
    """An encoder during whose work the recording is deleted."""

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        self.path.unlink(missing_ok=True)
        return super().forward(wave)


def test_a_benchmark_goes_on_after_a_recording_that_vanished(greedy: Recognizer, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", speech(SECONDS), SAMPLE_RATE, "PCM_16")
    encoder = Deleting(len(greedy.vocabulary.labels))
    encoder.path = path
    vanishing = replace(greedy, encoder=encoder)
    with pytest.raises(DatasetError, match=r"the first: 'a': There is no audio file 'a\.wav'"):
        asrquant.benchmark([vanishing], Dataset("one", (Utterance("a", path, "WORDS"),)))
    write(path, speech(SECONDS), SAMPLE_RATE, "PCM_16")
    good = asrquant.example_clips()[0]
    report = asrquant.benchmark([vanishing], Dataset("two", (Utterance("a", path, "WORDS"), good)))
    assert [row.utterance for row in report.rows] == [good.id] and [row.id for row in report.bad] == ["a"]


class Slow(Recording):
    def blocks(self) -> Iterator[np.ndarray]:
        for block in super().blocks():
            time.sleep(0.2)
            yield block


def test_reading_from_disk_is_not_the_encoders_time(greedy: Recognizer, tmp_path: Path) -> None:
    found = opened(write(tmp_path / "a.wav", speech(SECONDS), SAMPLE_RATE, "PCM_16"))
    slow = Slow(*(getattr(found, field.name) for field in fields(found)))
    heard = replace(greedy, encoder=Means(4), decoder=lambda part: str(len(part)), frame_samples=320).transcribe(slow)
    assert sum(map(int, heard.text.split())) == round(SECONDS * 50) and heard.encoder_seconds < 0.2 * 6


PEAK = """
import json, sys, torch
from pathlib import Path
sys.path += ["tests", "tests/audio"]
from test_recording import Means
from asrquant.audio.recording import open_audio
from asrquant.audio.speech import Part
from asrquant.audio.windows import encode_in_windows

peaks = []
for path in sys.argv[1:]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
    recording = open_audio(path)
    with torch.inference_mode():
        log_probs = encode_in_windows(Means(4), recording.blocks(), [Part(0, recording.length)], 0, 320).log_probs
    assert log_probs.shape == (recording.length // 320, 4)
    peaks.append(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024)
    del log_probs
print(json.dumps(peaks))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells the peak of a process's memory")
@pytest.mark.parametrize("kind", ["flac", pytest.param("m4a", marks=pytest.mark.long)])
def test_memory_does_not_grow_with_the_length(tmp_path: Path, kind: str) -> None:
    paths = []
    for minutes in (6, 60):
        paths.append(tmp_path / f"{minutes}.{kind}")
        if kind == "m4a":
            again_and_again(media(tmp_path / "a.m4a", speech(6), SAMPLE_RATE, "aac"), paths[-1], 10 * minutes)
            continue
        with sf.SoundFile(paths[-1], "w", SAMPLE_RATE, 1, "PCM_16") as file:
            for _ in range(minutes):  # speech, and silence that costs little to write
                file.write(speech(2))
                file.write(np.zeros(58 * SAMPLE_RATE, np.int16))
    command = [sys.executable, "-c", PEAK, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    short, long = json.loads(done.stdout)
    assert long < short + 40, f"{short:.0f} MB for 6 minutes, {long:.0f} MB for 60"
