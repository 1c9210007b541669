"""The tab "Compare": one clip, the original and a quantized model side by side, or all presets on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from asrquant.audio.sound import MIX
from asrquant.data.bundled import example_clips
from asrquant.data.dataset import Utterance
from asrquant.jobs.compare import MAX_RUNS, CompareRequest
from asrquant.jobs.lineup import LineUpRequest
from asrquant.jobs.models import CUSTOM, MODELS
from asrquant.jobs.request import Request
from asrquant.measure.compare import Comparison
from asrquant.ui import arriving, chips, choices, lineup, reference, render, results, session
from asrquant.ui.clip import Clip, lay_out_words
from asrquant.ui.clip import build as build_clip
from asrquant.ui.figures import Origin
from asrquant.ui.own_clips import OwnControls
from asrquant.ui.running import HEAVY, PRIVATE, QUICK, Running, Screen, Updates, Values, follow
from asrquant.ui.tab import Setting

TAB = "Compare"
RECORDING = "The recording is not finished: press Stop, wait until the clip is shown, then press Transcribe."
REMOVED, OTHER = "Stopped, as its clip was removed.", "Stopped, as another clip took the place of its own."
NO_EXAMPLE = "There is no such example; click one of those that are shown."
SHOW_RESULTS = "() => window.asrquant.bring('#answer')"
"""Bring the answer into view where it is not."""


class _CompareScreen(Screen):
    """What a comparison shows: the texts as they are heard, then everything."""

    def __init__(self, tab: _Tab, values: Values, clip: object, at_first: Updates) -> None:
        """Show at the beginning what is new of the clip and its words (``at_first``).

        Args:
            tab: to fill.
            values: of its controls.
            clip: path of the clip.
            at_first: of the clip, its words and their note.
        """
        self._tab, self._clip, self._at_first = tab, clip, at_first
        self._preset = tab.preset.in_words(values)
        self._origin = tab.origin(values, clip)
        self._heard: dict[str, str] = {}

    def begun(self, job: str) -> Updates:
        """The clip and its words, and no results."""
        return {self._tab.clip.work: job, **self._at_first, **self._tab.nothing()}

    def partial(self, value: tuple[str, str]) -> Updates:
        """One more text: (which, its text)."""
        name, text = value
        self._heard[name] = text
        notes = {"Quantized": self._preset.partition(":")[0]}
        texts = "".join(
            render.transcript(each, escape(said), notes.get(each, "")) for each, said in self._heard.items()
        )
        return {self._tab.results.texts: f'<div class="aq-transcripts">{texts}</div>'}

    def failed(self) -> Updates:
        """No results."""
        return self._tab.nothing()

    @contextmanager
    def done(self, value: Comparison) -> Iterator[Updates]:
        """All results."""
        name = Path(str(self._clip)).name
        when = f"Measured on this machine just now: median of {value.runs} runs each, in turns. Clip: {name}."
        about = results.About(when, time.time(), render.conditions(value, name, self._preset), self._origin, name)
        with self._tab.results.full(value, about) as updates:
            yield {**updates, **self._tab.clip.heard(value.mixed)}


@dataclass(frozen=True)
class _Tab:
    """The tab's controls, and what happens when somebody uses them."""

    clip: Clip
    preset: choices.PresetControls
    model: choices.ModelControls
    runs: gr.Slider
    examples: gr.HTML
    results: results.Results
    lineup: lineup.Shown
    arrival: arriving.Arrival
    running: Running
    own: OwnControls

    @property
    def settings(self) -> set[Component]:
        """Inputs that say how, not what."""
        return {*self.preset.all, *self.model.all, self.runs, *self.own.all}

    @property
    def given(self) -> set[Component]:
        """Inputs of whatever takes the clip that is there."""
        clip = self.clip
        return {clip.audio, clip.words, clip.origin, clip.recording, clip.channel, *self.settings}

    @property
    def given_to_all(self) -> set[Component]:
        """The same for all presets."""
        clip = self.clip
        return {clip.audio, clip.words, clip.origin, clip.recording, clip.channel, *self.model.all, *self.own.all}

    @property
    def outputs(self) -> list[Component]:
        """What a job changes."""
        clip = self.clip
        return [
            clip.work, clip.words, clip.origin, clip.note, clip.audio, clip.channel, self.preset.name, self.model.model,
            *self.results.all, *self.lineup.all, *self.arrival.all, *self.running.all,
        ]  # fmt: skip

    def nothing(self) -> Updates:
        """No results of any kind."""
        return {**self.results.empty(), **self.lineup.empty(), **self.arrival.over()}

    def origin(self, values: Values, clip: object) -> Origin:
        """What a link says of a comparison; nothing of what is the visitor's own."""
        model, preset = values[self.model.model], values[self.preset.name]
        example = reference.example_of(str(clip)) if clip else None
        return Origin(
            model if model in MODELS else "", preset if preset != CUSTOM else "", example.id if example else ""
        )

    def wire(self) -> None:
        """Let the controls do what they say."""
        clip, (go, everything) = self.clip, self.running.starts
        starts = (
            (go.click, self.transcribe, self.given),
            (everything.click, self.line_up, self.given_to_all),
            (self.examples.click, self.transcribe_example, self.settings),
            (self.lineup.rows.click, self.transcribe_preset, self.given),
        )
        for event, run, inputs in starts:
            begun = event(run, inputs, self.outputs, **HEAVY)
            begun.then(None, js=SHOW_RESULTS, **PRIVATE)
        self.running.wire()
        clip.audio.change(
            self.changed, {clip.audio, clip.words, clip.origin, clip.work},
            [clip.words, clip.origin, clip.note, clip.channel], trigger_mode="always_last", **QUICK,
        )  # fmt: skip

        for own_clip in (clip.audio.upload, clip.audio.stop_recording):
            own_clip(self.model.for_own_clip, [self.model.model, self.model.touched], self.model.model, **QUICK)

    def changed(self, values: Values, request: gr.Request) -> Updates:
        """The words that go with the clip that is there now. A job that this page began on another clip is stopped."""
        clip = values[self.clip.audio]
        job = session.running(request.session_hash or "", TAB)
        asked = job.request if job and job.id == values[self.clip.work] else None
        of = asked.clip if isinstance(asked, CompareRequest | LineUpRequest) else None
        if job and of and not (clip and reference.same_clip(str(of), clip)):
            session.stop(job, OTHER if clip else REMOVED)
        words = reference.fitting(clip, values[self.clip.words], values[self.clip.origin])
        return {**self.clip.shown(words, values), **self.clip.other()}

    def transcribe(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Run the job on the clip that is there."""
        yield from self._on_the_clip(values, request, self._compare)

    def line_up(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Run all presets on the clip that is there."""
        yield from self._on_the_clip(values, request, self._line_up)

    def _on_the_clip(
        self, values: Values, request: gr.Request, run: Callable[..., Iterator[Updates]]
    ) -> Iterator[Updates]:
        clip, text, origin = values[self.clip.audio], values[self.clip.words], values[self.clip.origin]
        if values[self.clip.recording] and not clip:
            yield {self.running.status: render.problem(RECORDING)}
            return
        at_first: Updates = {}
        if clip and origin == reference.EXAMPLE:  # the clip may have changed a moment ago
            words = reference.fitting(clip, text, origin)
            text, at_first = words.text, self.clip.shown(words, values)
        yield from run(clip, text, at_first, values, request)

    def transcribe_example(self, values: Values, event: gr.EventData, request: gr.Request) -> Iterator[Updates]:
        """Put an example and its words where the clip is, and run the job on it."""
        index, examples = chips.index(event), example_clips()
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(examples):
            yield {self.running.status: render.problem(NO_EXAMPLE)}
            return
        yield from self.compare_example(examples[index], values, request)

    def compare_example(self, example: Utterance, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Run the job on an example."""
        at_first = self.clip.example(example)
        yield from self._compare(str(example.path), example.reference, at_first, values, request)

    def transcribe_preset(self, values: Values, event: gr.EventData, request: gr.Request) -> Iterator[Updates]:
        """Show the details of one of all presets on the clip that is there."""
        name = lineup.preset(event)
        if name not in choices.usable_presets():
            yield {self.running.status: render.problem(lineup.NO_PRESET)}
            return
        chosen = {**values, self.preset.name: name}
        first = True
        for updates in self.transcribe(chosen, request):
            yield {**updates, self.preset.name: name} if first else updates
            first = False

    def _compare(
        self, clip: Any, text: str, at_first: Updates, values: Values, request: gr.Request
    ) -> Iterator[Updates]:
        def ask() -> Request:
            return CompareRequest(
                clip=clip,
                preset=self.preset.chosen(values),
                reference=text,
                model=self.model.chosen(values, request),
                decoder=values[self.model.decoder],
                runs=values[self.runs],
                channel=values.get(self.clip.channel, MIX),
                own=self.own.read(values),
            )

        yield from follow(self.running, _CompareScreen(self, values, clip, at_first), request, ask)

    def _line_up(
        self, clip: Any, text: str, at_first: Updates, values: Values, request: gr.Request
    ) -> Iterator[Updates]:
        def ask() -> Request:
            return LineUpRequest(
                clip=clip,
                reference=text,
                model=self.model.chosen(values, request),
                decoder=values[self.model.decoder],
                channel=values.get(self.clip.channel, MIX),
                own=self.own.read(values),
            )

        screen = lineup.LineUpScreen(self.lineup, self.clip.work, at_first, self.nothing(), Path(str(clip)).name)
        yield from follow(self.running, screen, request, ask)


def build(setting: Setting) -> Setting:
    """Lay the tab out and wire it; another tab may set its preset."""
    examples = chips.build(example_clips())
    with gr.Row(equal_height=False, elem_id="first"):
        with gr.Column(scale=7, min_width=320, elem_id="answer"):
            arrival = arriving.lay_out()
            parts = results.answer()
            shown = lineup.build()
        with gr.Column(scale=5, min_width=320, elem_id="controls"):
            clip = build_clip()
            preset = choices.preset_and_settings(TAB)
            with gr.Row(elem_id="start"):
                go = gr.Button("Transcribe", variant="primary", elem_id="transcribe", min_width=80)
                everything = gr.Button("All presets on this clip", elem_id="all-presets", min_width=80)
                stop = gr.Button("Cancel", interactive=False, elem_id="cancel", min_width=80)
            status = gr.HTML(elem_id="status")  # beside the button that was pressed, wherever the page is scrolled to
            lay_out_words(clip)
            with gr.Accordion("Model, decoder, runs", open=False):
                model = choices.model_and_decoder()
                runs = gr.Slider(
                    1, MAX_RUNS, value=choices.FIRST_RUNS, step=1, label="Runs of each model (median is shown)"
                )
    shown.table.render()
    below = results.below(parts)
    running = Running(TAB, (go, everything), stop, status)
    tab = _Tab(clip, preset, model, runs, examples, below, shown, arrival, running, setting.own)
    tab.wire()
    arriving.Beginning(
        arrival, clip, preset, model, below, status, tab.settings, tab.outputs, tab.compare_example
    ).wire(setting.page)
    models, presets = (*setting.models, model), (*setting.presets, preset)
    return replace(setting, trial=preset, models=models, presets=presets)
