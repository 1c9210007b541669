"""The page as a process among others: its temporary files, its answer to a load balancer, and its end."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import gradio as gr
import gradio.routes
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import asrquant
from asrquant.base import terminal
from asrquant.base.quiet import quietly
from asrquant.base.settings import settings
from asrquant.jobs import log
from asrquant.jobs.models import MODELS
from asrquant.jobs.race import RaceRequest
from asrquant.jobs.showcase import ShowcaseRequest
from asrquant.measure.winner import Race, to_begin_with
from asrquant.ui import arriving, device_files, fastest
from asrquant.ui.choices import FIRST_DECODER
from asrquant.ui.janitor import give_memory_back, janitor
from asrquant.ui.routes import HEALTH, OpenRoutes
from asrquant.ui.served import KnowsQuery
from asrquant.ui.session import supervisor

RUN, LOCK = "asrquant-run-", ".lock"
CLOSING = "The page is being restarted; please try again in a minute."
_FLUSH_SECONDS = 0.3
"""For the last words to reach the visitors whose jobs were dropped."""
_LOOK_SECONDS = 0.5
"""A signal that the system hands to another thread sets Python's flag, but does not end this thread's wait."""
_begun = time.monotonic()


async def health(request: Request) -> JSONResponse:
    """``/health``: 200 while jobs can be done, 503 where the worker cannot be started. Answers while a job runs, too."""
    said = supervisor.health()
    healthy = said["worker"] != "failing"
    uptime = round(time.monotonic() - _begun, 1)
    body = {"status": "ok" if healthy else "failing", **said, "version": asrquant.__version__, "uptime": uptime}
    return JSONResponse(body, status_code=200 if healthy else 503)


def serve(build: Callable[[], gr.Blocks], **options: Any) -> None:
    """Serve a page until SIGTERM or SIGINT, then drop what runs, and leave no process and no file behind.

    Args:
        build: makes the page.
        **options: for ``gr.Blocks.launch``.

    Raises:
        SettingError: a setting in the environment cannot be used.
        OSError: the port is taken.
    """
    settings()  # before anything is begun
    # Where this says "spaces", Gradio starts a server beside this one that writes and runs code for whoever asks it, and has
    # visitors' browsers ask huggingface.co and a font server for a header.
    os.environ.pop("SYSTEM", None)
    terminal.prepare()
    log.configure()
    give_memory_back()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with quietly(), run_folder(), janitor():
        begin()
        supervisor.start()
        try:
            app = {
                "routes": [Route(HEALTH, health), *device_files.ROUTES],
                "middleware": [Middleware(OpenRoutes), Middleware(KnowsQuery)],
            }
            page = build()
            page.launch(prevent_thread_lock=True, quiet=True, app_kwargs=app, **options)
            print(f"The page is at {page.local_url}", flush=True)
            while not ended.wait(_LOOK_SECONDS):
                pass
            supervisor.close(CLOSING)
            time.sleep(_FLUSH_SECONDS)
            page.server.config.timeout_graceful_shutdown = 1
            page.close(verbose=False)
        finally:
            supervisor.close(CLOSING)


def begin() -> None:
    """Have the worker do, while nobody waits, what pages begin with: look for the record of a race, compare, and race."""

    def compare(known: object = None) -> None:
        if settings().showcase:
            first = arriving.latest()
            if first is None or (isinstance(known, Race) and to_begin_with(known) not in ("", first.preset)):
                request = ShowcaseRequest(MODELS[0], FIRST_DECODER)
                supervisor.spare.offer(request, arriving.learn, arriving.give_up)

    def raced(known: object) -> None:
        fastest.learn(known)
        compare(known)

    if settings().showcase:
        arriving.expect()
    supervisor.spare.offer(RaceRequest(MODELS[0], False), fastest.learn)
    compare()
    if settings().race:
        device_files.offer(supervisor)
        supervisor.spare.offer(RaceRequest(MODELS[0], True), raced)


@contextmanager
def run_folder() -> Iterator[Path]:
    """A folder for all temporary files of this process and of those it starts; what dead servers left is removed.

    Gradio has chosen a folder already when it was imported, one for all accounts, which another may have made.
    """
    for old in Path(tempfile.gettempdir()).glob(f"{RUN}*"):
        if not old.is_symlink() and old.stat().st_uid == os.getuid() and (lock := _lock(old)):
            shutil.rmtree(old, ignore_errors=True)
            lock.release()
    folder = Path(tempfile.mkdtemp(prefix=RUN))
    lock = _lock(folder)
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    if settings().uploads is None:
        gradio.routes.DEFAULT_TEMP_DIR = str(folder / "gradio")
    try:
        yield folder
    finally:
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder.parent)
        shutil.rmtree(folder, ignore_errors=True)
        if lock:
            lock.release()


def _lock(folder: Path) -> filelock.FileLock | None:
    """The lock of a server's folder, which is free once the server is dead."""
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except (filelock.Timeout, OSError):
        return None
    return lock
