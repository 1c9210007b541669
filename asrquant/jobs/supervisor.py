"""Jobs wait in a line, the worker does one at a time, and what does not stop when it is asked to is killed.

One thread of the server does all of this, so two jobs cannot overlap, nor can a job that is being stopped and the next.
"""

from __future__ import annotations

import atexit
import logging
import math
import tempfile
import threading
import time
from collections import deque
from typing import Any

from asrquant.base.errors import AsrQuantError
from asrquant.base.policy import policy
from asrquant.export import built
from asrquant.export.store import Exports
from asrquant.jobs.events import CANCELLED, SORRY, Done, Failed, Preparing
from asrquant.jobs.job import Job
from asrquant.jobs.models import Wanted
from asrquant.jobs.spare import Spare
from asrquant.jobs.worker import Worker

GRACE_SECONDS = 1.5
"""From the request to stop until the worker is killed."""
SPARE_GRACE_SECONDS = 6.0
"""The same for what is done while nobody waits: to start a worker anew would take a visitor as long."""
_BROKEN = "Nothing can be computed here at the moment (reference {}); please try again in a few minutes."
_TOO_LONG = (
    "This took longer than the {:.0f} s that a request has on a public page, so it was stopped; choose fewer or shorter "
    "clips, or another preset."
)
_BUILD_TOO_LONG = (
    "Loading and building this model took longer than the {:.0f} s that there are for it, so it was stopped; steps that were "
    "finished are kept, so trying again goes on from there; or choose another preset or model."
)
_TICK = 0.05
_PAUSE = 5.0
"""Seconds between two starts of a worker, so that one that dies at once does not keep the machine busy."""
_log = logging.getLogger(__name__)


class BusyError(AsrQuantError):
    """The line is full, or the page is closing."""


class Supervisor:
    """The line of jobs, and the process that does them."""

    def __init__(self, places: int) -> None:
        """Nothing is started yet.

        Args:
            places: jobs that may wait.
        """
        self.places = places
        self._line: deque[Job] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._worker: Worker | None = None
        self._ready = self._failing = False
        self._running: Job | None = None
        self._start_at = 0.0
        self._closing = ""
        self._done = 0
        self.spare = Spare()
        """What is done while nobody waits."""

    def start(self) -> None:
        """Start the worker, so that it is warm when the first visitor comes; what runs already stays."""
        with self._changed:
            if self._thread is None:
                atexit.register(self.close, "The page is closing.")
                self._thread = threading.Thread(target=self._serve, name="supervisor", daemon=True)
                self._thread.start()

    def submit(self, job: Job) -> None:
        """Put a job into the line.

        Raises:
            BusyError: the line is full, or the page is closing.
        """
        self.start()
        with self._changed:
            if self._closing:
                raise BusyError(self._closing)
            if len(self._line) >= self.places:
                raise BusyError(
                    f"The page is busy: {len(self._line)} requests are waiting already. Please try again in a few minutes."
                )
            self._line.append(job)
            self._changed.notify()

    def withdraw(self, job: Job, why: str = CANCELLED) -> None:
        """Stop a job wherever it is; its visitor reads the first reason that was given."""
        if not job.stop.is_set():
            job.why = why
        job.stop.set()
        with self._changed:
            if job in self._line:
                self._line.remove(job)
                job.events.put(Failed(job.why, "Cancelled"))

    def ahead(self, job: Job) -> int:
        """How many are served before a job; 0 once it has its turn."""
        with self._changed:
            if job not in self._line:
                return 0
            return self._line.index(job) + (self._running is not None)

    def health(self) -> dict[str, Any]:
        """How the worker is; says ``failing`` where it could not be started."""
        running = self._running
        begun = running.begun if running else None
        return {
            "worker": "failing" if self._failing else "busy" if begun else "idle" if self._ready else "starting",
            "job_seconds": round(time.monotonic() - begun, 1) if begun else None,
            "jobs_done": self._done,
            "waiting": len(self._line),
            "racing": self.spare.running,
        }

    def close(self, why: str) -> None:
        """Drop what waits and what runs, telling the visitors ``why``, and end the worker."""
        with self._changed:
            self._closing = why
            while self._line:
                self._line.popleft().events.put(Failed(why, "BusyError"))
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def _serve(self) -> None:
        while not self._closing:
            try:
                self._keep_a_worker()
                if job := self._next():
                    self._do(job)
                elif self._ready and (spare := self.spare.take()):
                    self._do_spare(spare)
            except Exception:
                _log.exception("the supervisor goes on after an error")
                time.sleep(1)
        self._end_worker()

    def _next(self) -> Job | None:
        with self._changed:
            if not self._line and not self._closing:
                self._changed.wait(0.5)
            self._running = self._line.popleft() if self._line else None
            return self._running

    def _keep_a_worker(self) -> None:
        """Start a worker where there is none, and hear whether it is ready."""
        if self._worker is None and time.monotonic() > self._start_at:
            self._ready, self._start_at = False, time.monotonic() + _PAUSE
            try:
                self._worker = Worker()
            except OSError:
                _log.exception("the worker cannot be started")
                self._failing = True
        if self._worker and not (self._ready and self._worker.alive):
            try:
                self._ready = self._worker.hear(0) is True
                self._failing = self._failing and not self._ready
            except EOFError:
                self._failing = not self._ready  # one that never was ready will hardly be so next time
                _log.error("the worker ended by itself, exit code %s", self._worker.exit_code)
                self._end_worker()

    def _end_worker(self) -> None:
        """Kill the worker and what it has started, and remove what an export left behind."""
        if self._worker:
            self._worker.kill()
            self._worker, self._ready = None, False
            Exports().sweep()
            built.sweep()

    def _do(self, job: Job) -> None:
        end: Done | Failed
        job.log_start()
        try:
            with tempfile.TemporaryDirectory(prefix="job-", ignore_cleanup_errors=True) as folder:
                end, outcome = self._wait_for_worker(job) or self._watch(job, folder)
        except Exception as error:
            _log.exception("request %s failed", job.id)
            end, outcome = Failed(SORRY.format(job.id), type(error).__name__), "failed"
        job.log_end(end, outcome)
        self._done += 1
        self._running = None
        self.spare.wait()
        job.events.put(end)

    def _do_spare(self, job: Job) -> None:
        """Do what nobody waits for; it gives way to the first who does, and goes on later."""
        try:
            with tempfile.TemporaryDirectory(prefix="job-", ignore_cleanup_errors=True) as folder:
                end, outcome = self._watch(job, folder)
        except Exception:
            _log.exception("what is done while nobody waits failed")
            end, outcome = Failed("", "Exception"), "failed"
        self.spare.ended(end, outcome)

    def _wait_for_worker(self, job: Job) -> tuple[Failed, str] | None:
        while not self._ready:
            if why := self._closing or (job.stop.is_set() and job.why):
                return Failed(why, "Cancelled"), "cancelled"
            if self._failing:
                return Failed(_BROKEN.format(job.id), "Broken"), "failed"
            self._keep_a_worker()
            time.sleep(_TICK)
        return None

    def _watch(self, job: Job, folder: str) -> tuple[Done | Failed, str]:
        """Pass on what the worker says of a job until it ends, in whatever way; returns the end, and a word for it."""
        worker = self._worker
        assert worker is not None
        job.begun = time.monotonic()
        clock = _Clock(job.begun)
        outcome = why = ""
        killed_at = math.inf
        given = told = False
        while True:
            try:
                if not given:
                    worker.give(job.id, folder, job.request)
                    given = True
                event = worker.hear(_TICK)
            except (EOFError, BrokenPipeError):
                _log.error("the worker ended during request %s, exit code %s", job.id, worker.exit_code)
                self._end_worker()
                return Failed(SORRY.format(job.id), "WorkerDied"), "died"
            if isinstance(event, Failed):
                return (Failed(why, event.kind), outcome) if event.kind == "Cancelled" else (event, outcome or "failed")
            if isinstance(event, Done):
                return Done(event.value, "" if why == CANCELLED else why), outcome or "done"
            now = time.monotonic()
            if isinstance(event, Preparing):
                clock.prepares(event.what, now)
            elif not isinstance(event, bool):
                job.events.put(event)
            if job.stop.is_set() and not told and self._awaited(clock.what):  # the build goes on, for somebody else
                job.events.put(Failed(job.why, "Cancelled"))
                told = True
            if now > killed_at:
                self._end_worker()
                return Failed(why, "Cancelled"), "killed" if outcome == "cancelled" else outcome
            if not outcome and (found := self._reason_to_stop(job, clock, now)):
                outcome, why = found
                worker.stop(job.id)
                killed_at = now + (SPARE_GRACE_SECONDS if outcome == "yielded" else GRACE_SECONDS)

    def _reason_to_stop(self, job: Job, clock: _Clock, now: float) -> tuple[str, str] | None:
        if job.stop.is_set() and not self._awaited(clock.what):
            return "cancelled", job.why
        if self._closing:
            return "dropped", self._closing
        if self.spare.is_(job):
            return ("yielded", CANCELLED) if self._line else None
        for limit, taken, why in (
            (policy().seconds_per_request, clock.worked(now), _TOO_LONG),
            (policy().seconds_per_build, clock.prepared(now), _BUILD_TOO_LONG),
        ):
            if limit is not None and taken > limit:
                return "timeout", why.format(limit)
        return None

    def _awaited(self, what: Wanted | None) -> bool:
        """Whether somebody in the line wants the model that is being prepared, too."""
        with self._changed:
            return what is not None and any(what in waiting.request.wants() for waiting in self._line)


class _Clock:
    """How long a job has been preparing models, and how long it has worked beside that."""

    def __init__(self, begun: float) -> None:
        self._begun, self._since, self._before = begun, begun, 0.0
        self.what: Wanted | None = None

    def prepares(self, what: Wanted | None, now: float) -> None:
        """A model is prepared from now on, or none any more."""
        self._before, self._since, self.what = self.prepared(now), now, what

    def prepared(self, now: float) -> float:
        """Seconds of preparing."""
        return self._before + (now - self._since if self.what else 0.0)

    def worked(self, now: float) -> float:
        """Seconds of work."""
        return now - self._begun - self.prepared(now)
