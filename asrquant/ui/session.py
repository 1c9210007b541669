"""What the tabs share: one job at a time, progress that can be cancelled, and errors fit to be read."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from asrquant.base.errors import AsrQuantError
from asrquant.base.policy import policy
from asrquant.jobs.events import CANCELLED, Done, Event, Failed, Partial, Step
from asrquant.jobs.job import Job
from asrquant.jobs.request import Refused, Request
from asrquant.jobs.supervisor import BusyError, Supervisor

__all__ = [
    "HEAVY",
    "Begun",
    "Done",
    "Event",
    "Failed",
    "Partial",
    "Replaced",
    "Step",
    "cancel",
    "for_visitors",
    "run",
    "running",
    "stop",
    "supervisor",
]

QUEUE_LENGTH = 32
"""Jobs that may wait for their turn."""
HEAVY = {
    "concurrency_id": "inference",
    "concurrency_limit": None,
    "show_progress": "hidden",
    "trigger_mode": "multiple",
}
"""For events that call ``run``: they wait for their turn there, where their place is told and they can be cancelled. The browser
holds none of them back while another runs, as ``run`` knows which is the newest, and which is a second click."""
ELSEWHERE = "Stopped, as you started another job on the tab {}: you have one at a time."
_PULSE, _SLOW_PULSE = 0.25, 1.0
"""Seconds of silence after which the last step is said again, of a job at work and of one that waits: Gradio closes a
generator whose visitor is gone only when it yields."""
_running: dict[tuple[str, str], Job] = {}
"""By visitor and tab; where a visitor has several, all but the newest are about to end. One that came to its end by itself stays
for as long as the second of two clicks may be on its way."""
_SECOND_CLICK = 0.7
"""Seconds."""
_lock = threading.Lock()
_PATIENCE = 20.0
"""Seconds to wait for a message of the same screen to be delivered; longer only where nobody fetches it any more."""


@dataclass(frozen=True)
class Begun:
    """A job was taken: what its screen shows is older. ``id`` is the job's."""

    id: str


@dataclass(frozen=True)
class Replaced:
    """Nothing comes after this, and nothing is to be shown: a newer job has the screen, or this was a second click."""


supervisor = Supervisor(QUEUE_LENGTH)


def run(visitor: str | None, tab: str, ask: Callable[[], Request]) -> Iterator[Event | Begun | Replaced]:
    """Carry out a request in the worker process and yield what it reports, as it reports it.

    Leaving the iterator early (a closed tab), ``cancel`` or ``stop`` stops it, at its next step or by killing the worker.

    A visitor has one job at a time, the newest: the former one ends, without a word where it was on the same tab, and else
    with one that says why. The same request again while it runs is a second click, and nothing is done about it.

    Args:
        visitor: whose job it is; None for a program's, which stops no other.
        tab: its name, as the visitor reads it.
        ask: makes the request; the sentence of an error that it raises is what the visitor reads.
    """
    job = Job(_asked(ask), tab)
    if visitor is not None and not _take_the_place(visitor, job):
        yield Replaced()
        return
    with closing(_reported(visitor, job)) as events:
        for event in events:
            with _delivered(job.screen):
                newest = not job.replaced
                yield event if newest else Replaced()
            if not newest:
                return


def _asked(ask: Callable[[], Request]) -> Request:
    try:
        return ask()
    except AsrQuantError as error:
        return Refused(str(error), type(error).__name__)


@contextmanager
def _delivered(screen: threading.Lock) -> Iterator[None]:
    """Around a ``yield``: one message at a time to a screen, as Gradio prepares those of several generators side by side.

    It comes back to a generator once the message is on its way, so that what a former job said never comes after its successor's.
    """
    alone = screen.acquire(timeout=_PATIENCE)
    try:
        yield
    finally:
        if alone:
            screen.release()


def _reported(visitor: str | None, job: Job) -> Generator[Event | Begun, None, None]:
    """What a job that was taken has to say until its end; leaving early stops it."""
    last = Step("waiting for a turn", 0, 1)
    try:
        yield Begun(job.id)
        if isinstance(job.request, Refused):
            failed = Failed(for_visitors(job.request.message), job.request.kind)
            job.log_refused(failed)
            _leave(visitor, job)
            yield failed
            return
        supervisor.submit(job)
        while True:
            try:
                event = job.events.get(timeout=_PULSE if job.begun else _SLOW_PULSE)
            except queue.Empty:
                ahead = supervisor.ahead(job)
                event = last = Step(f"waiting for a turn, {ahead} before you", 0, 1) if ahead else last
            match event:
                case Step():
                    last = event
                case Failed(message, kind):
                    event = Failed(for_visitors(message), kind)
            ended = isinstance(event, Done | Failed)
            if ended:
                _leave(visitor, job)  # before it is shown, so that a click on what is shown is not a second one
            yield event
            if ended:
                return
    except BusyError as error:
        yield Failed(str(error), "BusyError")
    finally:
        supervisor.withdraw(job)
        _leave(visitor, job)


def _take_the_place(visitor: str, job: Job) -> bool:
    """Make this the visitor's job and stop any other one; False where it is the one that runs already."""
    with _lock:
        if before := _running.get((visitor, job.tab)):
            job.screen = before.screen
        for place, old in list(_running.items()):
            if old.ended and job.submitted - old.submitted > _SECOND_CLICK:
                del _running[place]
        former = _running.get((visitor, job.tab))
        if former and (former.ended or not former.stop.is_set()) and former.asks_the_same(job):
            return False
        others = _jobs(visitor)
        _running[visitor, job.tab] = job
    if former:
        former.replaced = True
    for other in others:
        stop(other, ELSEWHERE.format(job.tab))
    return True


def _leave(visitor: str | None, job: Job) -> None:
    with _lock:
        if visitor is None or job.ended or _running.get((visitor, job.tab)) is not job:
            return
        if job.stop.is_set():
            del _running[visitor, job.tab]
        job.ended = True


def _jobs(visitor: str) -> list[Job]:
    return [job for (whose, _), job in _running.items() if whose == visitor and not job.ended]


def running(visitor: str, tab: str) -> Job | None:
    """The job that fills the visitor's tab, waiting, at work, or about to end."""
    job = _running.get((visitor, tab))
    return None if job is None or job.ended else job


def stop(job: Job, why: str) -> None:
    """Stop a job and tell its visitor why."""
    supervisor.withdraw(job, why)


def cancel(visitor: str) -> None:
    """Stop the visitor's job, as the visitor wants."""
    with _lock:
        jobs = _jobs(visitor)
    for job in jobs:
        stop(job, CANCELLED)


def for_visitors(message: str) -> str:
    """A message without the folders of this machine, if strangers read it: of an absolute path only the last name stays."""
    return _PATH.sub(lambda path: path[0].rstrip("/").rpartition("/")[2], message) if policy().hides_paths else message


_PATH = re.compile(r"(?<=['\"])/[^'\"\n]+|(?<![\w.:/<])/[^\s'\",;:)]+")
"""An absolute path, in quotes or up to a space; not an address, nor a slash between words."""
