"""What the worker does while nobody waits: it gives way to whoever does, goes on later, and is heard once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from asrquant.jobs import spare
from asrquant.jobs.events import Done
from asrquant.jobs.job import Job
from asrquant.jobs.request import Work
from asrquant.jobs.supervisor import Supervisor


def quick(work: Work, marks: Path) -> object:
    return "quick"


def long(work: Work, marks: Path) -> object:
    """Takes until it has been stopped twice."""
    (marks / str(len(list(marks.iterdir())))).touch()
    while len(list(marks.iterdir())) < 3:
        work.progress("working", 0, 1)
        time.sleep(0.01)
    return "long"


def failing(work: Work, marks: Path) -> object:
    raise OSError("no room")


@dataclass(frozen=True)
class Call:
    """A request to call a function of this module."""

    function: Callable[[Work, Path], object]
    marks: Path

    def wants(self) -> tuple[()]:
        return ()

    def facts(self) -> dict[str, str]:
        return {"tab": "calls"}

    def run(self, work: Work) -> object:
        return self.function(work, self.marks)


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor(4)
    supervisor.start()
    yield supervisor
    supervisor.close("The test is over.")


def until(true: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_it_gives_way_and_goes_on(supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare, "QUIET_SECONDS", 0.2)
    heard: list[object] = []
    supervisor.spare.offer(Call(long, tmp_path), heard.append)
    for runs in (1, 2):
        until(lambda runs=runs: len(list(tmp_path.iterdir())) == runs)
        assert supervisor.health()["racing"] and supervisor.health()["worker"] == "idle"
        job = Job(Call(quick, tmp_path), "Compare")
        begun = time.monotonic()
        supervisor.submit(job)
        assert supervisor.ahead(job) == 0  # who waits for nobody is told of nobody
        while not isinstance(event := job.events.get(timeout=30), Done):
            pass
        assert event.value == "quick" and time.monotonic() - begun < 5 and not heard
    until(lambda: heard)
    time.sleep(0.5)
    assert heard == ["long"] and len(list(tmp_path.iterdir())) == 3  # once
    assert not supervisor.health()["racing"] and supervisor.health()["jobs_done"] == 2


def test_one_that_fails_is_left(supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare, "QUIET_SECONDS", 0.1)
    heard: list[object] = []
    supervisor.spare.offer(Call(failing, tmp_path), heard.append, lambda: heard.append("dropped"))
    supervisor.spare.offer(Call(quick, tmp_path), heard.append)
    until(lambda: not supervisor.spare.left)
    assert heard == ["dropped", "quick"]  # in turn
    job = Job(Call(quick, tmp_path), "Compare")
    supervisor.submit(job)
    while not isinstance(event := job.events.get(timeout=30), Done):
        pass
    assert event.value == "quick"
