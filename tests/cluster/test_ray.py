"""A benchmark on a real Ray of two nodes: its rows are those of one process, also where a node dies or a clip kills workers."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from asrquant.measure.journal import NAME

RAY = Path(sys.executable).with_name("ray")
COMMAND = [sys.executable, "-m", "asrquant", "benchmark", "--no-deployment", "--decoder", "greedy"]
PRESETS = ["--preset", "dynamic-int8", "--preset", "mixed-int8", "--preset", "speechbrain-int8"]
ROOT = Path(__file__).parents[2]
TIMES = ("encoder_seconds", "decoder_seconds")


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Of a cluster of its own, whose processes and folder are gone in the end, whatever happens. The folder's name is short, as
    it is part of the names of sockets."""
    folder = Path(tempfile.mkdtemp(prefix="aqr-", dir="/tmp"))
    mine = {
        **os.environ, "ASRQUANT_THREADS": "1", "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1", "RAY_AUTH_MODE": "disabled", "RAY_TMPDIR": str(folder),
        "PYTHONPATH": str(ROOT), "AQR_TEST": folder.name,
    }  # fmt: skip
    mine.pop("RAY_ADDRESS", None)
    try:
        yield mine
    finally:
        for process in _of(folder.name):
            process.kill()
        psutil.wait_procs(_of(folder.name), timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


def _of(mark: str) -> list[psutil.Process]:
    """The processes that this test's environment is in."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("AQR_TEST") == mark:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _start(environment: dict[str, str], *arguments: str) -> str:
    command = [
        str(RAY),
        "start",
        "--num-cpus",
        "1",
        "--disable-usage-stats",
        "--object-store-memory",
        "200000000",
        *arguments,
    ]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "rows.csv").open() as file:
        return [{name: value for name, value in row.items() if name not in TIMES} for row in csv.DictReader(file)]


def test_two_nodes_and_the_death_of_one(environment: dict[str, str], an4_eval: Path, tmp_path: Path) -> None:
    """65 clips through four presets; the second node is killed in the midst of it, with its workers."""
    alone = [*COMMAND, *PRESETS, "--data", str(an4_eval), "--out", str(tmp_path / "alone")]
    here = subprocess.run(alone, env=environment, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert here.returncode == 0, here.stderr
    _start(environment, "--head", "--port", "0", "--include-dashboard", "false")
    address = (Path(environment["RAY_TMPDIR"]) / "ray" / "ray_current_cluster").read_text().strip()
    before = {process.pid for process in _of(environment["AQR_TEST"])}
    _start(environment, "--address", address)
    second = [each for each in _of(environment["AQR_TEST"]) if each.pid not in before]
    raylet = next(each for each in second if each.name() == "raylet")
    out, journal = tmp_path / "ray", tmp_path / "ray" / NAME
    command = [*COMMAND, *PRESETS, "--data", str(an4_eval), "--out", str(out), "--ray", address]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT)
        try:
            until = time.monotonic() + 120
            while not (journal.is_file() and len(journal.read_text().splitlines()) > 15):
                assert running.poll() is None and time.monotonic() < until, (tmp_path / "log").read_text()
                time.sleep(0.05)
            for worker in raylet.children(recursive=True):
                worker.send_signal(signal.SIGKILL)
            raylet.send_signal(signal.SIGKILL)
            assert running.wait(180) == 0, (tmp_path / "log").read_text()
        finally:
            running.kill()
            running.wait()
    assert _rows(out) == _rows(tmp_path / "alone") and len(_rows(out)) == 65 * 4
    said = journal.read_text().splitlines()[1:]
    assert len(said) == 65 and "could not be used" not in (tmp_path / "log").read_text()
