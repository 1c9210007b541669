"""What strangers can make the server keep, on disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from asrquant.base.errors import ExportError, SettingError
from asrquant.export.store import Exports
from asrquant.ui import janitor
from asrquant.ui.janitor import keep_within


def put(path: Path, size: int, age: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    files = [put(tmp_path / f"{age}" / "clip.wav", 100, age) for age in (500, 400, 300, 200)]
    assert keep_within(tmp_path, 250) == 2
    assert [path.exists() for path in files] == [False, False, True, True]
    assert not files[0].parent.exists() and keep_within(tmp_path, 250) == 0


def test_what_is_young_stays(tmp_path: Path) -> None:
    young, old = put(tmp_path / "a" / "now.wav", 100, 1), put(tmp_path / "a" / "then.wav", 100, 900)
    assert keep_within(tmp_path, 10) == 1
    assert young.exists() and not old.exists()
    assert keep_within(tmp_path / "not there", 10) == 0


def test_links_are_not_followed(tmp_path: Path) -> None:
    kept = put(tmp_path / "elsewhere" / "kept.wav", 1000, 900)
    room = tmp_path / "room"
    room.mkdir()
    (room / "link").symlink_to(kept.parent)
    keep_within(room, 0, young=-1)
    assert kept.exists() and not (room / "link").is_symlink()


def test_the_bound_is_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(janitor, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(janitor, "keep_within", lambda folder, bound: asked.append(bound) or 0)
    monkeypatch.setenv("ASRQUANT_UPLOADS_GB", "0.5")
    with janitor.janitor():
        while not asked:
            time.sleep(0.01)
    assert set(asked) == {500_000_000}
    monkeypatch.setenv("ASRQUANT_UPLOADS_GB", "much")
    with pytest.raises(SettingError, match="ASRQUANT_UPLOADS_GB is 'much'"), janitor.janitor():
        pass


@pytest.mark.long
def test_a_hundred_artifacts_stay_within_the_bound(exported, tmp_path: Path) -> None:
    """On a public page the oldest give way, to whomever they belong; nothing younger than promised does."""
    _, artifact = exported("dynamic-int8", "state-dict")
    size = artifact.bytes
    bound = int(3.5 * size)
    for number in range(100):
        visitor = Exports(tmp_path, f"visitor-{number % 7}", bound, gives_way_seconds=50)
        with visitor.lock():
            visitor.admit(size)
            copy_artifact(artifact.path, visitor.folder / f"{artifact.name}-{number}", age=100 - number / 10)
        assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) <= bound
    left = sorted(path.name for path in tmp_path.glob("*/*/"))
    assert left == [f"{artifact.name}-{number}" for number in (97, 98, 99)]
    for path in tmp_path.glob("*/*/"):
        os.utime(path)  # made just now
    last = Exports(tmp_path, "visitor-0", bound, gives_way_seconds=50)
    with last.lock(), pytest.raises(ExportError, match=r"delete some first|try again later"):
        last.admit(size)
    assert len(list(tmp_path.glob("*/*/"))) == 3


def copy_artifact(source: Path, target: Path, age: float) -> None:
    """An artifact under another name, by hard links: a hundred take no room in this test."""
    for path in source.rglob("*"):
        if path.is_file():
            there = target / str(path.relative_to(source)).replace(source.name, target.name)
            there.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, there)
    then = time.time() - age
    os.utime(target, (then, then))
