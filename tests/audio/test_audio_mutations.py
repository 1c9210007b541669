"""Damaged files: what comes out is a sound clip or a sentence, whatever was done to the bytes, in bounded time and memory.

Real files of every coding are mutated by Hypothesis and read in a process of their own. ``make test`` runs a few hundred
cases, always the same. As many others as one likes:
``ASRQUANT_MUTATIONS=5000 python -m pytest -s tests/audio/test_audio_mutations.py``
"""

from __future__ import annotations

import functools
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media_files import FAST_START, FRAGMENTED, bomb, caf, media, remux
from sounds import speech, write

CASES = int(os.environ.get("ASRQUANT_MUTATIONS", "0"))
FEW = 600
MOST_MEGABYTES = 300
MOST_SECONDS = 3.0
"""Of the processor: other work on the machine does not count."""
HANGS_AFTER = 60.0

SNDFILE = {
    "wav-pcm16": ("a.wav", "PCM_16", 2), "wav-pcm24": ("a.wav", "PCM_24", 1), "wav-float": ("a.wav", "FLOAT", 1),
    "wav-ulaw": ("a.wav", "ULAW", 1), "wav-ima-adpcm": ("a.wav", "IMA_ADPCM", 1), "wav-ms-adpcm": ("a.wav", "MS_ADPCM", 2),
    "aiff": ("a.aiff", "PCM_16", 1), "caf": ("a.caf", "PCM_16", 1), "caf-alac": ("a.caf", "ALAC_16", 2),
    "flac": ("a.flac", "PCM_16", 2), "ogg-vorbis": ("a.ogg", "VORBIS", 1), "ogg-opus": ("a.ogg", "OPUS", 2),
    "mp3": ("a.mp3", "MPEG_LAYER_III", 2), "au": ("a.au", "PCM_16", 1),
    "nist": ("a.nist", "PCM_16", 1), "rf64": ("a.rf64", "PCM_16", 1),
}  # fmt: skip
MEDIA = {
    "m4a-aac": ("a.m4a", "aac", 16_000, {}), "m4a-alac": ("a.m4a", "alac", 16_000, FAST_START),
    "mp4-opus": ("a.mp4", "libopus", 48_000, {}), "mp4-fragments": ("a.mp4", "aac", 16_000, FRAGMENTED),
    "mov-pcm": ("a.mov", "pcm_s16be", 16_000, {}), "3gp-amr": ("a.3gp", "libopencore_amrnb", 8_000, {}),
    "webm-opus": ("a.webm", "libopus", 48_000, {"live": "1"}), "mkv-flac": ("a.mkv", "flac", 16_000, {}),
    "mkv-aac": ("a.mkv", "aac", 16_000, {}), "aac": ("a.aac", "aac", 16_000, {}),
    "amr": ("a.amr", "libopencore_amrnb", 8_000, {}), "mka-mp3": ("a.mka", "libmp3lame", 16_000, {}),
}  # fmt: skip
MORE = ("webm-vorbis", "caf-aac", "caf-opus", "film-mp4", "film-webm")
CODINGS = (*SNDFILE, *MEDIA, *MORE)
EACH = -(-(CASES or FEW) // len(CODINGS))


class Reader:
    """``read_in_bounds``, started again when it dies."""

    def __init__(self, folder: Path, megabytes: int = MOST_MEGABYTES) -> None:
        self.process = None
        self.command = [
            sys.executable,
            str(Path(__file__).parents[1] / "read_in_bounds.py"),
            str(folder),
            str(megabytes),
        ]
        self.mutants: list[dict] = []

    def read(self, data: bytes) -> dict:
        if self.process is None:
            environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
            )
        self.process.stdin.write(len(data).to_bytes(4, "little") + data)
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], HANGS_AFTER)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            died = self.stop()
            raise AssertionError(f"died with status {died}" if ready else f"no answer in {HANGS_AFTER} s")
        return json.loads(line)

    def stop(self) -> int:
        process, self.process = self.process, None
        process.kill()
        process.communicate()
        return process.returncode


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reader = Reader(tmp_path_factory.mktemp("mutants"))
    yield reader
    if reader.process:
        reader.stop()
    clips = sum(case["outcome"] == "audio" for case in reader.mutants)
    most, longest = (max((case[key] for case in reader.mutants), default=0) for key in ("megabytes", "seconds"))
    print(f"\n{len(reader.mutants)} mutants: {clips} are clips; at most {most:.0f} MB, {longest:.2f} s")


@pytest.fixture(autouse=True)
def no_lazy_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis looks into every module for constants, and those that SpeechBrain loads lazily fail when looked at."""
    for name, module in list(sys.modules.items()):
        if type(module).__name__ in ("LazyModule", "DeprecatedModuleRedirect"):
            monkeypatch.delitem(sys.modules, name)


@functools.cache
def original(coding: str) -> bytes:
    """A file of 1.2 s, which is small enough that its header is hit often."""
    with tempfile.TemporaryDirectory() as folder:
        return make(coding, Path(folder)).read_bytes()


def make(coding: str, folder: Path) -> Path:
    if coding in SNDFILE:
        name, subtype, channels = SNDFILE[coding]
        samples = speech(1.2) if channels == 1 else np.stack([speech(1.2), speech(1.2) * 0.5], axis=1)
        return write(folder / name, samples, 16_000, subtype)
    if coding in MEDIA:
        name, codec, rate, options = MEDIA[coding]
        return media(folder / name, speech(1.2, rate), rate, codec, options)
    if coding == "webm-vorbis":
        return remux(write(folder / "a.ogg", speech(1.2), 16_000, "VORBIS"), folder / "a.webm")
    if coding == "caf-aac":
        return caf(make("m4a-aac", folder), folder / "a.caf", b"aac ", 1024, 1024, 19_200)
    if coding == "caf-opus":
        return caf(make("mp4-opus", folder), folder / "a.caf", b"opus", 960, 312, 57_600)
    name, codec, pictures = {"film-mp4": ("a.mp4", "aac", "mpeg4"), "film-webm": ("a.webm", "libopus", "libvpx")}[
        coding
    ]
    return media(folder / name, speech(1.2, 48_000), 48_000, codec, pictures=pictures)


ANYWHERE = st.integers(0, 2**20)
AT = ANYWHERE | st.integers(4, 128)  # headers are short and most is decided there
FIELDS = st.sampled_from(
    [0, 1, 2, 8, 9, 255, 4_000, 44_101, 191_999, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63]
)
FLIP = st.tuples(st.just("flip"), AT, st.integers(1, 255))
FIELD = st.tuples(
    st.just("field"), AT, FIELDS | st.integers(0, 2**64 - 1), st.sampled_from([1, 2, 4, 8]), st.booleans()
)
EDITS = st.one_of(
    FLIP,
    FLIP,
    FIELD,
    FIELD,
    st.tuples(st.just("cut"), ANYWHERE),
    st.tuples(st.just("insert"), AT, st.binary(min_size=1, max_size=64)),
    st.tuples(st.just("delete"), AT, st.integers(1, 1000)),
    st.tuples(st.just("repeat"), AT, st.integers(1, 1000)),
)


def mutated(data: bytes, edits: list[tuple]) -> bytes:
    for kind, at, *how in edits:
        at %= len(data) or 1
        before, after = data[:at], data[at:]
        if kind == "flip" and after:
            data = before + bytes([after[0] ^ how[0]]) + after[1:]
        elif kind == "field":
            value, width, big = how
            data = before + (value % 256**width).to_bytes(width, "big" if big else "little") + after[width:]
        elif kind == "cut":
            data = before
        elif kind == "insert":
            data = before + how[0] + after
        elif kind == "delete":
            data = before + after[how[0] :]
        elif kind == "repeat":
            data = before + after[: how[0]] + after
    return data


def remainder(byte: int) -> int:
    """Of Ogg's checksum: CRC-32 with the polynomial 0x04C11DB7, highest bit first, from 0."""
    value = byte << 24
    for _ in range(8):
        value = (value << 1) ^ (0x104C11DB7 if value >> 31 else 0)
    return value


REMAINDERS = [remainder(byte) for byte in range(256)]


def with_checksums(ogg: bytes) -> bytes:
    """Every page with the checksum of what it holds now: without that, no damage would get as far as the decoder."""
    before, *pages = ogg.split(b"OggS")
    for index, page in enumerate(pages):
        empty = b"OggS" + page[:18] + bytes(4) + page[22:]
        checksum = 0
        for byte in empty:
            checksum = (checksum << 8) & 0xFFFFFFFF ^ REMAINDERS[checksum >> 24 ^ byte]
        pages[index] = empty[:22] + checksum.to_bytes(4, "little") + empty[26:]
    return before + b"".join(pages)


def held(case: dict) -> None:
    assert not case["problem"], case
    assert case["seconds"] < MOST_SECONDS and case["megabytes"] < MOST_MEGABYTES, case


@pytest.mark.parametrize("coding", CODINGS)
def test_the_files_that_are_mutated_are_good(reader: Reader, coding: str) -> None:
    data = original(coding)
    assert reader.read(data)["outcome"] == "audio"
    if coding.startswith("ogg"):
        assert with_checksums(data) == data


def test_too_little_memory_is_noticed(tmp_path: Path) -> None:
    reader = Reader(tmp_path, megabytes=20)
    sf.write(tmp_path / "a.wav", np.resize([0.0, 0.1], 60 * 192_000), 192_000, "PCM_U8")  # 46 MB of float32
    case = reader.read((tmp_path / "a.wav").read_bytes())
    assert case["outcome"] == "case.wav needs more memory than there is; try a shorter clip."
    assert case["problem"].startswith("asked for too much memory")
    reader.stop()


def test_the_heaviest_clips(reader: Reader, tmp_path: Path) -> None:
    """A minute of eight channels at the highest rate in a megabyte, and one at the oddest rate."""
    channels = np.zeros((192_000, 8), np.int16)
    channels[::100] = 1000
    with sf.SoundFile(tmp_path / "a.flac", "w", 192_000, 8, "PCM_16") as file:
        for _ in range(60):
            file.write(channels)
    sf.write(tmp_path / "b.wav", np.resize(channels[:, 0], 60 * 191_999), 191_999, "PCM_U8")
    for name in ("a.flac", "b.wav"):
        case = reader.read((tmp_path / name).read_bytes())
        assert case["outcome"] == "audio"
        held(case)


@pytest.mark.parametrize("kind", ["trun", "truns", "tracks", "cmov", "alac"])
def test_small_files_that_ask_for_much(reader: Reader, tmp_path: Path, kind: str) -> None:
    data = bomb(kind, media(tmp_path / "a.m4a", speech(1.2), 16_000, "alac"))
    assert len(data) < 1_000_000
    case = reader.read(data)
    held(case)
    says = "is damaged or cut off" if kind == "tracks" else "asks for more memory than sound needs"
    assert says in case["outcome"], case
    if kind == "tracks":
        assert case["megabytes"] > 100  # so it is the number of tracks that is bounded here


@pytest.mark.parametrize("coding", CODINGS)
def test_a_file_that_ends_in_its_header(reader: Reader, coding: str) -> None:
    for length in (1, 14, 44, 60):
        held(reader.read(original(coding)[:length]))


@pytest.mark.parametrize("coding", CODINGS)
def test_mutants(reader: Reader, coding: str) -> None:
    checksums = st.booleans() if coding.startswith("ogg") else st.just(False)

    @settings(
        max_examples=EACH, derandomize=not CASES, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(edits=st.lists(EDITS, min_size=1, max_size=4), summed=checksums)
    def check(edits: list[tuple], summed: bool) -> None:
        data = mutated(original(coding), edits)
        reader.mutants.append(reader.read(with_checksums(data) if summed else data))
        held(reader.mutants[-1])

    check()
