"""Zips from strangers: what is refused, and that nothing lies outside the folder afterwards."""

from __future__ import annotations

import gzip
import io
import stat
import time
import zipfile
from pathlib import Path

import pytest

from asrquant import example_clips, read_dataset
from asrquant.base.errors import DatasetError
from asrquant.data.archive import MAX_ENTRIES, unpack


def make(path: Path, entries: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


@pytest.fixture
def room(tmp_path: Path) -> Path:
    (tmp_path / "room").mkdir()
    return tmp_path / "room"


def test_a_data_set_comes_out(tmp_path: Path, room: Path) -> None:
    clips = example_clips()[:2]
    entries = {f"x/{clip.id}.flac": clip.path.read_bytes() for clip in clips}
    entries["x/a.trans.txt"] = "".join(f"{clip.id} {clip.reference}\n" for clip in clips).encode()
    entries["__MACOSX/._x"] = b"?"
    unpack(make(tmp_path / "a.zip", entries), room)
    assert [u.reference for u in read_dataset(room).utterances] == [clip.reference for clip in clips]
    assert not (room / "__MACOSX").exists()


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "..\\out.txt", "C:/out.txt", "a/.."])
def test_names_that_lead_out(tmp_path: Path, room: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="leads out of it; nothing was unpacked"):
        unpack(make(tmp_path / "a.zip", {"good.txt": b"x", name: b"x"}), room)
    assert list(room.iterdir()) == [] and sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "room"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices(tmp_path: Path, room: Path, kind: int) -> None:
    with pytest.raises(DatasetError, match="a link or a device"):
        unpack(make(tmp_path / "a.zip", {"passwd.txt": b"/etc/passwd"}, kind | 0o777), room)
    assert list(room.iterdir()) == []


def test_a_bomb(tmp_path: Path, room: Path) -> None:
    zeros = bytes(100_000_000)
    made = make(tmp_path / "a.zip", {f"{n}.txt": zeros for n in range(3)})
    assert made.stat().st_size < 1_000_000
    with pytest.raises(DatasetError, match="unpacks to 300 MB; at most 200 MB"):
        unpack(made, room)
    assert list(room.iterdir()) == []


def test_a_bomb_that_lies_about_its_size(tmp_path: Path, room: Path) -> None:
    """The sizes in the central directory say 1 byte; zipfile stops there, and the checksum gives it away."""
    made = bytearray(make(tmp_path / "a.zip", {"0.txt": bytes(10_000_000)}).read_bytes())
    at = made.rindex(b"PK\x01\x02")
    made[at + 24 : at + 28] = (1).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(made)
    with pytest.raises(DatasetError, match="cannot be read"):
        unpack(tmp_path / "a.zip", room)
    assert sum(p.stat().st_size for p in room.iterdir()) <= 1


def test_a_hundred_thousand_entries(tmp_path: Path, room: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(f"{number}.txt"), b"")
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    with pytest.raises(DatasetError, match=f"100,000 entries; at most {MAX_ENTRIES:,}"):
        unpack(tmp_path / "a.zip", room)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"no zip", "cannot be read"), (b"", "cannot be read"), (None, "holds no file that ends in")],
)
def test_what_is_no_data_set(tmp_path: Path, room: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "a.zip"
    make(path, {"program.exe": b"x"}) if content is None else path.write_bytes(content)
    with pytest.raises(DatasetError, match=says):
        unpack(path, room)


def test_two_entries_of_one_name(tmp_path: Path, room: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, pytest.warns(UserWarning):
        archive.writestr("a.txt", b"1")
        archive.writestr("a.txt", b"2")
    with pytest.raises(DatasetError, match="two entries"):
        unpack(tmp_path / "a.zip", room)


LAYOUTS = {
    "Kaldi with segments": {
        "set/data/wav.scp": "a ../a.flac\nb cat a.flac |\n", "set/data/text": "a HELLO\nb NO\n",
        "set/data/segments": "a a 0 0.2\nb b 0 1\n", "set/data/utt2spk": "a s\nb s\n", "set/a.flac": None,
    },
    "Lhotse supervisions": {
        "x_supervisions.jsonl.gz": gzip.compress(
            b'{"id": "a", "recording_id": "r", "start": 0, "duration": 0.2, "text": "HELLO"}'
        ),
        "x_recordings.jsonl.gz": gzip.compress(
            b'{"id": "r", "sampling_rate": 16000, "duration": 9, "sources": '
            b'[{"type": "file", "channels": [0], "source": "a.flac"}]}'
        ),
        "a.flac": None,
    },
    "Multilingual LibriSpeech": {"test/transcripts.txt": "1_2_3\tHELLO\n", "test/audio/1/2/1_2_3.flac": None},
    "TIMIT": {"TEST/DR1/S/SA1.WRD": "0 9 HELLO\n", "TEST/DR1/S/SA1.WAV": None},
    "Hugging Face audiofolder, JSON Lines": {"metadata.jsonl": '{"file_name": "d/a.flac", "text": "HELLO"}', "d/a.flac": None},
    "SpeechBrain JSON": {"test.json": '{"a": {"wav": "{data_root}/a.flac", "words": "HELLO"}}', "a.flac": None},
    "Common Voice (tabs, no quoting)": {"cv/test.tsv": "client_id\tpath\tsentence\nc\ta.flac\tHELLO\n", "cv/clips/a.flac": None},
}  # fmt: skip
"""Of each layout the files of a small data set; None is the sound."""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_comes_out_of_a_zip(tmp_path: Path, room: Path, layout: str) -> None:
    sound = example_clips()[0].path.read_bytes()
    entries = {
        name: sound if text is None else text.encode() if isinstance(text, str) else text
        for name, text in LAYOUTS[layout].items()
    }
    unpack(make(tmp_path / "a.zip", {**entries, "__MACOSX/._a.flac": b"?", "._test.tsv": b"?", "run.sh": b"?"}), room)
    assert not [*room.rglob("._*"), *room.rglob("run.sh")]
    data = read_dataset(room, inside=room)
    assert [u.reference for u in data.utterances] == ["HELLO"] and data.utterances[0].audio().seconds > 0.1
    assert data.read_as.startswith(f"read as: {layout}, ")


def test_a_manifest_that_unpacks_to_too_much(tmp_path: Path, room: Path) -> None:
    """All of them together: what is left for the second is nothing."""
    packed = gzip.compress(b" " * 201_000_000)
    unpack(make(tmp_path / "a.zip", {f"{n}.jsonl.gz": packed for n in range(300)}), room)
    begun = time.monotonic()
    with pytest.raises(DatasetError, match=r"is no data set"):
        read_dataset(room, inside=room)
    with pytest.raises(DatasetError, match="unpacks to more text than is read"):
        read_dataset(room / "0.jsonl.gz", inside=room)
    assert time.monotonic() - begun < 30


def test_damage(tmp_path: Path, room: Path) -> None:
    made = bytearray(make(tmp_path / "a.zip", {"a.txt": bytes(range(256)) * 40}).read_bytes())
    made[60] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(made)
    with pytest.raises(DatasetError, match="cannot be read"):
        unpack(tmp_path / "a.zip", room)
