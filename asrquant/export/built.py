"""Built encoders, put aside in the cache: a process that comes later reads in seconds what took minutes to build.

``CACHE/built/KEY/`` holds what an engine wrote (``Kept``), ``manifest.json`` and ``SHA256SUMS``. The key is a digest of all that
the encoder depends on, so an entry is never out of date; it comes whole, by a single rename, and what is not as it was written is
deleted and built anew. Whatever is not yet, or no longer, an entry has a name that begins with a dot.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from asrquant.base.account import cache_folder, cache_path
from asrquant.base.errors import ArtifactError, Cancelled
from asrquant.base.files import fsync, remove
from asrquant.base.pickles import loading_weights
from asrquant.base.progress import Progress
from asrquant.engines.engine import Built, Engine, Job, Kept, Saved
from asrquant.export import shared_folder
from asrquant.export.fingerprints import build_key, step_key
from asrquant.export.manifest import MANIFEST, read_json, write_json
from asrquant.export.sums import check_sums, write_sums
from asrquant.model.recognizer import Tuning

FOLDER = "built"
"""In the cache."""
WORTH_SECONDS = 5.0
"""What was built in less is not put aside: reading it again would take about as long."""
_PATIENCE = 30.0
"""Seconds to wait for another process that puts something aside."""
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """``manifest.json`` of a built encoder.

    Attributes:
        key: its own, so that a folder that was moved is none.
        backend: see ``Built``.
        tuning: see ``Built``.
    """

    key: str
    backend: str
    tuning: Tuning | None = None


@dataclass(frozen=True)
class Step:
    """``manifest.json`` of a step of builds."""

    key: str


class BuiltModels:
    """A shelf of built encoders on disk; where the cache cannot be used, one that is always empty."""

    def __init__(self, make_room: Callable[[], object] = lambda: None) -> None:
        """Nothing is read or written yet.

        Args:
            make_room: called after something was put aside, to remove what is over a bound.
        """
        self._make_room = make_room

    def build(self, job: Job, engine: Engine) -> Built:
        """See ``Shelf.build``."""
        kept = engine.kept(job.preset)
        key = build_key(job, kept.name) if kept else None
        if kept and key and (found := self._restored(job, kept, key)):
            return found
        begun = time.perf_counter()
        made = engine.build(replace(job, steps=_Steps(self, job)))
        if kept and key and time.perf_counter() - begun > WORTH_SECONDS:
            recognizer = replace(job.recognizer, encoder=made.encoder, preset=job.preset, backend=made.backend)
            entry = Entry(key, made.backend, made.tuning)
            self.put(key, entry, lambda folder: kept.save(recognizer, folder), job.progress)
        return made

    def _restored(self, job: Job, kept: Kept, key: str) -> Built | None:
        origin = job.recognizer.origin

        def restore(folder: Path) -> Built:
            entry = read_json(Entry, folder / MANIFEST)
            saved = Saved(job.preset, entry.backend, job.recognizer.roles, origin.toolkit if origin else "")
            encoder = kept.restore(folder, saved, job.recognizer.encoder)
            return Built(encoder, entry.backend, entry.tuning, restored=True)

        job.progress("reading what was built before", 0, 1)
        return self.get(key, restore)

    def get(self, key: str, read: Callable[[Path], _T]) -> _T | None:
        """What ``read`` makes of an entry's files once they have been checked; None where there is no entry, or a damaged one."""
        folder = cache_path(FOLDER) / key
        try:
            if not folder.is_dir():
                return None
        except OSError:  # the cache is another account's
            return None
        try:
            with loading_weights():
                check_sums(folder, (MANIFEST,))
                if read_json(Step, folder / MANIFEST).key != key:
                    raise ArtifactError("its files are another entry's")
                found = read(folder)
        except (Cancelled, MemoryError):
            raise
        except Exception as error:  # whatever a library says of files that it does not know
            _log.warning("%s in the cache cannot be used and is built anew: %s", key, error)
            remove(folder)
            return None
        with contextlib.suppress(OSError):  # who may not write here may read
            os.utime(folder)
        return found

    def put(self, key: str, entry: Entry | Step, write: Callable[[Path], object], progress: Progress) -> Path | None:
        """Put an entry aside, whole or not at all; returns its folder, or None where it cannot be kept, which the log is told.

        Raises:
            Cancelled: by ``progress``.
        """
        root = cache_folder(FOLDER)
        if root is None:
            return None
        try:
            with _locked(root, progress), shared_folder.staged(root) as staged:
                progress("keeping it for the next time", 0, 1)
                write(staged)
                write_json(entry, staged / MANIFEST)
                write_sums(staged)
                for path in (*staged.rglob("*"), staged):
                    fsync(path)
                if not (root / key).exists():  # two processes may have built the same
                    staged.rename(root / key)
                    fsync(root)
        except Cancelled:
            raise
        except Exception as error:
            _log.warning("%s cannot be kept in the cache: %s", key, error)
            return None
        self._make_room()
        return root / key


class _Steps:
    """The steps of builds of one float model."""

    def __init__(self, shelf: BuiltModels, job: Job) -> None:
        self._shelf, self._job = shelf, job

    def finished(self, name: str) -> Path | None:
        """See ``Steps``."""
        key = step_key(self._job.recognizer, name)
        return self._shelf.get(key, lambda folder: folder) if key else None

    def keep(self, name: str, write: Callable[[Path], object]) -> Path | None:
        """See ``Steps``."""
        key = step_key(self._job.recognizer, name)
        return self._shelf.put(key, Step(key), write, self._job.progress) if key else None


def sweep() -> None:
    """Remove what killed processes left behind, unless somebody is at work here."""
    shared_folder.sweep_if_free(cache_path(FOLDER))


@contextmanager
def _locked(root: Path, progress: Progress) -> Iterator[None]:
    lock = shared_folder.acquire(root, progress, "waiting for another process that fills the cache", _PATIENCE)
    try:
        shared_folder.sweep(root)
        yield
    finally:
        lock.release()
