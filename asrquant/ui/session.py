"""What the tabs share: models built once, one job at a time, progress that can be cancelled, and errors fit to be read."""

from __future__ import annotations

import logging
import queue
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from asrquant.engines import quantize
from asrquant.errors import AsrQuantError, Cancelled
from asrquant.presets import Preset
from asrquant.progress import Progress, silent
from asrquant.recognizer import Recognizer
from asrquant.sources import load

CACHE_BYTES = 4_000_000_000
"""Bound on the saved size of all models that are kept, the last used ones first."""

_log = logging.getLogger(__name__)
# One thread for everything that computes: two inferences never overlap, so no timing disturbs another, and PyTorch
# keeps a single pool of threads.
_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")
_running: dict[str, threading.Event] = {}


class Models:
    """Recognizers that have been loaded or quantized, by (source, preset), bounded in bytes."""

    def __init__(self, bound: int = CACHE_BYTES) -> None:
        """Keep at most ``bound`` bytes; the model in use is kept whatever its size."""
        self._bound = bound
        self._kept: OrderedDict[tuple[str, Preset | None], tuple[Recognizer, int]] = OrderedDict()

    def original(self, source: str) -> Recognizer:
        """The float recognizer of a source, with the decoder that it came with.

        Raises:
            SourceError: it cannot be loaded.
        """
        return self._get((source, None), lambda: load(source))

    def quantized(self, source: str, preset: Preset, progress: Progress = silent) -> Recognizer:
        """The source quantized by a preset (which names the backend too); the preset ``original`` is the source itself.

        Raises:
            AsrQuantError: it cannot be loaded or does not fit the preset.
        """
        original = self.original(source)
        if not preset.engine:
            return original
        return self._get((source, preset), lambda: quantize(original, preset, progress=progress))

    def _get(self, key: tuple[str, Preset | None], build: Callable[[], Recognizer]) -> Recognizer:
        if key not in self._kept:
            recognizer = build()
            self._kept[key] = (recognizer, recognizer.size_bytes())
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(size for _, size in self._kept.values()) > self._bound:
            self._kept.popitem(last=False)
        return self._kept[key][0]


models = Models()
"""Used from the worker thread only, which makes every build single-flight."""


@dataclass(frozen=True)
class Step:
    """Progress of a job."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Partial:
    """Something that a job has to show before it is done."""

    value: Any


@dataclass(frozen=True)
class Done:
    """A job's result."""

    value: Any


@dataclass(frozen=True)
class Failed:
    """Why a job did not finish, for the visitor to read."""

    message: str


Event = Step | Partial | Done | Failed
Work = Callable[[Progress, Callable[[Any], None]], Any]


def run(session: str, work: Work) -> Iterator[Event]:
    """Do ``work(progress, show)`` on the worker thread and yield what it reports, as it reports it.

    Leaving the iterator early (a closed tab) or ``cancel(session)`` stops the work at its next step.

    Args:
        session: the visitor; a second job of the same visitor stops the first one.
        work: reports steps with ``progress`` and partial results with ``show``; returns the result.
    """
    cancel(session)
    stop = _running[session] = threading.Event()
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def progress(stage: str, done: int, total: int) -> None:
        if stop.is_set():
            raise Cancelled("Cancelled.")
        events.put(Step(stage, done, total))

    def job() -> None:
        try:
            progress("starting", 0, 1)
            events.put(Done(work(progress, lambda value: events.put(Partial(value)))))
        except AsrQuantError as error:
            events.put(Failed(str(error)))
        except Exception:
            reference = uuid.uuid4().hex[:8]
            _log.exception("job failed, reference %s", reference)
            events.put(Failed(f"Something went wrong on our side (reference {reference}); please try again."))

    try:
        _worker.submit(job)
        while True:
            event = events.get()
            yield event
            if isinstance(event, Done | Failed):
                return
    finally:
        stop.set()
        if _running.get(session) is stop:
            del _running[session]


def cancel(session: str) -> None:
    """Ask the visitor's running job to stop at its next step."""
    if stop := _running.get(session):
        stop.set()
