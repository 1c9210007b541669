"""What phones, browsers and messengers record: the right samples at the right time, or one sentence."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from media_files import CENC, FAST_START, FRAGMENTED, MEDIA, box, caf, first_box, media, remux, silent_film
from scipy.signal import resample_poly
from sounds import speech, write

import asrquant
from asrquant import Recognizer
from asrquant.audio.clip import SAMPLE_RATE, Audio, read_audio
from asrquant.audio.recording import MAX_RECORDING_SECONDS, Recording, open_audio
from asrquant.base.errors import AudioError, MissingDependencyError
from asrquant.data.archive import unpack
from asrquant.data.dataset import Utterance
from asrquant.data.reading import read_dataset
from asrquant.text.metrics import agreement

SECONDS = 3.0


def delay(heard: np.ndarray, said: np.ndarray) -> float:
    """Seconds by which one sound comes after the other, by cross-correlation."""
    size = 1 << (len(heard) + len(said)).bit_length()
    match = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)), size)
    at = int(np.argmax(match))
    return (at if at < size // 2 else at - size) / SAMPLE_RATE


def likeness(heard: np.ndarray, said: np.ndarray) -> float:
    """Correlation of two sounds of which one may be a little longer."""
    length = min(len(heard), len(said))
    return float(np.corrcoef(heard[:length], said[:length])[0, 1])


def both(samples: np.ndarray, other: float) -> np.ndarray:
    return np.stack([samples, other * samples])


@pytest.mark.parametrize(
    ("name", "codec", "rate", "options"),
    [
        ("a.m4a", "aac", 48_000, {}), ("a.m4a", "aac", 44_100, FAST_START), ("a.m4a", "aac", 16_000, {}),
        ("a.m4a", "aac", 11_025, {}), ("a.m4a", "aac", 8_000, {}), ("a.mp4", "libopus", 48_000, {}),
        ("a.m4a", "aac", 12_000, {}), ("a.mp4", "libmp3lame", 44_100, {}), ("a.webm", "libopus", 48_000, {}),
        ("a.webm", "libopus", 48_000, {"live": "1"}), ("a.mkv", "aac", 48_000, {}), ("a.mka", "libmp3lame", 48_000, {}),
    ],
)  # fmt: skip
def test_sound_comes_out_as_it_went_in(tmp_path: Path, name: str, codec: str, rate: int, options: dict) -> None:
    """The encoder's delay is left out, and where the file says so its padding too."""
    said = read_audio(write(tmp_path / "a.wav", speech(SECONDS, rate), rate, "FLOAT")).samples  # in the same band
    heard = read_audio(media(tmp_path / name, speech(SECONDS, rate), rate, codec, options, bit_rate=64_000))
    assert heard.source_channels == 1 and heard.samples.dtype == np.float32
    assert heard.source_rate == (48_000 if codec == "libopus" else rate)
    assert heard.seconds == pytest.approx(SECONDS, abs=0.03 if name.startswith("a.mk") else 0.0001)
    assert abs(delay(heard.samples, said)) < 0.001 and likeness(heard.samples, said) > 0.95


@pytest.mark.parametrize(
    ("name", "codec", "rate", "late"),
    [
        ("a.mp4", "aac", 48_000, 1024 / 48_000), ("a.aac", "aac", 48_000, 1024 / 48_000),
        ("a.3gp", "libopencore_amrnb", 8_000, -0.0016), ("a.amr", "libopencore_amrnb", 8_000, 0.0046),
    ],
)  # fmt: skip
def test_a_delay_that_no_header_tells_stays_within_a_frame(
    tmp_path: Path, name: str, codec: str, rate: int, late: float
) -> None:
    options = FRAGMENTED if name == "a.mp4" else {}
    heard = read_audio(media(tmp_path / name, speech(SECONDS, rate), rate, codec, options))
    assert delay(heard.samples, speech(SECONDS)) == pytest.approx(late, abs=0.001)
    assert heard.seconds == pytest.approx(SECONDS, abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec", "subtype", "options"),
    [
        ("a.m4a", "alac", "PCM_24", {}), ("a.m4a", "alac", "PCM_24", FAST_START), ("a.mov", "pcm_s16le", "PCM_16", {}),
        ("a.mov", "pcm_s24be", "PCM_24", {}), ("a.mov", "pcm_f32le", "FLOAT", {}), ("a.mov", "pcm_u8", "PCM_U8", {}),
        ("a.mkv", "pcm_s16le", "PCM_16", {}), ("a.mkv", "flac", "PCM_16", {}), ("a.mp4", "flac", "PCM_16", {}),
        ("a.mkv", "pcm_f64le", "DOUBLE", {}), ("a.mov", "pcm_mulaw", "ULAW", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 2])
def test_lossless_codings_are_exact(
    tmp_path: Path, name: str, codec: str, subtype: str, options: dict, channels: int
) -> None:
    """The samples that libsndfile gives for the same sound; multiples of 1/128 are the same in every coding."""
    steps = np.round(speech(SECONDS, 44_100) * 64) / 128
    if subtype == "ULAW":
        steps = np.sign(steps) * (2.0 ** np.arange(-3, 0))[np.arange(len(steps)) % 3]
    sound = steps if channels == 1 else both(steps, 0.5)
    heard = read_audio(media(tmp_path / name, sound, 44_100, codec, options))
    expected = read_audio(write(tmp_path / "a.wav", np.atleast_2d(sound).T.squeeze(), 44_100, subtype))
    assert heard.source_channels == channels and len(heard.samples) == len(expected.samples)
    if subtype == "ULAW":  # whose encoders round differently
        assert likeness(heard.samples, expected.samples) > 0.999
    elif subtype == "PCM_U8":
        assert np.allclose(heard.samples, expected.samples, atol=0.01)
    else:
        assert np.array_equal(heard.samples, expected.samples)


def test_16_bit_alac_is_exact(tmp_path: Path) -> None:
    source = write(tmp_path / "a.caf", speech(SECONDS), SAMPLE_RATE, "ALAC_16")  # libsndfile's encoder
    exact = read_audio(source)
    assert exact.source_format == "CAF ALAC_16"
    heard = read_audio(remux(source, tmp_path / "a.m4a"))
    assert heard.source_format == "MP4 ALAC" and np.array_equal(heard.samples, exact.samples)


def test_vorbis_of_a_browser_is_what_libsndfile_hears(tmp_path: Path) -> None:
    source = write(tmp_path / "a.ogg", speech(SECONDS, 44_100), 44_100, "VORBIS")
    heard, expected = read_audio(remux(source, tmp_path / "a.webm")), read_audio(source)
    assert likeness(heard.samples, expected.samples) > 0.9999 and abs(len(heard.samples) - len(expected.samples)) < 400


def test_compressed_caf_as_messengers_send_it(tmp_path: Path) -> None:
    aac = media(tmp_path / "a.m4a", speech(SECONDS, 48_000), 48_000, "aac")
    opus = media(tmp_path / "a.webm", speech(SECONDS, 48_000), 48_000, "libopus")
    for made, coding in (
        (caf(aac, tmp_path / "a.caf", b"aac ", 1024, 1024, 144_000), "CAF AAC"),
        (caf(opus, tmp_path / "b.caf", b"opus", 960, 312, 144_000), "CAF OPUS"),
    ):
        heard = read_audio(made)
        assert heard.source_format == coding and heard.seconds == SECONDS
        assert delay(heard.samples, speech(SECONDS)) == 0 and likeness(heard.samples, speech(SECONDS)) > 0.95


@pytest.mark.parametrize(
    ("name", "clip", "late"), [("he-aac.m4a", 3, 0), ("he-aac-v2.m4a", 3, 0), ("amr-wb.awb", 1, 0.0059)]
)
def test_codings_that_pyav_does_not_write(an4: Recognizer, examples, name: str, clip: int, late: float) -> None:
    heard, said = read_audio(MEDIA / name), examples[clip].audio()
    assert heard.source_rate == (16_000 if name.endswith("awb") else 48_000)
    assert heard.seconds == said.seconds and delay(heard.samples, said.samples) == pytest.approx(late, abs=0.001)
    assert agreement(examples[clip].reference, an4.transcribe(heard).text) >= 60


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [("a.m4a", "aac", 48_000), ("a.m4a", "alac", 16_000), ("a.webm", "libopus", 48_000), ("a.mkv", "libopus", 48_000)],
)
def test_the_words_are_the_same(an4: Recognizer, examples, tmp_path: Path, name: str, codec: str, rate: int) -> None:
    same = []
    for clip in examples[:5]:
        audio = clip.audio()
        source = write(tmp_path / "a.wav", audio.samples, SAMPLE_RATE, "FLOAT")
        sound = read_audio(source).samples
        if rate != SAMPLE_RATE:
            sound = resample_poly(sound, rate, SAMPLE_RATE)
        made = media(tmp_path / name, sound, rate, codec, bit_rate=64_000)
        same.append(agreement(an4.transcribe(audio).text, an4.transcribe(made).text))
    assert np.mean(same) == 100 if codec == "alac" else np.mean(same) >= 85


def test_channels(tmp_path: Path) -> None:
    sound = speech(SECONDS, 48_000)
    inverted = read_audio(media(tmp_path / "a.m4a", both(sound, -1), 48_000, "alac"))
    assert inverted.source_channels == 2 and abs(likeness(inverted.samples, speech(SECONDS))) > 0.999
    surround = np.zeros((6, len(sound)))
    surround[2] = sound  # the voice of a film, in the middle
    heard = read_audio(media(tmp_path / "b.m4a", surround, 48_000, "aac", bit_rate=256_000))
    assert heard.source_channels == 6 and likeness(heard.samples, speech(SECONDS)) > 0.95


@pytest.mark.parametrize(
    ("name", "codec", "pictures"),
    [("a.mp4", "aac", "mpeg4"), ("a.mov", "aac", "mpeg4"), ("a.webm", "libopus", "libvpx")],
)
def test_the_sound_of_a_film_keeps_its_time(tmp_path: Path, name: str, codec: str, pictures: str) -> None:
    sound = speech(SECONDS, 48_000)
    film = read_audio(media(tmp_path / f"1{name}", sound, 48_000, codec, pictures=pictures))
    assert abs(delay(film.samples, speech(SECONDS))) < 0.001 and "(" not in film.received
    late = read_audio(media(tmp_path / f"2{name}", sound, 48_000, codec, pictures=pictures, shift=lambda _: 0.8))
    assert delay(late.samples, speech(SECONDS)) == pytest.approx(0.8, abs=0.002)
    assert late.received.endswith("(0.8 s of silence where its time stamps leave gaps)")


@pytest.mark.parametrize(("name", "codec"), [("a.webm", "libopus"), ("a.mp4", "aac")])
def test_what_is_missing_in_the_middle_is_silence(tmp_path: Path, name: str, codec: str) -> None:
    made = media(tmp_path / name, speech(SECONDS, 48_000), 48_000, codec, shift=lambda second: 2.0 * (second > 1))
    heard = read_audio(made)
    assert heard.seconds == pytest.approx(SECONDS + 2, abs=0.01)
    assert not heard.samples[int(1.1 * SAMPLE_RATE) : int(2.9 * SAMPLE_RATE)].any()
    after = int(3.1 * SAMPLE_RATE)
    assert abs(delay(heard.samples[after:], speech(SECONDS)[after - 2 * SAMPLE_RATE :])) < 0.002
    assert "2.0 s of silence" in heard.received
    media(tmp_path / name, speech(SECONDS, 48_000), 48_000, codec, shift=lambda second: 0.02 * (second > 1))
    assert read_audio(tmp_path / name).source_note == ""  # live recordings stamp that far off


def test_one_of_several_tracks_is_taken_and_named(tmp_path: Path) -> None:
    made = media(tmp_path / "a.m4a", speech(SECONDS), SAMPLE_RATE, "alac", tracks=2)
    heard = read_audio(made)
    assert np.array_equal(heard.samples, speech(SECONDS)) or likeness(heard.samples, speech(SECONDS)) > 0.9999
    assert heard.received == "16 kHz mono, 3.0 s → 16 kHz mono (audio track 1 of 2)"


def cut(path: Path, share: float = 0.5) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def twice(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes() + other.read_bytes())


def speech_file(path: Path, codec: str, rate: int = 48_000, **settings) -> Path:
    return media(path, speech(SECONDS, rate), rate, codec, **settings)


def cut_and_mended(path: Path) -> None:
    """Half of the sound, in a file whose outer structure is whole again."""
    made = speech_file(path.with_suffix(".m4a"), "aac", options=FAST_START).read_bytes()
    start = first_box(made, b"mdat").start
    path.write_bytes(made[:start] + box(b"mdat", made[start + 8 : (start + len(made)) // 2]))


def with_half_its_duration(path: Path) -> None:
    """A recording whose last half is missing to the byte, in a segment of open length."""
    made = bytearray(speech_file(path.with_suffix(".webm"), "libopus", options={"live": "1"}).read_bytes())
    at = made.index(bytes.fromhex("2ad7b1"))  # the time base; the length, 6 seconds, goes before it
    duration = bytes.fromhex("448984") + struct.pack(">f", 6000)
    info = made.rindex(bytes.fromhex("1549a966"))
    size_at = info + 4
    width = 9 - made[size_at].bit_length()
    size = int.from_bytes(made[size_at : size_at + width], "big") & ((1 << 7 * width) - 1)
    made[at:at] = duration
    made[size_at : size_at + width] = (size + len(duration) | 1 << 7 * width).to_bytes(width, "big")
    path.write_bytes(made)


def protected_by_apple(path: Path) -> None:
    made = bytearray(speech_file(path.with_suffix(".m4a"), "aac").read_bytes())
    at = made.index(b"mp4a", made.index(b"stsd"))
    made[at : at + 4] = b"drms"
    path.write_bytes(made)


def of_another_coding(path: Path) -> None:
    speech_file(path.with_suffix(".mkv"), "ac3").rename(path)


def moved(path: Path, made: Path) -> None:
    made.rename(path)


def playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n")


SAYS_CUT = r"is cut off: \d+%|is cut off in the middle|is damaged or cut off"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        *((lambda p, n=n, c=c, r=r, o=o: (moved(p, speech_file(p.with_name(n), c, r, options=o)), cut(p)), SAYS_CUT)
          for n, c, r, o in [
              ("a.m4a", "aac", 48_000, FAST_START), ("a.m4a", "alac", 16_000, FAST_START), ("a.mp4", "aac", 48_000, FRAGMENTED),
              ("a.m4a", "aac", 48_000, {}), ("a.webm", "libopus", 48_000, {}), ("a.webm", "libopus", 48_000, {"live": "1"}),
              ("a.mkv", "flac", 48_000, {}), ("a.mov", "pcm_s16le", 48_000, FAST_START), ("a.aac", "aac", 48_000, {}),
              ("a.3gp", "libopencore_amrnb", 8_000, FAST_START), ("a.amr", "libopencore_amrnb", 8_000, {}),
          ]),
        (lambda p: (moved(p, speech_file(p.with_name("a.m4a"), "aac", options=FAST_START)), cut(p, 0.995)), "is cut off: 99%"),
        (cut_and_mended, SAYS_CUT),
        (with_half_its_duration, "is cut off: 5[01]%"),
        (lambda p: moved(p, silent_film(p.with_name("a.mp4"), "mpeg4")), "has no sound: there is no audio track"),
        (lambda p: moved(p, silent_film(p.with_name("a.webm"), "libvpx")), "has no sound: there is no audio track"),
        (lambda p: moved(p, speech_file(p.with_name("a.mp4"), "aac", options=CENC)), r"protected against copying \(DRM\)"),
        (protected_by_apple, r"protected against copying \(DRM\)"),
        (of_another_coding, "is coded as AC-3 in Matroska, which cannot be read"),
        (lambda p: (moved(p, speech_file(p.with_name("a.webm"), "libopus", options={"live": "1"})), twice(p, p)),
         r"goes back in time 3\.0 s in"),
        *((lambda p, n=n, c=c, r=r, o=o: (moved(p, speech_file(p.with_name(n), c, r, options=o)), twice(p, p)),
           "holds several recordings after each other, of which only the first would be read")
          for n, c, r, o in [("a.m4a", "aac", 48_000, {}), ("a.m4a", "aac", 48_000, FAST_START),
                             ("a.mp4", "aac", 48_000, FRAGMENTED), ("a.3gp", "libopencore_amrnb", 8_000, {})]),
        (lambda p: (moved(p, speech_file(p.with_name("a.amr"), "libopencore_amrnb", 8_000)), twice(p, p)), "is damaged or"),
        (lambda p: (moved(p, speech_file(p.with_name("a.aac"), "aac")),
                    twice(p, speech_file(p.with_name("b.aac"), "aac", 16_000))), "changes midway from 48000 Hz, 1 channel to"),
        (lambda p: moved(p, media(p.with_name("a.mka"), speech(SECONDS, 48_000), 48_000, "aac",
                                  shift=lambda second: 1e6 * (second > 1))), "longer than 60 s"),
        (lambda p: moved(p, media(p.with_name("a.m4a"), speech(61), 16_000, "aac")), "longer than 60 s"),
        (lambda p: moved(p, media(p.with_name("a.m4a"), np.zeros(48_000), 16_000, "aac")), "is silent"),
        (lambda p: moved(p, media(p.with_name("a.m4a"), speech(0.05), 16_000, "aac")), "too short"),
        (playlist, "cannot be read as audio"),
        (lambda p: p.write_text("ffconcat version 1.0\nfile /etc/passwd\n"), "cannot be read as audio"),
        (lambda p: p.write_text(";FFMETADATA1\ntitle=x\n"), "cannot be read as audio"),
        (lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000)), "cannot be read as audio"),
    ],
)  # fmt: skip
def test_turned_away_with_the_reason(tmp_path: Path, make: Callable[[Path], object], says: str) -> None:
    path = tmp_path / "clip"
    make(path)
    with pytest.raises(AudioError, match=says) as caught:
        read_audio(path)
    assert str(caught.value).startswith(("clip", "The sound of clip")) and str(caught.value).isprintable()


def test_without_pyav_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = speech_file(tmp_path / "a.m4a", "aac")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"^a\.m4a needs PyAV to be read; install with: pip install av"):
        read_audio(made)


def test_everything_else_is_read_without_loading_it(examples) -> None:
    code = f"import sys; from asrquant.audio import read_audio; read_audio({str(examples[0].path)!r}); print('av' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=MEDIA.parents[1])
    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.m4a", "aac", 44_100),
        ("a.m4a", "alac", 16_000),
        ("a.webm", "libopus", 48_000),
        ("a.3gp", "libopencore_amrnb", 8_000),
    ],
)
def test_recordings_are_read_in_blocks(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    made = media(tmp_path / name, np.resize(speech(8, rate), int(64.3 * rate)), rate, codec)
    whole, recording = read_audio(made, MAX_RECORDING_SECONDS), open_audio(made)
    assert isinstance(recording, Recording) and (recording.seconds, recording.received) == (
        whole.seconds,
        whole.received,
    )
    in_blocks = np.concatenate([*recording.blocks()])
    assert in_blocks.shape == whole.samples.shape and np.allclose(in_blocks, whole.samples, atol=1e-6)


def test_a_data_set_of_what_phones_record(greedy: Recognizer, examples, tmp_path: Path) -> None:
    """A manifest, and LibriSpeech's layout; a recording among the clips; a row that cannot be read."""
    rows = []
    for clip, name, codec in zip(examples[:2], ("a.m4a", "b.webm"), ("aac", "libopus"), strict=True):
        media(tmp_path / name, resample_poly(clip.audio().samples, 3, 1), 48_000, codec)
        rows.append((name.split(".")[0], name, clip.reference))
    media(tmp_path / "long.m4a", speech(64, 16_000), 16_000, "aac")
    silent_film(tmp_path / "film.mp4", "mpeg4")
    rows += [("long", "long.m4a", "WORDS"), ("film", "film.mp4", "WORDS")]
    lines = "".join(json.dumps({"id": i, "path": p, "text": t}) + "\n" for i, p, t in rows)
    (tmp_path / "m.jsonl").write_text(lines)
    data = read_dataset(tmp_path / "m.jsonl")
    report = asrquant.benchmark([greedy], data)
    assert {row.utterance for row in report.rows} == {"a", "b", "long"}
    assert [(row.id, row.reason.split(":")[0]) for row in report.bad] == [("film", "film.mp4 has no sound")]
    (tmp_path / "x.trans.txt").write_text("".join(f"{i} {t}\n" for i, _, t in rows[:2]))
    layout = read_dataset(tmp_path)
    assert [u.path.name for u in layout.utterances] == ["a.m4a", "b.webm"]
    assert isinstance(layout.utterances[0].audio(), Audio)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a.m4a", "b.webm", "x.trans.txt"):
            archive.write(tmp_path / name, name)
    (tmp_path / "room").mkdir()
    unpack(tmp_path / "a.zip", tmp_path / "room")
    zipped = read_dataset(tmp_path / "room", inside=tmp_path / "room")
    assert [u.path.name for u in zipped.utterances] == ["a.m4a", "b.webm"] and zipped.bad == ()


def test_calibration_clips_may_be_of_a_phone(an4: Recognizer, tmp_path: Path) -> None:
    clips = [media(tmp_path / f"{n}.m4a", speech(n + 2), 16_000, "aac") for n in range(2)]
    asrquant.quantize(an4, "static-int8", calibration=[str(clip) for clip in clips])
    asrquant.quantize(an4, "static-int8", calibration=[Utterance("a", clips[0], "WORDS")])


def test_the_command_line_takes_them(examples, tmp_path: Path) -> None:
    made = media(tmp_path / "clip.m4a", examples[1].audio().samples, 16_000, "aac")
    root = MEDIA.parents[1]
    command = [sys.executable, "-m", "asrquant", "compare", str(made), "--decoder", "greedy", "--runs", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=300)
    assert ran.returncode == 0 and "16 kHz mono" in ran.stdout, ran.stderr
    cut(made)
    ran = subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=300)
    assert ran.returncode != 0 and "clip.m4a is" in ran.stderr and "Traceback" not in ran.stderr
