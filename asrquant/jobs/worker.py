"""The process that computes: one job at a time, started by the server, ended with it, killed when it does not listen.

The server's end is ``Worker``; ``main`` is what runs in the process. Between them lie two pipes: one for jobs and what they
report, one for orders, which a thread hears while a job runs.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from typing import Any

from torch.nn.modules.module import register_module_forward_pre_hook

from asrquant.base.errors import AsrQuantError, Cancelled
from asrquant.base.settings import Settings, settings, use_settings
from asrquant.jobs import log
from asrquant.jobs.events import CANCELLED, SORRY, Done, Event, Failed, Partial, Preparing, Step
from asrquant.jobs.models import MODELS, Models
from asrquant.jobs.request import Request, Work
from asrquant.jobs.threads import set_threads

_log = logging.getLogger(__name__)
_spawn = multiprocessing.get_context("spawn")


class Worker:
    """A worker process, seen from the server."""

    def __init__(self) -> None:
        """Start it; it can be given a job once ``hear`` has returned ``True``.

        Raises:
            OSError: there is no memory or no room for another process.
            SettingError: a setting cannot be used.
        """
        given = settings()
        self._pipe, theirs = _spawn.Pipe()
        orders, self._orders = _spawn.Pipe(duplex=False)
        self._process = _spawn.Process(target=main, args=(theirs, orders, given), name="asrquant-worker", daemon=True)
        self._process.start()
        theirs.close()
        orders.close()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """What it ended with; minus the number of the signal that killed it."""
        self._process.join(1)
        return self._process.exitcode

    def give(self, job: str, folder: str, request: Request) -> None:
        """Let it work.

        Args:
            job: id that names it in the log.
            folder: for the job's temporary files.
            request: what is to be done.
        """
        self._pipe.send((job, folder, pickle.dumps(request)))

    def hear(self, seconds: float) -> Event | bool:
        """What it says next: an event, ``True`` once it is ready, or ``False`` where it is silent for so long.

        Raises:
            EOFError: it has ended.
        """
        try:
            return self._pipe.recv() if self._pipe.poll(seconds) else False
        except OSError as error:
            raise EOFError from error

    def stop(self, job: str) -> None:
        """Ask it to stop a job at its next step or before the next module of a forward pass."""
        try:
            self._orders.send(job)
        except OSError as error:
            _log.warning("the worker cannot be asked to stop request %s: %s", job, error)

    def kill(self) -> None:
        """End it at once, with the processes that it has started."""
        if self._process.pid:
            with contextlib.suppress(ProcessLookupError):  # it has not come so far as to have a group, or has ended
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        for pipe in (self._pipe, self._orders):
            pipe.close()


def main(pipe: Any, orders: Any, given: Settings) -> None:
    """The worker process: jobs come in through ``pipe``, one at a time, and what they report goes out.

    ``given`` are the server's settings: what is allowed here is what is allowed there.
    """
    os.setsid()  # a group of its own, to be killed as a whole; Ctrl-C is the server's business
    use_settings(given)
    log.configure()
    set_threads()
    heard = _Orders(orders)
    models = Models()
    try:
        models.original(MODELS[0])
    except AsrQuantError as error:
        _log.error("%s cannot be loaded: %s", MODELS[0], error)
    pipe.send(True)
    models.watch = lambda what: pipe.send(Preparing(what))
    while True:
        try:
            job, folder, pickled = pipe.recv()
        except EOFError:
            return
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        heard.begin(job)
        if failed := _work(pipe, heard, models, job, pickled):
            pipe.send(failed)


def _work(pipe: Any, heard: _Orders, models: Models, job: str, pickled: bytes) -> Failed | None:
    def progress(stage: str, done: int, total: int) -> None:
        heard.check()
        pipe.send(Step(stage, done, total))

    try:
        progress("starting", 0, 1)
        request: Request = pickle.loads(pickled)
        pipe.send(Done(request.run(Work(models, progress, lambda value: pipe.send(Partial(value))))))
        return None
    except Exception as error:
        if heard.stopped:  # what was thrown out of a forward pass may have been wrapped on its way
            return Failed(CANCELLED, Cancelled.__name__)
        if isinstance(error, AsrQuantError):
            return Failed(str(error), type(error).__name__)
        _log.exception("request %s failed", job)
        return Failed(SORRY.format(job), type(error).__name__)


class _Orders:
    """What the server says while a job runs: stop it; or nothing any more, as the server is gone."""

    def __init__(self, orders: Any) -> None:
        self._orders = orders
        self._reading = threading.Lock()
        self._current = self._stopped = ""
        self._hooks: list[Any] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def begin(self, job: str) -> None:
        """Listen on behalf of another job."""
        self._current = job
        while self._hooks:
            self._hooks.pop().remove()

    @property
    def stopped(self) -> bool:
        """Whether the job is to stop."""
        return self._stopped == self._current

    def check(self, *_: Any) -> None:
        """Look whether the job is to stop.

        Raises:
            Cancelled: it is.
        """
        self._read()
        if self.stopped:
            raise Cancelled(CANCELLED)

    def _read(self) -> None:
        """Take what has been said. Whoever reports progress looks as well as the thread that waits for it."""
        try:
            with self._reading:
                while self._orders.poll(0):
                    self._stopped = self._orders.recv()
        except (EOFError, OSError):  # the server is gone
            os.killpg(0, signal.SIGKILL)

    def _listen(self) -> None:
        try:
            while True:
                self._orders.poll(None)
                self._read()
                # The forward pass of a large model takes seconds, and reports nothing. There is a hook only once
                # somebody wants to stop, so that what is measured is not slowed down.
                if self.stopped and not self._hooks:
                    self._hooks.append(register_module_forward_pre_hook(self.check))
        except Exception:
            _log.exception("the worker cannot be asked to stop any more, so it ends")
        finally:
            os.killpg(0, signal.SIGKILL)
