from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from asrquant.audio import MAX_SECONDS, SAMPLE_RATE, read_audio
from asrquant.errors import AudioError


def tone(seconds: float = 1.0, rate: int = 16_000, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def strongest_hertz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(samples))


@pytest.mark.parametrize(
    ("extension", "subtype"),
    [
        ("wav", "PCM_U8"), ("wav", "PCM_16"), ("wav", "PCM_24"), ("wav", "PCM_32"), ("wav", "FLOAT"), ("wav", "DOUBLE"),
        ("wav", "ULAW"), ("wav", "ALAW"), ("wav", "IMA_ADPCM"), ("flac", "PCM_16"), ("ogg", "VORBIS"), ("ogg", "OPUS"),
        ("mp3", "MPEG_LAYER_III"), ("aiff", "PCM_16"), ("caf", "PCM_16"),
    ],
)  # fmt: skip
def test_reads_every_coding(tmp_path: Path, extension: str, subtype: str) -> None:
    path = tmp_path / f"clip.{extension}"
    sf.write(path, tone(rate=48_000), 48_000, subtype=subtype)
    audio = read_audio(path)
    assert audio.samples.dtype == np.float32
    assert audio.seconds == pytest.approx(1.0, abs=0.1)
    assert strongest_hertz(audio.samples) == pytest.approx(440, abs=3)
    assert np.abs(audio.samples).max() <= 1


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 22_050, 44_100, 44_101, 96_000, 192_000])
def test_resamples_every_rate(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "clip.wav"
    sf.write(path, tone(rate=rate), rate)
    audio = read_audio(path)
    assert len(audio.samples) == pytest.approx(SAMPLE_RATE, abs=2)
    assert strongest_hertz(audio.samples) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_mixes_down(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "clip.wav"
    sf.write(path, np.repeat(tone()[:, None], channels, axis=1), 16_000)
    audio = read_audio(path)
    assert audio.samples.ndim == 1
    assert np.allclose(audio.samples, tone(), atol=1e-4)


def test_says_what_was_received(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    sf.write(path, np.repeat(tone(3.2, 48_000)[:, None], 2, axis=1), 48_000)
    assert read_audio(path).received == "48 kHz stereo, 3.2 s → 16 kHz mono"


def test_channels_that_cancel_are_not_silence(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    sf.write(path, np.stack([tone(), -tone()], axis=1), 16_000)
    assert np.allclose(read_audio(path).samples, tone(), atol=1e-4)


def test_extension_does_not_matter(tmp_path: Path) -> None:
    sf.write(tmp_path / "clip.flac", tone(), 16_000)
    (tmp_path / "clip.flac").rename(tmp_path / "clip.wav")
    assert read_audio(tmp_path / "clip.wav").source_format == "FLAC PCM_16"


def test_float_samples_at_integer_scale_are_scaled_back(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    sf.write(path, tone() * 20_000, 16_000, subtype="FLOAT")
    assert np.abs(read_audio(path).samples).max() == pytest.approx(1.0)


def write_float(path: Path, values: np.ndarray) -> None:
    sf.write(path, values, 16_000, subtype="FLOAT")


def broken_values(value: float) -> np.ndarray:
    samples = tone()
    samples[100] = value
    return samples


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p.write_text("not audio, whatever its name says"), "cannot be read as audio"),
        (lambda p: p.write_bytes(b""), "empty"),
        (lambda p: sf.write(p, np.zeros(0, np.float32), 16_000), "no sound"),
        (lambda p: sf.write(p, tone(0.05), 16_000), "too short"),
        (lambda p: sf.write(p, np.zeros(16_000, np.float32), 16_000), "silent"),
        (lambda p: sf.write(p, tone(1, 3_000), 3_000), "sampling rate of 3000 Hz"),
        (lambda p: sf.write(p, tone(1, 200_000), 200_000), "sampling rate of 200000 Hz"),
        (lambda p: sf.write(p, np.repeat(tone()[:, None], 9, axis=1), 16_000), "9 channels"),
        (lambda p: write_float(p, broken_values(np.nan)), "not numbers"),
        (lambda p: write_float(p, broken_values(np.inf)), "not numbers"),
        (lambda p: write_float(p, broken_values(1e30)), "full scale is 1"),
        (lambda p: sf.write(p, tone(61), 16_000), "longer than 60 s"),
    ],
)
def test_turns_away_with_the_reason(tmp_path: Path, make, says: str) -> None:
    path = tmp_path / "clip.wav"
    make(path)
    with pytest.raises(AudioError, match=says) as caught:
        read_audio(path)
    assert "\n" not in str(caught.value)


def test_missing_file() -> None:
    with pytest.raises(AudioError, match="no audio file"):
        read_audio("/nowhere/clip.wav")


@pytest.mark.parametrize("extension", ["wav", "flac", "mp3"])
def test_a_truncated_file_is_never_taken_for_a_short_one(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"clip.{extension}"
    sf.write(path, tone(8), 16_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match=r"cut off|cannot be read"):
        read_audio(path)


def test_a_wav_written_to_a_pipe_has_no_length_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    sf.write(path, tone(), 16_000)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(data))
    assert read_audio(path).seconds == pytest.approx(1.0)


def test_a_small_file_of_many_hours_is_refused_early(tmp_path: Path) -> None:
    path = tmp_path / "hours.flac"
    with sf.SoundFile(path, "w", 16_000, 1, format="FLAC") as file:
        for _ in range(60):
            file.write(np.zeros(16_000 * 60, np.int16))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(AudioError, match=f"longer than {MAX_SECONDS:g} s"):
        read_audio(path)
