"""What the worker does while nobody waits: it gives way to the first who does, and goes on when the page is quiet again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from asrquant.jobs import log
from asrquant.jobs.events import Done, Failed
from asrquant.jobs.job import Job
from asrquant.jobs.request import Request

QUIET_SECONDS = 3.0
"""Without a visitor's job, before it begins or goes on."""
_MOST_TRIES = 20
"""After which it is left for the next start of the page: each that is stopped has some visitor wait for a step of it."""


@dataclass
class _Offer:
    """A request of the page's own, who hears of it, and how often it was begun."""

    request: Request
    hear: Callable[[object], None]
    tries: int = 0


class Spare:
    """Requests of the page's own, each done once, in the order in which they were offered."""

    def __init__(self) -> None:
        """There is none."""
        self._offers: deque[_Offer] = deque()
        self._job: Job | None = None
        self._not_before = 0.0

    @property
    def running(self) -> bool:
        """Whether one is being done now."""
        return self._job is not None

    @property
    def waiting(self) -> int:
        """How many are not done yet."""
        return len(self._offers)

    def offer(self, request: Request, hear: Callable[[object], None]) -> None:
        """Have a request done; ``hear`` is called with its result, by the supervisor's thread."""
        self._offers.append(_Offer(request, hear))

    def wait(self) -> None:
        """A job has ended: not before the page was quiet for a while."""
        self._not_before = time.monotonic() + QUIET_SECONDS

    def take(self) -> Job | None:
        """The next job, if there is one and the page has been quiet; ``ended`` must be called with its end."""
        if not self._offers or time.monotonic() < self._not_before:
            return None
        self._offers[0].tries += 1
        self._job = Job(self._offers[0].request)
        return self._job

    def is_(self, job: Job) -> bool:
        """Whether a job is this one."""
        return job is self._job

    def ended(self, end: Done | Failed, outcome: str) -> None:
        """Hear how it ended; what gave way is done again later."""
        self._job = None
        self.wait()
        offer = self._offers[0]
        if isinstance(end, Done):
            self._offers.popleft()
            offer.hear(end.value)
            return
        log.line("spare", outcome=outcome, tries=offer.tries)
        if outcome != "yielded" or offer.tries >= _MOST_TRIES:
            self._offers.popleft()
