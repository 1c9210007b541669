"""Lengths in headers: what a pipe left there is no claim, what is less than what follows is said, what is more is a cut."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from sounds import speech, write

from asrquant.audio.clip import SAMPLE_RATE, Audio, read_audio
from asrquant.audio.recording import Recording, open_audio
from asrquant.base.errors import AudioError

SECONDS = 4.0
SOUND = np.round(speech(SECONDS) * 2**15) / 2**15
PCM = (SOUND * 2**15).astype("<i2").tobytes()


def heard(folder: Path, data: bytes) -> Audio:
    path = folder / "clip"
    path.write_bytes(data)
    return read_audio(path)


def refused(folder: Path, data: bytes) -> str:
    with pytest.raises(AudioError) as caught:
        heard(folder, data)
    return str(caught.value)


def fmt(code: int = 1, rate: int = SAMPLE_RATE, channels: int = 1, bits: int = 16, order: str = "<") -> bytes:
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack(order + "HHIIHH", code, channels, rate, rate * block, block, bits), order)


def chunk(name: bytes, content: bytes, order: str = "<", length: int | None = None) -> bytes:
    length = len(content) if length is None else length
    return name + struct.pack(order + "I", length) + content + b"\0" * (len(content) & 1)


def wav(
    data: int | None = None, riff: int | None = None, before: bytes = b"", after: bytes = b"", sound: bytes = PCM
) -> bytes:
    """A WAV with these lengths in its header, those that are right by default."""
    body = b"WAVE" + before + fmt() + chunk(b"data", sound, length=data) + after
    return b"RIFF" + struct.pack("<I", len(body) if riff is None else riff) + body


def aiff(ssnd: int | None = None, frames: int | None = None, form: int | None = None, after: bytes = b"") -> bytes:
    sound = bytes(8) + np.frombuffer(PCM, "<i2").astype(">i2").tobytes()
    rate = struct.pack(">HQ", 16383 + 13, SAMPLE_RATE << 50)
    described = struct.pack(">hIh", 1, len(PCM) // 2 if frames is None else frames, 16) + rate
    body = b"AIFF" + chunk(b"COMM", described, ">") + chunk(b"SSND", sound, ">", ssnd) + after
    return b"FORM" + struct.pack(">I", len(body) if form is None else form) + body


def rf64(name: bytes, riff: int, data: int, samples: int, length: int = 0xFFFFFFFF) -> bytes:
    sizes = chunk(b"ds64", struct.pack("<QQQI", riff, data, samples, 0))
    return name + b"\xff\xff\xff\xffWAVE" + sizes + fmt() + chunk(b"data", PCM, length=length)


def caf(length: int, after: bytes = b"") -> bytes:
    described = struct.pack(">d4sIIIII", SAMPLE_RATE, b"lpcm", 2, 2, 1, 1, 16)
    head = b"caff\0\1\0\0" + b"desc" + struct.pack(">q", len(described)) + described
    return head + b"data" + struct.pack(">q", length) + bytes(4) + PCM + after


def au(length: int, after: bytes = b"") -> bytes:
    sound = np.frombuffer(PCM, "<i2").astype(">i2").tobytes()
    return b".snd" + struct.pack(">5I", 28, length, 3, SAMPLE_RATE, 1) + bytes(4) + sound + after


WHOLE, MOST = len(PCM), 0xFFFFFFFF
PIPED_WAV = (
    (0x7FFFF000, 0x7FFFF024), (0x7FFF0000, 0x7FFF0024), (0x7FFFFFDB, 0x7FFFFFFF), (0x7FFFFFFF, 0x80000023),
    (0x7FFFFF00, 0x7FFFFF24), (0x80000000, 0x80000024), (MOST, MOST), (0xFFFFFFD3, 0xFFFFFFF7), (0xFFFFFFDB, MOST),
    (0xFFFF0000, 0), (0, 0), (0, WHOLE + 36), (0, 36), (0, MOST), (WHOLE, 0), (WHOLE, MOST), (WHOLE, 36), (MOST, 36),
)  # fmt: skip
PIPED_AIFF = (
    (0, 0, 0), (0x7F000008, 0x3F800000, 0x7F00002E), (MOST, MOST, MOST), (8, 0, 46), (None, 0, 0), (0x7F000008, 0x7F000000, 0),
    (0x7FFFFFFF, 0, 0x7FFFFFFF), (0, WHOLE // 2, 0), (WHOLE + 8, MOST, None),
)  # fmt: skip
PIPED_RF64 = (
    (WHOLE + 72, WHOLE, WHOLE // 2, MOST), (0, 0, 0, MOST), (2**64 - 1, 2**64 - 1, 2**64 - 1, MOST),
    (2**63 - 1, 2**63 - 1, 2**63 - 1, MOST), (WHOLE + 72, WHOLE, 0, WHOLE), (0, 0, 0, 0),
)  # fmt: skip
PIPED = {
    **{f"wav {data:#x} {riff:#x}": wav(data, riff) for data, riff in PIPED_WAV},
    **{f"aiff {ssnd} {frames:#x}": aiff(ssnd, frames, form) for ssnd, frames, form in PIPED_AIFF},
    **{f"{kind} {sizes}": rf64(kind.encode(), *sizes) for kind in ("RF64", "BW64") for sizes in PIPED_RF64},
    "wav that begins with silence": wav(0, 0)[:44] + bytes(20_000) + PCM[20_000:],
    "wav with a list before": wav(MOST, MOST, before=chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0")),
    "caf -1": caf(-1), "caf 0": caf(0), "caf 4": caf(4), "caf right": caf(WHOLE + 4),
    "au -1": au(MOST), "au 0": au(0), "au right": au(WHOLE),
}  # fmt: skip


@pytest.mark.parametrize("name", PIPED)
def test_what_a_pipe_writes_is_read_to_the_end(tmp_path: Path, name: str) -> None:
    audio = heard(tmp_path, PIPED[name])
    assert audio.seconds == SECONDS and not audio.source_note, audio.received
    if "silence" not in name:
        assert np.array_equal(audio.samples, SOUND.astype(np.float32))


def test_a_recording_from_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "long.wav").write_bytes(wav(0x7FFFF000, 0x7FFFF024, sound=PCM * 16))
    recording = open_audio(tmp_path / "long.wav")
    assert isinstance(recording, Recording) and recording.seconds == 64
    assert np.array_equal(np.concatenate([*recording.blocks()]), np.tile(SOUND, 16).astype(np.float32))


@pytest.mark.parametrize(
    "make",
    [
        lambda n: wav(n, n + 36), lambda n: aiff(n + 8, n // 2), lambda n: au(n), lambda n: caf(n + 4),
        lambda n: rf64(b"RF64", 0, n, n // 2),
    ],
    ids=["wav", "aiff", "au", "caf", "rf64"],
)  # fmt: skip
def test_a_length_that_is_a_claim(tmp_path: Path, make: Callable[[int], bytes]) -> None:
    said = refused(tmp_path, make(2 * WHOLE))
    assert said == "clip is cut off: 50% of the sound that it announces is there; save or upload it again."
    less = heard(tmp_path, make(3 * WHOLE // 4))
    assert less.seconds == 3 and less.source_note == "1.0 s after the end that its header announces are not read"
    assert heard(tmp_path, make(WHOLE)).source_note == ""


def test_aiff_whose_two_lengths_disagree(tmp_path: Path) -> None:
    assert "cut off: 50%" in refused(tmp_path, aiff(frames=WHOLE))
    less = heard(tmp_path, aiff(frames=3 * WHOLE // 8))
    assert less.seconds == 4 or "announces" in less.source_note


LIST = chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0")


@pytest.mark.parametrize(
    ("data", "seconds", "note"),
    [
        (wav(after=LIST), 4, ""),
        (wav(after=LIST + chunk(b"id3 ", b"ID3" + bytes(40))), 4, ""),
        (wav(after=LIST[:-6]), 4, ""),  # a cut list is no cut sound
        (wav(before=LIST + chunk(b"bext", bytes(602)) + chunk(b"odd ", b"123")), 4, ""),
        (wav(after=b"TAG" + b"x" * 125), 4, ""), (wav(after=bytes(4096)), 4, ""),
        (wav(after=b"rubbish " * 1000), 4, "0.2 s after the end"),
        (wav(after=chunk(b"data", PCM)), 4, "4.0 s after the end"),
        (wav() + wav(), 4, "4.0 s after the end"),  # two files joined by copying
        (wav(data=WHOLE - 1)[:-1], 4 - 1 / SAMPLE_RATE, ""),  # half a sample
        (wav(before=chunk(b"JUNK", bytes(28))), 4, ""),
        (aiff(after=chunk(b"ANNO", b"words", ">")), 4, ""), (aiff() + aiff(), 4, "4.0 s after the end"),
        (caf(WHOLE + 4, b"info" + struct.pack(">q", 4) + bytes(4)), 4, ""),
        (caf(WHOLE + 4, PCM), 4, "4.0 s after the end that its header announces are not read"),
        (au(WHOLE, PCM), 4, "4.0 s after the end"),
    ],
)  # fmt: skip
def test_what_stands_around_the_sound(tmp_path: Path, data: bytes, seconds: float, note: str) -> None:
    audio = heard(tmp_path, data)
    assert audio.seconds == seconds and note in audio.source_note and bool(note) == bool(audio.source_note)


@pytest.mark.parametrize(
    "data", [wav(sound=b""), wav(0, sound=b"", after=LIST), wav(MOST, sound=b""), wav(0, 0, sound=b"")]
)
def test_no_sound_at_all(tmp_path: Path, data: bytes) -> None:
    assert refused(tmp_path, data) == "clip holds no sound (0 samples); record or choose the clip again."


@pytest.mark.parametrize("name", ["a.wav", "a.rf64", "a.aiff", "a.caf", "a.au", "a.nist"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "ULAW"])
def test_what_libsndfile_writes(tmp_path: Path, name: str, subtype: str) -> None:
    path = write(tmp_path / name, SOUND, SAMPLE_RATE, subtype)
    audio = read_audio(path)
    assert audio.seconds == SECONDS and not audio.source_note
    if subtype != "ULAW":
        assert np.array_equal(audio.samples, SOUND.astype(np.float32))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert re.match(r"clip is cut off: \d\d% of the sound", refused(tmp_path, path.read_bytes()))


def test_big_endian_wav(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", SOUND, SAMPLE_RATE, subtype="PCM_16", endian="BIG")
    data = (tmp_path / "a.wav").read_bytes()
    assert data.startswith(b"RIFX") and np.array_equal(heard(tmp_path, data).samples, SOUND.astype(np.float32))
    at = data.index(b"data") + 4
    piped = data[:4] + b"\0\0\0\0" + data[8:at] + b"\xff\xff\xff\xff" + data[at + 4 :]
    assert np.array_equal(heard(tmp_path, piped).samples, SOUND.astype(np.float32))
