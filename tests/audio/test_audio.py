from __future__ import annotations

import os
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from sounds import speech, write

from asrquant.audio.clip import SAMPLE_RATE, from_samples, read_audio, resampling_ratio
from asrquant.audio.recording import open_audio
from asrquant.base.errors import AudioError


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
    sf.write(tmp_path / f"clip.{extension}", tone(rate=48_000), 48_000, subtype=subtype)
    path = (tmp_path / f"clip.{extension}").rename(tmp_path / "clip.raw")  # an extension that soundfile would believe
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


@pytest.mark.parametrize(
    "rate", [4_000, 8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000]
)
def test_usual_rates_are_resampled_exactly(rate: int) -> None:
    assert resampling_ratio(rate) * rate == SAMPLE_RATE


def test_odd_rates_ask_for_little_and_are_nearly_exact() -> None:
    """With the exact ratio, 191,999 Hz asks for 180 MB, whatever the length."""
    worst = max(abs(float(resampling_ratio(rate) * rate / SAMPLE_RATE) - 1) for rate in range(4_001, 192_000, 97))
    assert 0 < worst <= 5e-5
    sound = tone(rate=191_999)
    tracemalloc.start()
    audio = from_samples(sound, 191_999)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(audio.samples) == SAMPLE_RATE and peak < 40e6


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_mp3_is_not_garbled_where_blocks_join(tmp_path: Path, rate: int) -> None:
    """A decoder that is sent to where it already is forgets what it needs for the next frame; soundfile does that."""
    path = write(tmp_path / "clip.mp3", speech(20, rate), rate, "MPEG_LAYER_III")
    in_one_piece, _ = sf.read(path, dtype="float32")
    assert np.array_equal(read_audio(path).samples, from_samples(in_one_piece, rate).samples)


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


def write_with(path: Path, offset: int, value: int, width: int) -> None:
    """A WAV with another number in its header."""
    sf.write(path, tone(), 16_000)
    data = bytearray(path.read_bytes())
    data[offset : offset + width] = value.to_bytes(width, "little")
    path.write_bytes(data)


M4A = (
    struct.pack(">I4s4sI8s", 24, b"ftyp", b"M4A ", 512, b"M4A isom")
    + struct.pack(">I4s", 4_008, b"mdat")
    + bytes(4_000)
)
WEBM = bytes.fromhex(
    "1a45dfa39f4286810142f7810142f2810442f381084282847765626d42878104428581021853806701ffffffffffffff"
) + bytes(4_000)
AAC = 50 * (bytes.fromhex("fff15080043ffc") + bytes(26))  # frames of 33 bytes with ADTS headers
MIDI_DUMP = bytes.fromhex("f07e00010000100f09000000000000000000000000f7") + bytes(4_000)  # which libsndfile does read


def broken_values(value: float) -> np.ndarray:
    samples = tone()
    samples[100] = value
    return samples


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p.write_text("not audio, whatever its name says"), "cannot be read as audio"),
        (lambda p: p.write_bytes(M4A), "cannot be read as audio; save it as WAV, FLAC"),
        (lambda p: p.write_bytes(WEBM), "cannot be read as audio; save it as WAV, FLAC"),
        (lambda p: p.write_bytes(AAC), "is damaged or cut off"),
        (lambda p: p.write_bytes(MIDI_DUMP), "cannot be read as audio; save it as WAV, FLAC"),
        (lambda p: p.write_bytes(b"RIFF"), "cannot be read as audio"),
        (lambda p: p.write_bytes(b""), "empty"),
        (lambda p: write_with(p, 22, 0, 2), "cannot be read as audio"),  # channels
        (lambda p: write_with(p, 24, 0, 4), "cannot be read as audio"),  # rate
        (lambda p: write_with(p, 24, 2**31 - 1, 4), "sampling rate of 2147483647 Hz"),
        (lambda p: sf.write(p, tone(399 / 16_000), 16_000), "too short"),
        (lambda p: sf.write(p, np.zeros(0, np.float32), 16_000), "no sound"),
        (lambda p: sf.write(p, tone(0.05), 16_000), "too short"),
        (lambda p: sf.write(p, np.zeros(16_000, np.float32), 16_000), "silent"),
        (lambda p: sf.write(p, np.full(16_000, 0.3, np.float32), 16_000), "silent"),  # nothing but an offset
        (lambda p: sf.write(p, tone(1 / 16_000), 16_000), "too short"),
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
    assert_sentence(caught.value, path)


def assert_sentence(error: AudioError, path: Path) -> None:
    text = str(error)
    assert text.isprintable() and text.endswith(".") and len(text) < 250
    assert str(path.parent) not in text


NAMES = [
    "new\nline.wav", "bell\a\x1b[31m.wav", "\u202egnp.wav", "clip.RAW", "clip", ".wav", "'\"<b>&.wav", "é中🎙.wav",
    "x" * 251 + ".wav", os.fsdecode(b"latin1-\xe9.wav"),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_can_be_read_and_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    sf.write(os.open(path, os.O_RDWR | os.O_CREAT), tone(), 16_000, format="WAV")
    assert read_audio(path).seconds == 1
    path.write_text("not audio")
    with pytest.raises(AudioError, match="cannot be read") as caught:
        read_audio(path)
    assert_sentence(caught.value, path)


@pytest.mark.parametrize("name", ["nowhere.wav", "no\0where.wav", ".", "x" * 300 + ".wav"], ids=ascii)
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(AudioError, match=r"no audio file|cannot be opened \(File name too long\)") as caught:
        read_audio(tmp_path / name)
    assert_sentence(caught.value, tmp_path / name)


def test_missing_file() -> None:
    with pytest.raises(AudioError, match="no audio file"):
        read_audio("/nowhere/clip.wav")


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_16"), ("a.wav", "FLOAT"), ("a.wav", "ULAW"), ("a.wav", "MS_ADPCM"), ("a.rf64", "PCM_16"),
        ("a.aiff", "PCM_16"), ("a.caf", "PCM_16"), ("a.flac", "PCM_16"), ("a.mp3", "MPEG_LAYER_III"),
    ],
)  # fmt: skip
def test_a_truncated_file_is_never_taken_for_a_short_one(tmp_path: Path, name: str, subtype: str) -> None:
    path = write(tmp_path / name, speech(8), 16_000, subtype)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match=r"is cut off: \d+%|is damaged or cut off"):
        read_audio(path)


def test_a_wav_written_to_a_pipe_has_no_length_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    sf.write(path, tone(), 16_000)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(data))
    assert read_audio(path).seconds == pytest.approx(1.0)


@pytest.fixture(scope="module")
def ten_hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hours") / "hours.flac"
    with sf.SoundFile(path, "w", 16_000, 1, format="FLAC") as file:
        for _ in range(60):
            file.write(np.zeros(16_000 * 600, np.int16))
    assert path.stat().st_size < 2_000_000
    return path


def test_a_small_file_of_ten_hours_is_refused_at_once(ten_hours: Path) -> None:
    start = time.process_time()
    for read, most in ((read_audio, 60), (open_audio, 7200)):
        with pytest.raises(AudioError, match=f"longer than {most} s"):
            read(ten_hours)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("declared", [0, 16_000])
def test_its_header_is_not_believed(ten_hours: Path, tmp_path: Path, declared: int) -> None:
    """FLAC that says nothing of its length is refused for what it holds; one that says a second gives a second."""
    data = bytearray(ten_hours.read_bytes())
    data[21:26] = bytes([data[21] & 0xF0]) + declared.to_bytes(4, "big")
    path = tmp_path / "a.flac"
    path.write_bytes(data)
    start = time.process_time()
    with pytest.raises(AudioError, match="silent" if declared else "longer than 60 s"):
        read_audio(path)
    assert time.process_time() - start < 1
