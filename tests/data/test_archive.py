"""Zips from strangers: what is refused, and that nothing lies outside the folder afterwards."""

from __future__ import annotations

import io
import stat
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


def test_damage(tmp_path: Path, room: Path) -> None:
    made = bytearray(make(tmp_path / "a.zip", {"a.txt": bytes(range(256)) * 40}).read_bytes())
    made[60] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(made)
    with pytest.raises(DatasetError, match="cannot be read"):
        unpack(tmp_path / "a.zip", room)
