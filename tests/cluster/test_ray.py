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
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from torch import nn

from asrquant import Recognizer, Utterance, benchmark
from asrquant.cli import main
from asrquant.cluster import connection, on_ray
from asrquant.measure.clips import ClipBench, Turn
from asrquant.measure.crew import AbsentError
from asrquant.measure.journal import NAME
from asrquant.text.normalize import BASIC

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


@pytest.mark.long
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


@pytest.mark.long
def test_a_clip_that_kills_its_workers_is_a_row_that_cannot_be_used(
    greedy: Recognizer, examples, tmp_path: Path
) -> None:
    """On a Ray of one's own, which listens on this machine only, and of which nothing is left."""
    samples = len(examples[1].audio().samples)

    class Deadly(nn.Module):
        def __init__(self, encoder: nn.Module) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, wave: torch.Tensor) -> torch.Tensor:
            if wave.shape[1] == samples:
                os.kill(os.getpid(), signal.SIGKILL)
            return torch.log_softmax(torch.zeros(1, 50, 32), -1)

    deadly = replace(greedy, encoder=Deadly(nn.Identity()), origin=None)
    others = set(psutil.Process().children(recursive=True))  # such as a page's server, from an earlier test
    with on_ray(workers=1) as crew:
        mine = [each for each in psutil.Process().children(recursive=True) if each not in others]
        listening = {
            connection.laddr.ip
            for each in mine
            for connection in each.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        assert crew.workers == 1 and listening and {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}
        report = benchmark([deadly], examples[:3], folder=tmp_path, crew=crew)
    assert [row.utterance for row in report.rows] == [examples[0].id, examples[2].id]
    assert [bad.id for bad in report.bad] == [examples[1].id] and "took 3 workers down" in report.bad[0].reason
    assert [node.clips for node in report.nodes] == [3] and report.recheck is None
    assert not psutil.wait_procs(mine, timeout=10)[1]


def test_a_clip_goes_with_its_task_to_who_does_not_have_it(greedy: Recognizer, examples, tmp_path: Path) -> None:
    bench = ClipBench((greedy,), BASIC)
    sent = bench.sent(Turn(0, examples[0]), whole=False).task
    gone = Utterance(examples[0].id, tmp_path / examples[0].path.name, examples[0].reference)
    work = bench.ready()
    with pytest.raises(AbsentError):
        work(replace(sent, utterance=gone), lambda: None)
    whole = bench.sent(Turn(0, examples[0]), whole=True)
    found, here = work(replace(whole.task, utterance=gone), lambda: None), work(sent, lambda: None)
    assert whole.bytes == examples[0].path.stat().st_size
    assert [(row.hypothesis, row.errors) for row in found.rows] == [(row.hypothesis, row.errors) for row in here.rows]


def test_without_ray_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(connection.importlib.util, "find_spec", lambda name: None)
    assert main(["benchmark", "--ray"]) == 2
    assert capsys.readouterr().err == "asrquant: --ray needs ray; install with: pip install 'asrquant[ray]'\n"
