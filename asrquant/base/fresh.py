"""A Python process that knows nothing of this one: what is loaded there shows what a stranger would get."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from asrquant.base.errors import AsrQuantError, FreshProcessError

LONGEST_SECONDS = 1800


def run_fresh(module: str, arguments: Sequence[str], wait: Callable[[], None]) -> bytes:
    """Run ``python -m module`` with this package and return what it printed.

    Args:
        module: of this package; should end with ``answer``.
        arguments: its command line.
        wait: called twice a second while it runs; what it raises ends the process.

    Raises:
        FreshProcessError: it could not be started, failed (the last line of what it complained of), was killed, or took
            too long.
    """
    paths = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8:backslashreplace"},
        )  # fmt: skip
    except OSError as error:
        raise FreshProcessError(f"{sys.executable} cannot be started: {error.strerror}") from error
    try:
        printed, errors = _finished(process, wait)
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip().splitlines() or ["it was killed"]
        raise FreshProcessError(said[-1])
    return printed


def _finished(process: subprocess.Popen[bytes], wait: Callable[[], None]) -> tuple[bytes, bytes]:
    end = time.monotonic() + LONGEST_SECONDS
    while True:
        wait()
        try:
            return process.communicate(timeout=0.5)
        except subprocess.TimeoutExpired:
            if time.monotonic() > end:
                raise FreshProcessError(f"it took over {LONGEST_SECONDS} s") from None


def answer(threads: str, work: Callable[[], str]) -> int:
    """Be such a process: print what ``work`` returns as the last line, or complain in one; returns the exit status.

    It ends when the process that started it does, however that one ended.

    Args:
        threads: as many as the other process has, so that sums are formed alike.
        work: may raise ``AsrQuantError``.
    """
    threading.Thread(target=_watch, args=[os.getppid()], daemon=True).start()
    torch.set_num_threads(int(threads))
    try:
        print(work())
    except AsrQuantError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
