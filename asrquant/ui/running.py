"""A tab and its job: the buttons that start and cancel it, the line that says how it goes, and what it shows on the way.

Events take and return dicts of components, so that nobody has to count: what a dict leaves out stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from asrquant.jobs.request import Request
from asrquant.ui import render, session

Values = dict[Component, Any]
"""What an event is given: the value of each of its inputs, as the browser sent it."""
Updates = dict[Component, Any]
"""What an event changes: a new value or ``gr.update(…)`` for some of its outputs."""
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", **PRIVATE}
"""Of events that do next to nothing."""
HEAVY: dict[str, Any] = {**session.HEAVY, **PRIVATE}
"""Of events that run a job."""


def cancel(request: gr.Request) -> None:
    """Stop the visitor's job; for a button, and for a tab that is closed."""
    session.cancel(request.session_hash or "")


@dataclass(frozen=True)
class Running:
    """The controls of a tab's job.

    Attributes:
        tab: name of the tab.
        starts: buttons that start a job.
        stop: the button that cancels it.
        status: what is said of it, beside the button that was pressed, wherever the page is scrolled to.
    """

    tab: str
    starts: tuple[gr.Button, ...]
    stop: gr.Button
    status: gr.HTML

    @property
    def all(self) -> list[Component]:
        """What every event that runs a job changes."""
        return [self.status, *self.starts, self.stop]

    def busy(self, said: str) -> Updates:
        """How they look while a job runs; ``said`` is HTML."""
        return {self.status: said, **self.buttons(busy=True)}

    def idle(self, said: str) -> Updates:
        """How they look once it has ended; ``said`` is HTML."""
        return {self.status: said, **self.buttons(busy=False)}

    def buttons(self, busy: bool) -> Updates:
        """Which of them can be pressed."""
        starts = {start: gr.update(interactive=not busy) for start in self.starts}
        return {**starts, self.stop: gr.update(interactive=busy)}

    def wire(self) -> None:
        """Let the cancel button cancel."""
        self.stop.click(cancel, None, None, queue=False, **PRIVATE)


class Screen:
    """How one job fills its tab; whoever has something to show overrides the method for it."""

    def begun(self, job: str) -> Updates:
        """A job was taken; ``job`` is its id. What the tab shows is older, and goes."""
        return {}

    def step(self, stage: str, done: int, total: int) -> str:
        """Progress, as HTML."""
        return render.progress_bar(stage, done, total)

    def partial(self, value: Any) -> Updates:
        """Something before all is done."""
        return {}

    def failed(self) -> Updates:
        """Nothing more comes."""
        return {}

    def done(self, value: Any) -> AbstractContextManager[Updates]:
        """The result. What is made for the page lasts until it has been delivered, as files must."""
        return nullcontext({})

    def last_words(self, value: Any, note: str) -> str:
        """What the status says under the result, as HTML; ``note`` says why it is not the whole, if it is not."""
        return render.notice("Done.")


def follow(running: Running, screen: Screen, visitor: gr.Request, ask: Callable[[], Request]) -> Iterator[Updates]:
    """Run a job and yield what its tab shows as it goes on.

    Args:
        running: the tab's controls.
        screen: what is shown.
        visitor: who asks.
        ask: makes the request; see ``session.run``.
    """
    for event in session.run(visitor.session_hash or "", running.tab, ask):
        match event:
            case session.Begun(id):
                yield {**screen.begun(id), **running.busy(render.waiting())}
            case session.Step(stage, done, total):
                yield running.busy(screen.step(stage, done, total))
            case session.Partial(value):
                yield {**screen.partial(value), **running.buttons(busy=True)}
            case session.Failed(message=message):
                yield {**screen.failed(), **running.idle(render.problem(message))}
            case session.Done(value, note):
                with screen.done(value) as shown:
                    yield {**shown, **running.idle(screen.last_words(value, note))}
            case session.Replaced():
                yield {running.status: gr.skip()}
