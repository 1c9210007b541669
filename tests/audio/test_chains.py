"""Files of several recordings after each other, Ogg and FLAC: all of it is read, or a sentence says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media_files import media, remux
from scipy.signal import resample_poly
from sounds import speech, write
from test_audio_mutations import with_checksums

from asrquant.audio.clip import SAMPLE_RATE, Audio, read_audio
from asrquant.audio.recording import Recording, open_audio
from asrquant.base.errors import AudioError

LOSSY = ["VORBIS", "OPUS"]


def part(folder: Path, coding: str, start: float, seconds: float, channels: int = 1, rate: int = SAMPLE_RATE) -> bytes:
    """A stretch of the bundled speech as a file of its own."""
    sound = speech(start + seconds)[int(start * SAMPLE_RATE) :]
    sound = sound if rate == SAMPLE_RATE else resample_poly(sound, rate, SAMPLE_RATE).astype(np.float32)
    name = "part.flac" if coding == "PCM_16" else "part.ogg"
    shaped = sound if channels == 1 else np.repeat(sound[:, None], channels, axis=1)
    return write(folder / name, shaped, rate, coding).read_bytes()


def ogg_flac(folder: Path, start: float, seconds: float) -> bytes:
    """FLAC in Ogg, which libsndfile does not write."""
    (folder / "plain.flac").write_bytes(part(folder, "PCM_16", start, seconds))
    return remux(folder / "plain.flac", folder / "part.oga").read_bytes()


def heard(folder: Path, data: bytes) -> Audio:
    path = folder / "clip"
    path.write_bytes(data)
    return read_audio(path)


def likeness(heard: np.ndarray, said: np.ndarray) -> float:
    length = min(len(heard), len(said))
    return float(np.corrcoef(heard[:length], said[:length])[0, 1])


@pytest.mark.parametrize("coding", ["VORBIS", "OPUS", "PCM_16", "ogg flac"])
@pytest.mark.parametrize("lengths", [(4.0, 4.0), (1.0, 0.3, 2.0)])
def test_all_that_follows_each_other_is_read(tmp_path: Path, coding: str, lengths: tuple[float, ...]) -> None:
    starts = [sum(lengths[:index]) for index in range(len(lengths))]
    make = ogg_flac if coding == "ogg flac" else lambda folder, *where: part(folder, coding, *where)
    audio = heard(tmp_path, b"".join(make(tmp_path, *where) for where in zip(starts, lengths, strict=True)))
    assert audio.seconds == pytest.approx(sum(lengths), abs=1e-6)
    assert likeness(audio.samples, speech(sum(lengths))) > (0.93 if coding in LOSSY else 0.99999)
    assert f"{len(lengths)} recordings after each other" in audio.received
    one = heard(tmp_path, make(tmp_path, 0.0, lengths[0]))
    assert one.seconds == pytest.approx(lengths[0], abs=1e-6) and not one.source_note


@pytest.mark.parametrize("coding", [*LOSSY, "PCM_16"])
def test_a_recording_of_several(tmp_path: Path, coding: str) -> None:
    (tmp_path / "long").write_bytes(part(tmp_path, coding, 0, 4) * 16)
    recording = open_audio(tmp_path / "long")
    assert isinstance(recording, Recording) and recording.seconds == pytest.approx(64, abs=1e-6)
    assert sum(map(len, recording.blocks())) == recording.length and "16 recordings" in recording.received


@pytest.mark.parametrize("coding", [*LOSSY, "PCM_16"])
def test_parts_of_another_form_are_refused(tmp_path: Path, coding: str) -> None:
    other = part(tmp_path, coding, 0, 1, channels=2)
    with pytest.raises(AudioError, match="changes midway from 16000 Hz, 1 channel to 16000 Hz, 2 channels; save it as"):
        heard(tmp_path, part(tmp_path, coding, 0, 1) + other)


@pytest.mark.parametrize("coding", [*LOSSY, "PCM_16"])
@pytest.mark.parametrize("share", [0.55, 0.9, 0.995])
def test_the_last_part_is_cut(tmp_path: Path, coding: str, share: float) -> None:
    last = part(tmp_path, coding, 2, 2)
    with pytest.raises(AudioError, match=r"cut off: \d+%|cut off in the middle|damaged or cut off"):
        heard(tmp_path, part(tmp_path, coding, 0, 2) + last[: int(share * len(last))])


def pages(ogg: bytes) -> list[bytes]:
    return [b"OggS" + page for page in ogg.split(b"OggS")[1:]]


@pytest.mark.parametrize("coding", LOSSY)
def test_pages_that_are_missing_or_damaged(tmp_path: Path, coding: str) -> None:
    whole = pages(part(tmp_path, coding, 0, 8))
    assert len(whole) > 4
    ended = heard(tmp_path, b"".join(whole[:-1]))
    assert "its end is not marked" in ended.received and ended.seconds < 8
    for broken in (
        [*whole[:-2], whole[-1]],
        [*whole[:-2], whole[-2][:100] + bytes([whole[-2][100] ^ 1]) + whole[-2][101:], whole[-1]],
        [*whole[:-1], bytes(10), whole[-1]],
        [*whole, whole[-1]],
    ):
        with pytest.raises(AudioError, match="damaged or cut off"):
            heard(tmp_path, b"".join(broken))
    for cut in (whole[-1][:20], whole[-1][:-1]):
        with pytest.raises(AudioError, match="cut off in the middle"):
            heard(tmp_path, b"".join([*whole[:-1], cut]))
    assert heard(tmp_path, b"".join(whole) + b"TAG" + bytes(125)).seconds == pytest.approx(8)


def between(one: bytes, other: bytes) -> bytes:
    """Two streams in one Ogg, their pages in turn."""
    first, second = pages(one), [page[:14] + b"\1\2\3\4" + page[18:] for page in pages(other)]
    turns = range(max(len(first), len(second)))
    return with_checksums(
        b"".join(page for turn in turns for side in (first, second) for page in side[turn : turn + 1])
    )


@pytest.mark.parametrize("coding", LOSSY)
def test_streams_that_lie_between_each_other(tmp_path: Path, coding: str) -> None:
    """Of two tracks the first is read, and of a film its sound."""
    one, other = part(tmp_path, coding, 0, 4), part(tmp_path, coding, 4, 6)
    both = heard(tmp_path, between(one, other))
    alone = heard(tmp_path, one)
    assert np.array_equal(both.samples, alone.samples) and "audio track 1 of 2" in both.received
    film = heard(tmp_path, between(with_first(b"\x80theora", other), one))
    assert np.array_equal(film.samples, alone.samples) and not film.source_note


def with_first(begins: bytes, ogg: bytes) -> bytes:
    """Another kind of stream, as its first page says."""
    first, *rest = pages(ogg)
    start = 27 + first[26]
    return b"".join([first[:start] + begins + first[start + len(begins) :], *rest])


def test_ogg_without_sound_that_can_be_read(tmp_path: Path) -> None:
    made = part(tmp_path, "VORBIS", 0, 1)
    with pytest.raises(
        AudioError, match=r"coded as Speex in Ogg, which cannot be read; save it as WAV, FLAC, MP3 or M4A\."
    ):
        heard(tmp_path, with_checksums(with_first(b"Speex   ", made)))
    with pytest.raises(AudioError, match="no audio track"):
        heard(tmp_path, with_checksums(with_first(b"\x80theora", made)))


def test_ogg_of_a_film_and_of_a_browser(tmp_path: Path) -> None:
    made = media(tmp_path / "a.ogg", speech(3, 48_000), 48_000, "libopus")
    assert read_audio(made).seconds == pytest.approx(3, abs=0.001) and not read_audio(made).source_note


def declaring(flac: bytes, samples: int) -> bytes:
    return flac[:21] + bytes([flac[21] & 0xF0]) + samples.to_bytes(4, "big") + flac[26:]


def test_flac_whose_header_says_less_or_nothing(tmp_path: Path) -> None:
    made = part(tmp_path, "PCM_16", 0, 4)
    less = heard(tmp_path, declaring(made, 3 * SAMPLE_RATE))
    assert less.seconds == 3 and "more sound follows than its header announces" in less.received
    nothing = heard(tmp_path, declaring(made, 0))
    assert nothing.seconds == 4 and not nothing.source_note
    with pytest.raises(AudioError, match="cut off: 99%"):
        heard(tmp_path, declaring(made, 4 * SAMPLE_RATE + 1))


@pytest.mark.parametrize(
    "tail", [b"TAG" + b"x" * 125, b"APETAGEX" + bytes(80), bytes(5000), b"\xff\xf8\xc9\x08rubbish" * 9]
)
def test_flac_with_tags(tmp_path: Path, tail: bytes) -> None:
    """Before it an ID3 tag, or two; behind it another one, or rubbish."""
    made, tag = part(tmp_path, "PCM_16", 0, 2), b"ID3\4\0\0\0\0\2\1" + bytes(257)
    exact = heard(tmp_path, made).samples
    for data in (tag + made, tag + tag + made, made + tail, tag + made + tail):
        audio = heard(tmp_path, data)
        assert np.array_equal(audio.samples, exact) and not audio.source_note
    assert heard(tmp_path, made + tag + made).seconds == 4


def test_the_gain_that_opus_carries(tmp_path: Path) -> None:
    made = part(tmp_path, "OPUS", 0, 2)
    at = made.index(b"OpusHead") + 16
    as_it_is = heard(tmp_path, made).samples
    for decibels in (-6, 6):
        changed = with_checksums(made[:at] + (256 * decibels).to_bytes(2, "little", signed=True) + made[at + 2 :])
        assert np.allclose(heard(tmp_path, changed).samples, as_it_is * 10 ** (decibels / 20), atol=1e-3)
