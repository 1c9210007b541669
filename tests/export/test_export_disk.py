"""Killed processes and full disks: the whole artifact or none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest

import asrquant
from asrquant.base.errors import Cancelled, ExportError
from asrquant.export.store import Exports

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("ASRQUANT_TEST_KILLS", "2"))
DISK_MB = 60


@pytest.mark.long
def test_killed_at_random_moments(tmp_path: Path) -> None:
    # One thread, as processes are forked; see the program's own words for the moments that it chooses.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "tests" / "export_and_die.py"), str(tmp_path), "20", str(KILLS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60 + 30 * KILLS)
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout)
    assert int(done.stdout.split(" of ")[0]) >= KILLS // 2, done.stdout


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small tmpfs cannot be mounted here (not root)")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize(
    ("preset", "format", "stage"),
    [
        ("dynamic-int8", "torchscript", "saving"),
        ("dynamic-int8", "torchscript", "packing (MB)"),
        pytest.param("dynamic-int8", "torchscript", "running the model", marks=pytest.mark.long),
        pytest.param("dynamic-int8", "state-dict", "saving", marks=pytest.mark.long),
        pytest.param("openvino-int8", "openvino-ir", "saving", marks=pytest.mark.long),
    ],
)
def test_a_disk_that_becomes_full(exported, small_disk: Path, preset: str, format: str, stage: str) -> None:
    live, _ = exported(preset, format)
    filler = small_disk / "filler"

    def fill(at: str, done: int, total: int) -> None:
        if at == stage and not filler.exists():
            free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
            filler.write_bytes(bytes(max(0, free - 50_000)))

    with pytest.raises(ExportError, match=r"disk became full .*; nothing was kept"):
        asrquant.export(live, format, small_disk / "exports", progress=fill)
    assert filler.exists()
    assert [path.name for path in (small_disk / "exports").iterdir()] == [".lock"]


def test_a_disk_without_room(exported, small_disk: Path) -> None:
    live, _ = exported("dynamic-int8", "torchscript")
    (small_disk / "filler").write_bytes(bytes((DISK_MB - 5) * 2**20))
    stages = []
    with pytest.raises(ExportError, match=r"needs about 2\d\.\d MB and the disk has 5\.\d MB free"):
        asrquant.export(live, "torchscript", small_disk / "exports", progress=lambda at, *_: stages.append(at))
    assert stages == []  # refused before work was done


def test_leftovers_are_swept_unless_somebody_is_at_work(tmp_path: Path) -> None:
    for name in (".partial-1", ".deleted-2"):
        (tmp_path / name / "an4").mkdir(parents=True)
        (tmp_path / name / "an4" / "encoder.torchscript.pt").write_bytes(b"half")
    with filelock.FileLock(tmp_path / ".lock"):
        Exports(tmp_path).sweep()
        assert (tmp_path / ".partial-1").is_dir()
    Exports(tmp_path).sweep()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_waiting_for_another_export_can_be_cancelled(exported, tmp_path: Path) -> None:
    live, _ = exported("dynamic-int8", "torchscript")
    stages = []

    def stop(at: str, done: int, total: int) -> None:
        stages.append(at)
        raise Cancelled("enough")

    other = "import filelock, sys; lock = filelock.FileLock(sys.argv[1]).acquire(); print(1, flush=True); input()"
    command = [sys.executable, "-c", other, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with pytest.raises(Cancelled):
            asrquant.export(live, "torchscript", tmp_path, progress=stop)
        process.communicate(b"\n")
    assert stages == ["waiting for another export"]
