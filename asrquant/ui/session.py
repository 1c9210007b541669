"""What the tabs share: one job at a time, progress that can be cancelled, and errors fit to be read."""

from __future__ import annotations

import queue
import re
from collections.abc import Iterator
from typing import Any

from asrquant.compat import on_a_space
from asrquant.jobs.request import Request
from asrquant.jobs.supervisor import BusyError, Supervisor
from asrquant.jobs.worker import Done, Event, Failed, Job, Partial, Step

__all__ = [
    "HEAVY",
    "Done",
    "Event",
    "Failed",
    "Partial",
    "Step",
    "cancel",
    "for_visitors",
    "run",
    "supervisor",
]

QUEUE_LENGTH = 32
"""Jobs that may wait for their turn."""
LIMIT_SECONDS = 300.0
"""Of work on one request, on a public page."""
HEAVY = {"concurrency_id": "inference", "concurrency_limit": None, "show_progress": "hidden"}
"""For events that call ``run``: they wait for their turn there, where their place is told and they can be cancelled."""
_PULSE, _SLOW_PULSE = 0.25, 1.0
"""Seconds of silence after which the last step is said again, of a job at work and of one that waits: Gradio closes a
generator whose visitor is gone only when it yields."""
_running: dict[str, Request] = {}


supervisor = Supervisor(QUEUE_LENGTH, LIMIT_SECONDS if on_a_space() else None)


def run(session: str, job: Job, *arguments: Any) -> Iterator[Event]:
    """Do ``job(models, progress, show, *arguments)`` in the worker process and yield what it reports, as it reports it.

    Leaving the iterator early (a closed tab) or ``cancel(session)`` stops it, at its next step or by killing the worker.

    Args:
        session: the visitor; a second job of the same visitor stops the first one.
        job: a function of a module; see ``worker.Job``.
        arguments: what it needs besides; must pickle.
    """
    cancel(session)
    request = _running[session] = Request(job, arguments)
    last = Step("waiting for a turn", 0, 1)
    try:
        supervisor.submit(request)
        while True:
            try:
                event = request.events.get(timeout=_PULSE if request.begun else _SLOW_PULSE)
            except queue.Empty:
                ahead = supervisor.ahead(request)
                event = last = Step(f"waiting for a turn, {ahead} before you", 0, 1) if ahead else last
            match event:
                case Step():
                    last = event
                case Failed(message, kind):
                    event = Failed(for_visitors(message), kind)
            yield event
            if isinstance(event, Done | Failed):
                return
    except BusyError as error:
        yield Failed(str(error), "BusyError")
    finally:
        supervisor.withdraw(request)
        if _running.get(session) is request:
            del _running[session]


def cancel(session: str) -> None:
    """Stop the visitor's job."""
    if request := _running.get(session):
        supervisor.withdraw(request)


def for_visitors(message: str) -> str:
    """A message without the folders of this machine, if strangers read it: of an absolute path only the last name stays."""
    return _PATH.sub(lambda path: path[0].rstrip("/").rpartition("/")[2], message) if on_a_space() else message


_PATH = re.compile(r"(?<=['\"])/[^'\"\n]+|(?<![\w.:/<])/[^\s'\",;:)]+")
"""An absolute path, in quotes or up to a space; not an address, nor a slash between words."""
