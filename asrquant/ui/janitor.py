"""Bounds on what strangers can make the server keep: files on disk, and memory that was freed but not given back."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from gradio.utils import get_upload_folder

from asrquant.base.settings import settings

EVERY_SECONDS = 15.0
YOUNG_SECONDS = 60.0
"""A younger file may be at work, or on its way to a visitor."""
_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8
"""Of glibc's ``mallopt``."""
_log = logging.getLogger(__name__)


def keep_within(folder: Path, bound: int, young: float = YOUNG_SECONDS) -> int:
    """Remove the oldest files below a folder until the rest is within ``bound`` bytes; returns how many went.

    Args:
        folder: need not exist.
        bound: in bytes.
        young: age in seconds under which a file stays whatever the bound.
    """
    found: list[tuple[float, int, Path]] = []
    for parent, folders, files in os.walk(folder):  # which passes over what somebody else removes meanwhile
        for path in (Path(parent, name) for name in (*folders, *files)):
            with contextlib.suppress(OSError):
                about = path.lstat()
                if not stat.S_ISDIR(about.st_mode):
                    found.append((about.st_mtime, about.st_size, path))
    over, removed = sum(size for _, size, _ in found) - bound, 0
    for modified, size, path in sorted(found):
        if over <= 0 or time.time() - modified < young:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            over, removed = over - size, removed + 1
        with contextlib.suppress(OSError):
            path.parent.rmdir()  # Gradio gives each file a folder; one with others in it stays
    return removed


@contextlib.contextmanager
def janitor() -> Iterator[None]:
    """Keep Gradio's folder of uploads and downloads within its bound for as long as this is open.

    Raises:
        SettingError: a setting cannot be used.
    """
    bound, ended = settings().uploads_bytes, threading.Event()

    def work() -> None:
        while not ended.wait(EVERY_SECONDS):
            if removed := keep_within(Path(get_upload_folder()), bound):
                _log.info("removed %d old uploads and downloads", removed)

    thread = threading.Thread(target=work, name="janitor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def give_memory_back() -> None:
    """Have glibc share two arenas among all threads and return what is freed; elsewhere nothing happens.

    By default every thread of the server gets an arena of its own and keeps what was freed in it, so that resident memory
    grows with the number of requests until each of 80 threads has seen the largest of them.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_TRIM_THRESHOLD, 10_000_000)
