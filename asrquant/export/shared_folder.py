"""A folder that several processes put things into: one at a time, and each thing whole or not at all.

Whatever is not yet, or no longer, a thing of the folder's has a name that begins with a dot. What a killed process left is
swept by the next one that has the folder to itself.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from asrquant.base.files import DELETED
from asrquant.base.progress import Progress

_LOCK, _PARTIAL = ".lock", ".partial-"
_LOOK_SECONDS = 0.2


def acquire(root: Path, progress: Progress, waiting: str, patience: float = math.inf) -> filelock.FileLock:
    """The lock of a folder, held; for the caller to release.

    Args:
        root: the folder.
        progress: called with ``waiting`` while another process has it; may raise ``Cancelled``.
        waiting: what is waited for.
        patience: seconds to wait.

    Raises:
        filelock.Timeout: the patience is over.
        OSError: the folder cannot be written.
    """
    lock, end = filelock.FileLock(root / _LOCK), time.monotonic() + patience
    while True:
        try:
            lock.acquire(timeout=_LOOK_SECONDS)
            return lock
        except filelock.Timeout:
            progress(waiting, 0, 1)
            if time.monotonic() > end:
                raise


def sweep(root: Path) -> None:
    """Remove what killed processes left in a folder whose lock is held."""
    for leftover in (*root.glob(f"{_PARTIAL}*"), *root.glob(f"{DELETED}*")):
        shutil.rmtree(leftover, ignore_errors=True)


def sweep_if_free(root: Path) -> None:
    """The same, unless there is no such folder, or somebody is at work there."""
    with contextlib.suppress(filelock.Timeout, OSError):
        if root.is_dir():
            with filelock.FileLock(root / _LOCK).acquire(timeout=0):
                sweep(root)


@contextmanager
def staged(root: Path) -> Iterator[Path]:
    """An empty folder on the same disk, gone afterwards if it has not been renamed. The lock must be held.

    Raises:
        OSError: it cannot be made.
    """
    folder = root / f"{_PARTIAL}{uuid.uuid4().hex}"
    try:
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
