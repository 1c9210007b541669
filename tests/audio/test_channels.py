"""Channels: two speakers on two channels are said, and one can be taken; two microphones in a room are no two speakers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import fftconvolve
from sounds import speech, write

import asrquant
from asrquant import Recognizer
from asrquant.audio.clip import SAMPLE_RATE, read_audio
from asrquant.audio.recording import Recording, open_audio
from asrquant.audio.stereo import UNLIKE
from asrquant.base.errors import AudioError
from asrquant.cli.command import main
from asrquant.data.reading import read_dataset
from asrquant.show.report_files import write_report


def two(seconds: float = 3) -> tuple[np.ndarray, np.ndarray]:
    """Two stretches of speech, as loud as each other."""
    both = speech(2 * seconds).reshape(2, -1)
    first, second = 0.3 * both / np.abs(both).max(axis=1, keepdims=True)
    return first, second


def stereo(
    folder: Path, first: np.ndarray, second: np.ndarray, name: str = "clip.wav", rate: int = SAMPLE_RATE
) -> Path:
    return write(folder / name, np.stack([first, second], axis=1).astype(np.float32), rate, "FLOAT")


def in_turn(first: np.ndarray, second: np.ndarray, crosstalk: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A call in which one speaks after the other; each is faintly heard on the other's side."""
    one, other = np.concatenate([first, 0 * second]), np.concatenate([0 * first, second])
    return one + crosstalk * other, other + crosstalk * one


FIRST, SECOND = two()
CALLS = {
    "at once": (FIRST, SECOND), "in turn": in_turn(FIRST, SECOND), "with crosstalk": in_turn(FIRST, SECOND, 0.05),
    "one is quieter": (FIRST, 0.2 * SECOND),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_two_speakers_are_said_and_one_can_be_taken(tmp_path: Path, call: str) -> None:
    first, second = (np.asarray(side, np.float32) for side in CALLS[call])
    path = stereo(tmp_path, first, second)
    mixed = read_audio(path)
    assert mixed.channels_differ and np.allclose(mixed.samples, (first + second) / 2, atol=1e-6)
    assert "its channels hold different sounds, perhaps two speakers (correlation 0." in mixed.received
    assert f"under {UNLIKE}" in mixed.source_note and read_audio(path, channel="mix").source_note == mixed.source_note
    for channel, side in ((1, first), ("2", second)):
        taken = read_audio(path, channel=channel)
        assert np.array_equal(taken.samples, side) and not taken.channels_differ
        assert taken.source_note == f"channel {channel} of 2"


def room(delay: int, decay: float, seed: int) -> np.ndarray:
    """How a microphone hears a room: the sound itself, and a tail of echoes."""
    generator = np.random.default_rng(seed)
    times = np.arange(int(decay * SAMPLE_RATE)) / SAMPLE_RATE
    echoes = generator.normal(0, 1, len(times)) * 10 ** (-3 * times / decay)
    echoes *= 0.5 / np.sqrt((echoes**2).sum())
    return np.concatenate([np.zeros(delay), [1.0], echoes])


@pytest.mark.parametrize("delay", [0, 8, 50, 160])
@pytest.mark.parametrize("decay", [0.1, 0.4])
def test_two_microphones_in_a_room_are_no_two_speakers(tmp_path: Path, delay: int, decay: float) -> None:
    """At up to 10 ms (3.4 m) from each other, whether one speaks or two in turn, with noise of each microphone."""

    def heard(sound: np.ndarray, later: int, seed: int) -> np.ndarray:
        return fftconvolve(sound, room(later, decay, seed))[: len(FIRST)]

    left = np.concatenate([heard(FIRST, 0, 1), heard(SECOND, delay, 2)])
    right = np.concatenate([0.7 * heard(FIRST, delay, 3), 1.2 * heard(SECOND, 0, 4)])
    noise = np.random.default_rng(5).normal(0, 0.05 * left.std(), (2, len(left)))
    audio = read_audio(stereo(tmp_path, left + noise[0], right + noise[1]))
    assert not audio.channels_differ and not audio.source_note


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (FIRST, FIRST), (FIRST, 0.05 * SECOND), (FIRST, 0 * FIRST), (FIRST, -0.9 * FIRST), (FIRST, np.roll(FIRST, 80)),
        (FIRST, FIRST + 0.02 * SECOND), (FIRST, np.random.default_rng(0).normal(0, 0.002, len(FIRST))),
    ],
    ids=["the same", "hardly heard", "empty", "inverted", "later", "a little more", "noise"],
)  # fmt: skip
def test_what_is_one_sound(tmp_path: Path, left: np.ndarray, right: np.ndarray) -> None:
    assert not read_audio(stereo(tmp_path, left, right)).channels_differ


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3"])
def test_in_every_container(tmp_path: Path, name: str) -> None:
    coding = {"a.flac": "PCM_16", "a.ogg": "VORBIS", "a.mp3": "MPEG_LAYER_III"}[name]
    path = write(tmp_path / name, np.stack([FIRST, SECOND], axis=1), SAMPLE_RATE, coding)
    assert read_audio(path).channels_differ
    assert (
        np.corrcoef(read_audio(path, channel=2).samples[: len(SECOND)], SECOND[: len(read_audio(path).samples)])[0, 1]
        > 0.9
    )


def test_a_recording(tmp_path: Path) -> None:
    first, second = two(62)
    path = stereo(tmp_path, first, second, rate=SAMPLE_RATE)
    mixed, taken = open_audio(path), open_audio(path, channel=2)
    assert isinstance(mixed, Recording) and mixed.channels_differ and "different sounds" in mixed.received
    assert isinstance(taken, Recording) and not taken.channels_differ
    assert np.array_equal(np.concatenate([*taken.blocks()]), second.astype(np.float32))


def test_a_channel_that_is_not_there(tmp_path: Path) -> None:
    path = stereo(tmp_path, FIRST, SECOND)
    with pytest.raises(
        AudioError, match=r"clip\.wav has 2 channels, so there is no channel 3; choose another, or mix\."
    ):
        read_audio(path, channel=3)
    with pytest.raises(AudioError, match=r"mono\.wav has one channel, so there is no channel 2"):
        read_audio(write(tmp_path / "mono.wav", FIRST, SAMPLE_RATE, "PCM_16"), channel=2)
    for wrong in (0, -1, 9, "left", "1.5", 1.5, True, "", "9" * 5000):
        with pytest.raises(AudioError, match=r"The channel is .*; give 1 to 8, or mix for the mean of all"):
            read_audio(path, channel=wrong)


def test_a_silent_side_is_silent(tmp_path: Path) -> None:
    path = stereo(tmp_path, FIRST, 0 * FIRST)
    assert np.array_equal(read_audio(path, channel=1).samples, FIRST.astype(np.float32))
    with pytest.raises(AudioError, match="silent"):
        read_audio(path, channel=2)


def test_the_report_has_it(greedy: Recognizer, tmp_path: Path) -> None:
    for name, sides in (
        ("a", CALLS["at once"]),
        ("b", (FIRST, FIRST)),
        ("c", (np.tile(FIRST, 21), np.tile(SECOND, 21))),
    ):
        stereo(tmp_path, *sides, name=f"{name}.wav")
    (tmp_path / "x.trans.txt").write_text("a WORDS\nb WORDS\nc WORDS\n")
    report = asrquant.benchmark([greedy], read_dataset(tmp_path), folder=tmp_path / "out")
    assert [notice.id for notice in report.notices] == ["a", "c"] and "different sounds" in report.notices[0].text
    again = asrquant.benchmark([greedy], read_dataset(tmp_path), folder=tmp_path / "out", resume=True)
    assert again.notices == report.notices
    write_report(report, tmp_path / "out")
    assert [each["id"] for each in json.loads((tmp_path / "out" / "report.json").read_text())["notices"]] == ["a", "c"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "2 clips with a notice on how it was read" in page and page.count("its channels hold different sounds") == 2


def test_in_the_terminal(examples, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = examples[0].audio().samples, examples[1].audio().samples
    length = min(len(first), len(second))
    path = stereo(tmp_path, first[:length], second[:length])
    said = {}
    for channel in ("mix", "1", "2"):
        assert main(["transcribe", str(path), "--preset", "original", "--decoder", "greedy", "--channel", channel]) == 0
        said[channel] = capsys.readouterr()
    assert "notice: clip.wav: its channels hold different sounds" in said["mix"].err
    assert len({texts.out for texts in said.values()}) == 3 and "different" not in said["1"].err
    assert main(["compare", str(path), "--preset", "original", "--decoder", "greedy", "--runs", "1"]) == 0
    assert "different sounds" in capsys.readouterr().out
    assert main(["compare", str(path), "--channel", "3"]) == 2
    assert (
        capsys.readouterr().err
        == "asrquant: clip.wav has 2 channels, so there is no channel 3; choose another, or mix.\n"
    )
