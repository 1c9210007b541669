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


@dataclass(frozen=True)
class _Offered:
    """A request, who hears of its result, and who is told that there will be none."""

    request: Request
    hear: Callable[[object], None]
    dropped: Callable[[], None]


class Spare:
    """Requests of the page's own, one after the other, each done once."""

    def __init__(self) -> None:
        """There is none."""
        self._offered: deque[_Offered] = deque()
        self._job: Job | None = None
        self._not_before = 0.0
        self._tries = 0

    @property
    def running(self) -> bool:
        """Whether one is being done now."""
        return self._job is not None

    @property
    def left(self) -> int:
        """How many are not done yet."""
        return len(self._offered)

    def offer(
        self, request: Request, hear: Callable[[object], None], dropped: Callable[[], None] = lambda: None
    ) -> None:
        """Have a request done after those that were offered before.

        Args:
            request: what is to be done.
            hear: called with its result, by the supervisor's thread.
            dropped: called where there will be none.
        """
        self._offered.append(_Offered(request, hear, dropped))

    def wait(self) -> None:
        """A job has ended: not before the page was quiet for a while."""
        self._not_before = time.monotonic() + QUIET_SECONDS

    def take(self) -> Job | None:
        """The job, if there is one and the page has been quiet; ``ended`` must be called with its end."""
        if not self._offered or time.monotonic() < self._not_before:
            return None
        self._tries += 1
        self._job = Job(self._offered[0].request)
        return self._job

    def is_(self, job: Job) -> bool:
        """Whether a job is this one."""
        return job is self._job

    def ended(self, end: Done | Failed, outcome: str) -> None:
        """Hear how it ended; what gave way is done again later."""
        self._job = None
        if isinstance(end, Done):
            self._next().hear(end.value)
            return
        self.wait()
        log.line("spare", outcome=outcome, tries=self._tries)
        if outcome != "yielded" or self._tries >= _MOST_TRIES:
            self._next().dropped()

    def _next(self) -> _Offered:
        self._tries = 0
        return self._offered.popleft()
