"""A visitor's request on its way through the line and the worker, and the two lines that the log has of it."""

from __future__ import annotations

import queue
import threading
import time
import uuid
from dataclasses import dataclass, field

from asrquant.jobs import log
from asrquant.jobs.events import CANCELLED, Done, Event, Failed
from asrquant.jobs.request import Request


@dataclass(eq=False)
class Job:
    """What is to be done, what it reports, and whether anybody still wants it.

    Attributes:
        request: what is to be done.
        tab: of the page, where it was asked.
        id: names it in the log and to its visitor.
        events: what it reports, the last one ``Done`` or ``Failed``.
        stop: set where nobody wants it any more.
        why: it was stopped, for its visitor to read.
        ended: whether its visitor has the whole of it.
        replaced: whether the screen that it was to fill is a newer job's by now.
        screen: held while a message is on its way to where it is shown; shared with the jobs before and after it there.
        submitted: when it came, by the monotonic clock.
        begun: when its work began, or None.
    """

    request: Request
    tab: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    events: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)
    stop: threading.Event = field(default_factory=threading.Event)
    why: str = CANCELLED
    ended: bool = False
    replaced: bool = False
    screen: threading.Lock = field(default_factory=threading.Lock)
    submitted: float = field(default_factory=time.monotonic)
    begun: float | None = None

    def asks_the_same(self, other: Job) -> bool:
        """Whether another job is for the same thing, at the same place."""
        return (self.request, self.tab) == (other.request, other.tab)

    def log_start(self) -> None:
        """Say that it has its turn."""
        log.line("start", **self._facts())

    def log_refused(self, end: Failed) -> None:
        """Say that nothing was done about it."""
        log.line("refused", **self._facts(), error=end.kind)

    def log_end(self, end: Done | Failed, outcome: str) -> None:
        """Say how it ended, how long it waited and worked, and how much audio it was about."""
        now = time.monotonic()
        begun = self.begun or now
        audio = getattr(end.value, "audio_seconds", None) if isinstance(end, Done) else None
        error = end.kind if isinstance(end, Failed) else None
        log.line(
            "end", **self._facts(), outcome=outcome, waited=begun - self.submitted, worked=now - begun, audio=audio, error=error
        )  # fmt: skip

    def _facts(self) -> dict[str, str]:
        return {"request": self.id, **self.request.facts()}
