"""The tab "Compare": one clip, the original and a quantized model side by side."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from asrquant.audio.sound import MIX
from asrquant.data.bundled import example_clips
from asrquant.jobs.compare import MAX_RUNS, CompareRequest
from asrquant.measure.compare import Comparison, comparison_dict
from asrquant.show.comparison import accuracy_figure, comparison_table, speed_figure
from asrquant.show.divergence import divergence_figure, divergence_table
from asrquant.ui import choices, reference, render, session
from asrquant.ui.clip import Clip
from asrquant.ui.clip import build as build_clip
from asrquant.ui.own_clips import OwnControls
from asrquant.ui.running import HEAVY, PRIVATE, QUICK, Running, Screen, Updates, Values, follow
from asrquant.ui.tab import Setting

TAB = "Compare"
RECORDING = "The recording is not finished: press Stop, wait until the clip is shown, then press Transcribe."
REMOVED, OTHER = "Stopped, as its clip was removed.", "Stopped, as another clip took the place of its own."
WHERE = "Where they part: divergence of the quantized model's label probabilities from the original's (KL), 0 where they agree"
SHOW_RESULTS = """() => {
    const texts = document.querySelector('#transcripts'), top = texts.getBoundingClientRect().top;
    const seen = top >= 0 && top < 0.6 * window.innerHeight;
    if (document.querySelector('#cards .aq-card') && !seen) texts.scrollIntoView({behavior: 'smooth', block: 'start'});
}"""
"""Once there are results, bring the transcripts into view where they are not."""


@dataclass(frozen=True)
class _Results:
    """What is shown of a comparison."""

    texts: gr.HTML
    cards: gr.HTML
    speed: gr.Plot
    accuracy: gr.Plot
    numbers: gr.HTML
    divergence: gr.Plot
    moments: gr.HTML
    as_json: gr.DownloadButton
    as_csv: gr.DownloadButton

    @property
    def all(self) -> list[Component]:
        """Outputs of whatever fills them."""
        return list(vars(self).values())

    def empty(self) -> Updates:
        """How they look where there is no result."""
        hidden = (self.speed, self.accuracy, self.divergence, self.as_json, self.as_csv)
        return {**dict.fromkeys(self.all, ""), **{part: gr.update(visible=False) for part in hidden}}

    @contextmanager
    def full(self, found: Comparison, about: str) -> Iterator[Updates]:
        """How they look with a result; ``about`` is HTML on how it was measured."""
        frame = comparison_table(found)
        with tempfile.TemporaryDirectory() as folder:  # Gradio copies what it serves when the generator is resumed
            as_json, as_csv = Path(folder) / "comparison.json", Path(folder) / "comparison.csv"
            as_json.write_text(json.dumps(comparison_dict(found), indent=1) + "\n", encoding="utf-8")
            frame.to_csv(as_csv, index=False)
            yield {
                self.texts: render.transcripts(found),
                self.cards: render.cards(found),
                self.speed: gr.update(value=speed_figure(found), visible=True),
                self.accuracy: gr.update(value=accuracy_figure(found), visible=True),
                self.numbers: render.table(frame, "Median of the runs (range in brackets)") + about,
                self.divergence: gr.update(value=divergence_figure(found.divergence), visible=True),
                self.moments: render.table(divergence_table(found.divergence), WHERE),
                self.as_json: gr.update(value=str(as_json), visible=True),
                self.as_csv: gr.update(value=str(as_csv), visible=True),
            }


class _CompareScreen(Screen):
    """What a comparison shows: the texts as they are heard, then everything."""

    def __init__(self, tab: _Tab, clip: object, preset: str, at_first: Updates) -> None:
        """Show at the beginning what is new of the clip and its words (``at_first``).

        Args:
            tab: to fill.
            clip: path of the clip.
            preset: in words.
            at_first: of the clip, its words and their note.
        """
        self._tab, self._clip, self._preset, self._at_first = tab, clip, preset, at_first
        self._heard: dict[str, str] = {}

    def begun(self, job: str) -> Updates:
        """The clip and its words, and no results."""
        return {self._tab.clip.work: job, **self._at_first, **self._tab.results.empty()}

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
        return self._tab.results.empty()

    @contextmanager
    def done(self, value: Comparison) -> Iterator[Updates]:
        """All results."""
        with self._tab.results.full(
            value, render.conditions(value, Path(str(self._clip)).name, self._preset)
        ) as updates:
            yield {**updates, **self._tab.clip.heard(value.mixed)}


@dataclass(frozen=True)
class _Tab:
    """The tab's controls, and what happens when somebody uses them."""

    clip: Clip
    preset: choices.PresetControls
    model: choices.ModelControls
    runs: gr.Slider
    examples: gr.Dataset
    results: _Results
    running: Running
    own: OwnControls

    @property
    def settings(self) -> set[Component]:
        """Inputs that say how, not what."""
        return {*self.preset.all, *self.model.all, self.runs, *self.own.all}

    @property
    def outputs(self) -> list[Component]:
        """What a job changes."""
        clip = self.clip
        return [
            clip.work, clip.words, clip.origin, clip.note, clip.audio, clip.channel, *self.results.all, *self.running.all
        ]  # fmt: skip

    def wire(self) -> None:
        """Let the controls do what they say."""
        clip = self.clip
        own: set[Component] = {clip.audio, clip.words, clip.origin, clip.recording, clip.channel}
        starts = (
            (self.running.starts[0].click, self.transcribe, own),
            (self.examples.click, self.transcribe_example, {self.examples}),
        )
        for event, run, inputs in starts:
            event(run, {*inputs, *self.settings}, self.outputs, **HEAVY).then(None, js=SHOW_RESULTS, **PRIVATE)
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
        if job and isinstance(asked, CompareRequest) and not (clip and reference.same_clip(str(asked.clip), clip)):
            session.stop(job, OTHER if clip else REMOVED)
        words = reference.fitting(clip, values[self.clip.words], values[self.clip.origin])
        return {**self.clip.shown(words, values), **self.clip.other()}

    def transcribe(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Run the job on the clip that is there."""
        clip, text, origin = values[self.clip.audio], values[self.clip.words], values[self.clip.origin]
        if values[self.clip.recording] and not clip:
            yield {self.running.status: render.problem(RECORDING)}
            return
        at_first: Updates = {}
        if clip and origin == reference.EXAMPLE:  # the clip may have changed a moment ago
            words = reference.fitting(clip, text, origin)
            text, at_first = words.text, self.clip.shown(words, values)
        yield from self._run(clip, text, at_first, values, request)

    def transcribe_example(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Put an example and its words where the clip is, and run the job on it."""
        index, examples = values[self.examples], example_clips()
        if not isinstance(index, int) or not 0 <= index < len(examples):
            problem = "There is no such example; click one of those that are shown."
            yield {self.running.status: render.problem(problem)}
            return
        clip, text = str(examples[index].path), examples[index].reference
        at_first = {
            # An update, as Gradio's client turns one value of a generator into the next in place, the one that the
            # player holds too.
            self.clip.audio: gr.update(value=clip),
            self.clip.words: text,
            self.clip.origin: reference.EXAMPLE,
            self.clip.note: "",
        }
        yield from self._run(clip, text, at_first, values, request)

    def _run(self, clip: Any, text: str, at_first: Updates, values: Values, request: gr.Request) -> Iterator[Updates]:
        def ask() -> CompareRequest:
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

        yield from follow(
            self.running, _CompareScreen(self, clip, self.preset.in_words(values), at_first), request, ask
        )


def build(setting: Setting) -> Setting:
    """Lay the tab out and wire it; another tab may set its preset."""
    examples = example_clips()
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            clip = build_clip()
            preset = choices.preset_and_settings(TAB)
            with gr.Accordion("Model, decoder, runs", open=False):
                model = choices.model_and_decoder()
                runs = gr.Slider(
                    1, MAX_RUNS, value=choices.FIRST_RUNS, step=1, label="Runs of each model (median is shown)"
                )
            with gr.Row():
                go = gr.Button("Transcribe", variant="primary", elem_id="transcribe")
                stop = gr.Button("Cancel", interactive=False, elem_id="cancel")
            status = gr.HTML(elem_id="status")  # beside the button that was pressed, wherever the page is scrolled to
            chosen = gr.Dataset(
                components=[clip.audio, clip.words],
                samples=[[str(each.path), each.reference] for each in examples],
                sample_labels=[f"{each.reference} ({each.id.split('-')[0]})" for each in examples],
                label="Examples, from speakers that an4 has never heard: click one to run it",
                type="index", samples_per_page=len(examples), elem_id="examples",
            )  # fmt: skip
        with gr.Column(scale=7, min_width=320):
            results = _results()
    _Tab(clip, preset, model, runs, chosen, results, Running(TAB, (go,), stop, status), setting.own).wire()
    models, presets = (*setting.models, model), (*setting.presets, preset)
    return replace(setting, trial=preset, models=models, presets=presets)


def _results() -> _Results:
    welcome = render.notice(
        "Record, upload or choose an example: both transcripts, their speed and their errors appear here."
    )
    texts, cards = gr.HTML(welcome, elem_id="transcripts"), gr.HTML(elem_id="cards")
    with gr.Row():
        speed = gr.Plot(show_label=False, visible=False, elem_id="speed", min_width=300)
        accuracy = gr.Plot(show_label=False, visible=False, elem_id="accuracy", min_width=300)
    numbers = gr.HTML(elem_id="numbers")
    where = gr.Plot(show_label=False, visible=False, elem_id="divergence")
    moments = gr.HTML(elem_id="moments")
    with gr.Row():
        as_json = gr.DownloadButton("Download JSON", visible=False, size="sm", elem_id="json")
        as_csv = gr.DownloadButton("Download CSV", visible=False, size="sm", elem_id="csv")
    return _Results(texts, cards, speed, accuracy, numbers, where, moments, as_json, as_csv)
