"""What a page begins with: the comparison that was measured at the start, or what a link asks for.

The answer and the transcripts come with the page itself, the rest once the page is there. Nothing of it changes while somebody
looks: a page that came up too early says that it is being measured, and has a button to show it once it is there.
"""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from asrquant.base.errors import RequestError
from asrquant.data.bundled import example_clips
from asrquant.data.dataset import Utterance
from asrquant.jobs import showcase
from asrquant.jobs.checks import shown
from asrquant.jobs.models import MODELS
from asrquant.jobs.offers import offer
from asrquant.jobs.showcase import Showcase
from asrquant.ui import choices, fastest, figures, render
from asrquant.ui.clip import Clip
from asrquant.ui.results import About, Results
from asrquant.ui.running import HEAVY, QUICK, Updates, Values
from asrquant.ui.served import ServedPage

_LOOK_SECONDS = 2.0
_KEPT = 3
"""Showcases that are kept, as pages show them whose charts may still be asked for."""
_known: dict[str, Showcase] = {}
_expected = threading.Event()
_NAMES = ("model", "preset", "example")
"""What a link may name."""
_READ = f"""() => {{
    const asked = new URLSearchParams(location.search), found = {{}};
    for (const name of {list(_NAMES)}) if (asked.has(name)) found[name] = asked.get(name);
    return Object.keys(found).length ? JSON.stringify(found) : '';
}}"""
"""In the browser: what the page's address asks for."""


def expect() -> None:
    """A comparison is going to be measured."""
    _expected.set()


def learn(found: object) -> None:
    """Take note of what the worker measured; pages that come up from now on begin with it."""
    _expected.clear()
    if isinstance(found, Showcase):
        _known[found.mark] = found
        for old in list(_known)[:-_KEPT]:
            del _known[old]
        fastest.begin_with(found.preset)


def give_up() -> None:
    """There will be none."""
    _expected.clear()


def latest() -> Showcase | None:
    """The comparison that a page begins with now."""
    return next(reversed(_known.values()), None)


def age(seconds: float) -> str:
    """How long ago something was, in words."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if (count := int(seconds // length)) >= 1:
            return f"{count} {unit}{'s' * (count > 1)} ago"
    return "less than a minute ago"


def when(found: Showcase, now: float) -> str:
    """When and on what it was measured, for everybody."""
    at = datetime.datetime.fromtimestamp(found.at, datetime.UTC)
    return (
        f"Measured on this machine when the page was started, {age(now - found.at)} ({at:%d %b, %H:%M} UTC): median of "
        f"{found.found.runs} runs each."
    )


@dataclass(frozen=True)
class Arrival:
    """What is used when a page comes up.

    Attributes:
        link: what the page's address asked for, as JSON; empty for nothing.
        timer: looks whether what is being measured is there.
        ready: shows it.
    """

    link: gr.Textbox
    timer: gr.Timer
    ready: gr.Button

    @property
    def all(self) -> list[Component]:
        """What changes."""
        return [self.timer, self.ready]

    def over(self) -> Updates:
        """Somebody has begun something: nothing is offered any more."""
        return {self.timer: gr.Timer(_LOOK_SECONDS, active=False), self.ready: gr.update(visible=False)}


def lay_out() -> Arrival:
    """The parts, unseen."""
    return Arrival(
        gr.Textbox("", visible="hidden", elem_id="link"),
        gr.Timer(_LOOK_SECONDS, active=False),
        gr.Button("It is measured: show the comparison", visible=False, variant="primary", elem_id="ready"),
    )


@dataclass(frozen=True)
class Beginning:
    """The parts of a tab that a page begins in.

    Attributes:
        arrival: of the page.
        clip: its clip.
        preset: controls of its preset.
        model: controls of its model.
        results: where a comparison is shown.
        status: where a sentence is shown.
        settings: inputs of ``compare``.
        outputs: of ``compare``.
        compare: runs the job on an example.
    """

    arrival: Arrival
    clip: Clip
    preset: choices.PresetControls
    model: choices.ModelControls
    results: Results
    status: gr.HTML
    settings: set[Component]
    outputs: list[Component]
    compare: Callable[[Utterance, Values, gr.Request], Iterator[Updates]]

    def wire(self, page: ServedPage) -> None:
        """Let the page begin."""
        arrival, results = self.arrival, self.results
        page.first_values = self.served
        shown_ = [*self.outputs]
        page.load(self.arrive, {arrival.link}, [arrival.link, *shown_], js=_READ, **QUICK)
        arrival.link.change(self.open_link, {arrival.link, *self.settings}, shown_, **HEAVY)
        arrival.timer.tick(self.look, None, arrival.all, **QUICK)
        arrival.ready.click(self.show, None, shown_, **QUICK)
        charts = [results.speed, results.accuracy, results.divergence]
        results.details.expand(self.draw, {self.clip.work}, charts, **QUICK)

    def served(self, asked: frozenset[str]) -> dict[Component, str]:
        """What is in the page that a browser is sent; nothing where its address asks for something else."""
        if asked.intersection(_NAMES):
            return {}
        if found := latest():
            return self.results.answer(found.found, _about(found))
        if _expected.is_set():
            return {self.results.cards: figures.pending(showcase.clip().reference), self.results.texts: ""}
        return {}

    def arrive(self, values: Values) -> Iterator[Updates]:
        """Show the comparison that was measured at the start, or that it is being measured."""
        if link := values[self.arrival.link]:
            yield {self.arrival.link: link}
        elif latest():
            yield from self.show()
        elif _expected.is_set():
            yield {
                **self.served(frozenset()),
                self.arrival.timer: gr.Timer(_LOOK_SECONDS, active=True),
            }
        else:
            yield {self.status: gr.skip()}

    def look(self) -> Updates:
        """Offer the comparison once it is there."""
        waits = _expected.is_set() and latest() is None
        return {
            self.arrival.timer: gr.Timer(_LOOK_SECONDS, active=waits),
            self.arrival.ready: gr.update(visible=latest() is not None),
        }

    def show(self) -> Iterator[Updates]:
        """Show the comparison that was measured at the start, with its clip."""
        if not (found := latest()):
            yield self.arrival.over()
            return
        with ExitStack() as files:
            updates = files.enter_context(self.results.full(found.found, _about(found), charts=False))
            yield {
                **updates,
                **self.arrival.over(),
                **self.clip.example(_example(found)),
                self.clip.work: found.mark,
                self.preset.name: found.preset,
            }

    def draw(self, values: Values) -> Updates:
        """The charts of the comparison that was measured at the start, once somebody opens the part that they are in."""
        found = _known.get(str(values[self.clip.work]))
        return dict(self.results.charts(found.found)) if found else {self.results.speed: gr.skip()}

    def open_link(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Set what a link names, and compare on its example."""
        try:
            asked = _Asked.read(values[self.arrival.link])
        except RequestError as error:
            yield {self.status: render.problem(str(error))}
            return
        chosen = dict(values)
        named: Updates = {}
        if asked.model:
            chosen[self.model.model] = named[self.model.model] = asked.model
            chosen[self.model.decoder] = offer(asked.model).decoder or "greedy"
        if asked.preset:
            chosen[self.preset.name] = named[self.preset.name] = asked.preset
        if asked.example is None:
            yield named or {self.status: gr.skip()}
            return
        for updates in self.compare(asked.example, chosen, request):
            yield {**updates, **named}
            named = {}


def _example(found: Showcase) -> Utterance:
    """The clip that it was measured on."""
    return next(each for each in example_clips() if each.id == found.example)


def _about(found: Showcase) -> About:
    """What goes with it, now."""
    file = _example(found).path.name
    how = render.conditions(found.found, file, found.preset)
    return About(when(found, time.time()), found.at, how, figures.Origin(MODELS[0], found.preset, found.example), file)


@dataclass(frozen=True)
class _Asked:
    """What a link names: a model and a preset, empty for those that are chosen, and an example or None."""

    model: str
    preset: str
    example: Utterance | None

    @classmethod
    def read(cls, link: Any) -> _Asked:
        """Read what the browser found in the address.

        Raises:
            RequestError: it names something that is not here.
        """
        try:
            said = json.loads(link)
        except (TypeError, ValueError):
            said = None
        if not isinstance(said, dict):
            raise RequestError("The link cannot be read; open the page without what follows the question mark.")
        examples = {each.id: each for each in example_clips()}
        offered = {"model": MODELS, "preset": choices.usable_presets(), "example": list(examples)}
        for name, known in offered.items():
            if name in said and said[name] not in known:
                raise RequestError(
                    f"The link asks for the {name} {shown(said[name])}, which is not here; there are {', '.join(known)}."
                )
        return cls(said.get("model", ""), said.get("preset", ""), examples.get(said.get("example", "")))
