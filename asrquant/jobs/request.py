"""A visitor's job on its way through the line and the worker, and the two lines that the log has of it."""

from __future__ import annotations

import inspect
import queue
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from asrquant.jobs import log
from asrquant.jobs.models import CUSTOM, MODELS
from asrquant.jobs.worker import CANCELLED, Done, Event, Failed, Job
from asrquant.model.presets import PRESETS
from asrquant.text.decoders import DECODERS

_LOGGED = {"source": "model", "preset": "preset", "presets": "preset", "decoder": "decoder"}
_NAMES = {*PRESETS, CUSTOM, *DECODERS, *MODELS}
"""What the log says of a request: these arguments, where they have one of these values. Nothing else of a visitor's."""


@dataclass(eq=False)
class Request:
    """What is to be done, what it reports, and whether anybody still wants it.

    Attributes:
        job: the function.
        arguments: of the function, after its first three.
        tab: of the page, where it was asked.
        id: names it in the log and to its visitor.
        events: what it reports, the last one ``Done`` or ``Failed``.
        stop: set where nobody wants it any more.
        why: it was stopped, for its visitor to read.
        ended: whether its visitor has the whole of it.
        replaced: whether the screen that it was to fill is a newer request's by now.
        screen: held while a message is on its way to where it is shown; shared with the requests before and after it there.
        submitted: when it came, by the monotonic clock.
        begun: when its work began, or None.
    """

    job: Job
    arguments: tuple[Any, ...]
    tab: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    events: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)
    stop: threading.Event = field(default_factory=threading.Event)
    why: str = CANCELLED
    ended: bool = False
    replaced: bool = False
    screen: threading.Lock = field(default_factory=threading.Lock)
    submitted: float = field(default_factory=time.monotonic)
    begun: float | None = None

    def asks_the_same(self, other: Request) -> bool:
        """Whether another request is for the same thing, at the same place."""
        return (self.job, self.arguments, self.tab) == (other.job, other.arguments, other.tab)

    def log_start(self) -> None:
        """Say that it has its turn."""
        log.line("start", **self._facts())

    def log_end(self, end: Done | Failed, outcome: str) -> None:
        """Say how it ended, how long it waited and worked, and how much audio it was about."""
        now = time.monotonic()
        begun = self.begun or now
        audio = getattr(end.value, "audio_seconds", None) if isinstance(end, Done) else None
        error = end.kind if isinstance(end, Failed) else None
        log.line(
            "end", **self._facts(), outcome=outcome, waited=begun - self.submitted, worked=now - begun, audio=audio, error=error
        )  # fmt: skip

    def _facts(self) -> dict[str, str]:
        said = {"request": self.id, "tab": self.job.__module__.rpartition(".")[2]}
        names = list(inspect.signature(self.job).parameters)[3:]
        for name, value in zip(names, self.arguments, strict=False):
            values = value if isinstance(value, list) else [value]
            if name in _LOGGED and values and all(isinstance(v, str) and v in _NAMES for v in values):
                said[_LOGGED[name]] = ",".join(values)
        return said
