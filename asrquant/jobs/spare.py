"""What the worker does while nobody waits: it gives way to the first who does, and goes on when the page is quiet again."""

from __future__ import annotations

import time
from collections.abc import Callable

from asrquant.jobs import log
from asrquant.jobs.events import Done, Failed
from asrquant.jobs.job import Job
from asrquant.jobs.request import Request

QUIET_SECONDS = 3.0
"""Without a visitor's job, before it begins or goes on."""
_MOST_TRIES = 20
"""After which it is left for the next start of the page: each that is stopped has some visitor wait for a step of it."""


class Spare:
    """A request of the page's own, done once."""

    def __init__(self) -> None:
        """There is none."""
        self._request: Request | None = None
        self._hear: Callable[[object], None] = lambda value: None
        self._job: Job | None = None
        self._not_before = 0.0
        self._tries = 0

    @property
    def running(self) -> bool:
        """Whether it is being done now."""
        return self._job is not None

    def offer(self, request: Request, hear: Callable[[object], None]) -> None:
        """Have a request done; ``hear`` is called with its result, by the supervisor's thread."""
        self._request, self._hear, self._tries = request, hear, 0

    def wait(self) -> None:
        """A job has ended: not before the page was quiet for a while."""
        self._not_before = time.monotonic() + QUIET_SECONDS

    def take(self) -> Job | None:
        """The job, if there is one and the page has been quiet; ``ended`` must be called with its end."""
        if self._request is None or time.monotonic() < self._not_before:
            return None
        self._tries += 1
        self._job = Job(self._request)
        return self._job

    def is_(self, job: Job) -> bool:
        """Whether a job is this one."""
        return job is self._job

    def ended(self, end: Done | Failed, outcome: str) -> None:
        """Hear how it ended; what gave way is done again later."""
        self._job = None
        self.wait()
        if isinstance(end, Done):
            self._request = None
            self._hear(end.value)
            return
        log.line("spare", outcome=outcome, tries=self._tries)
        if outcome != "yielded" or self._tries >= _MOST_TRIES:
            self._request = None
