"""The tab "Compare": one clip, the original and a quantized model side by side."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from asrquant.data.bundled import example_clips
from asrquant.jobs.compare import MAX_RUNS, comparison
from asrquant.jobs.models import CUSTOM, Custom
from asrquant.measure.compare import Comparison, comparison_dict
from asrquant.show.comparison import accuracy_figure, comparison_table, speed_figure
from asrquant.show.divergence import divergence_figure, divergence_table
from asrquant.ui import choices, custom, reference, render, session
from asrquant.ui import clip as clip_input

TAB = "Compare"
SENTENCES = ("ENTER FIVE SEVEN TWO", "J O H N", "RUBOUT T K L SIXTY FOUR", "MARCH TENTH NINETEEN SEVENTY ONE", "STOP")
UNDERSTANDS = (
    "The embedded model understands **spelled letters, numbers, dates and a few commands** (ENTER, ERASE, RUBOUT, REPEAT, "
    "STOP, GO, YES, NO), and nothing else. Read one of these aloud: " + ", ".join(f"*{s}*" for s in SENTENCES) + "."
)
RECORDING = "The recording is not finished: press Stop, wait until the clip is shown, then press Transcribe."
REMOVED, OTHER = "Stopped, as its clip was removed.", "Stopped, as another clip took the place of its own."
WHERE = "Where they part: divergence of the quantized model's label probabilities from the original's (KL), 0 where they agree"
SHOW_RESULTS = """() => {
    const texts = document.querySelector('#transcripts'), top = texts.getBoundingClientRect().top;
    const seen = top >= 0 && top < 0.6 * window.innerHeight;
    if (document.querySelector('#cards .aq-card') && !seen) texts.scrollIntoView({behavior: 'smooth', block: 'start'});
}"""
"""Once there are results, bring the transcripts into view where they are not."""
_PRIVATE: dict[str, Any] = {"api_visibility": "private"}
_QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", **_PRIVATE}


@dataclass(frozen=True)
class _Clip:
    """The clip and what goes with it.

    Attributes:
        audio: the clip.
        words: the reference.
        origin: where the reference came from; see ``reference``. Like ``recording`` it is never shown, and lives in the
            browser with what it is about, as ``work`` does: the server remembers nothing of a visitor's page.
        note: what became of the reference.
        recording: whether a recording was begun and not stopped.
        work: id of the last job that this page began.
    """

    audio: gr.Audio
    words: gr.Textbox
    origin: gr.Textbox
    note: gr.HTML
    recording: gr.Checkbox
    work: gr.Textbox


def build() -> choices.PresetControls:
    """Lay the tab out and wire it; returns the controls of the preset, which another tab may set."""
    examples = example_clips()
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            clip = _clip()
            preset = choices.preset_and_settings()
            model, decoder, runs = _details()
            with gr.Row():
                go = gr.Button("Transcribe", variant="primary", elem_id="transcribe")
                stop = gr.Button("Cancel", interactive=False, elem_id="cancel")
            status = gr.HTML(elem_id="status")  # beside the button that was pressed, wherever the page is scrolled to
            chosen = gr.Dataset(
                components=[clip.audio, clip.words],
                samples=[[str(u.path), u.reference] for u in examples],
                sample_labels=[f"{u.reference} ({u.id.split('-')[0]})" for u in examples],
                label="Examples, from speakers that an4 has never heard: click one to run it",
                type="index", samples_per_page=len(examples), elem_id="examples",
            )  # fmt: skip
        with gr.Column(scale=7, min_width=320):
            results = _results_area()

    settings = [preset.name, model, decoder, runs]
    outputs = [clip.work, clip.words, clip.origin, clip.note, clip.audio, *results, status, go, stop]
    own = [clip.audio, clip.words, clip.origin, clip.recording]
    for start, run, inputs in ((go.click, _compare, own), (chosen.click, _compare_example, [chosen])):
        start(run, [*inputs, *settings, *preset.own.all], outputs, **_PRIVATE, **session.HEAVY).then(
            None, js=SHOW_RESULTS, **_PRIVATE
        )
    stop.click(choices.cancel, None, None, queue=False, **_PRIVATE)
    clip.audio.change(
        _changed, [clip.audio, clip.words, clip.origin, clip.work], [clip.words, clip.origin, clip.note],
        trigger_mode="always_last", **_QUIET,
    )  # fmt: skip
    return preset


def _clip() -> _Clip:
    audio = clip_input.build()
    gr.Markdown(UNDERSTANDS, elem_classes="aq-quiet")
    words = gr.Textbox(
        label="What is said (optional)", placeholder="Without it there is no WER, only agreement", elem_id="reference"
    )
    note = gr.HTML(elem_id="reference-note")
    origin, work = gr.Textbox("", visible=False), gr.Textbox("", visible=False)
    recording = gr.Checkbox(False, visible=False)
    words.input(None, audio, [origin, note], js=reference.TYPING, **_PRIVATE)
    audio.start_recording(None, None, recording, js="() => true", **_PRIVATE)
    for ends in (audio.stop_recording, audio.clear, audio.upload):
        ends(None, None, recording, js="() => false", **_PRIVATE)
    return _Clip(audio, words, origin, note, recording, work)


def _details() -> tuple[gr.Dropdown, gr.Radio, gr.Slider]:
    with gr.Accordion("Model, decoder, runs", open=False):
        model, decoder = choices.model_and_decoder()
        runs = gr.Slider(1, MAX_RUNS, value=choices.FIRST_RUNS, step=1, label="Runs of each model (median is shown)")
    return model, decoder, runs


def _results_area() -> list[gr.components.Component]:
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
    return [texts, cards, speed, accuracy, numbers, where, moments, as_json, as_csv]


_SAME = gr.skip()
_HIDDEN = gr.update(visible=False)
_EMPTY = ("", "", _HIDDEN, _HIDDEN, "", _HIDDEN, "", _HIDDEN, _HIDDEN)
"""What the area of results shows where there are none."""
_BUSY = (gr.update(interactive=False), gr.update(interactive=True))
_IDLE = (gr.update(interactive=True), gr.update(interactive=False))


def _changed(clip: str | None, text: str, origin: str, work: str, request: gr.Request) -> tuple[Any, Any, str]:
    """The words that go with the clip that is there now. A job that this page began on another clip is stopped."""
    running = session.running(request.session_hash or "", TAB)
    if running and running.id == work and not (clip and reference.same_clip(running.arguments[0], clip)):
        session.stop(running, OTHER if clip else REMOVED)
    return _shown(reference.fitting(clip, text, origin), text, origin)


def _shown(words: reference.Words, text: str, origin: str) -> tuple[Any, Any, str]:
    """Text, origin and note; what is there already is left alone, as its visitor may be typing."""
    note = f'<p class="aq-quiet">{escape(words.note)}</p>' if words.note else ""
    return _SAME if words.text == text else words.text, _SAME if words.origin == origin else words.origin, note


def _compare(
    clip: str | None,
    text: str,
    origin: str,
    recording: bool,
    preset: str,
    source: str,
    decoder: str,
    runs: int,
    request: gr.Request,
    *own: Any,
) -> Iterator[Any]:
    """Yield the page's outputs as the job on the clip that is there goes on."""
    if recording and not clip:
        yield (*[_SAME] * 14, render.problem(RECORDING), _SAME, _SAME)
        return
    words, shown = reference.Words(text, origin), (_SAME,) * 3
    if clip and origin == reference.EXAMPLE:  # the clip may have changed a moment ago
        words = reference.fitting(clip, text, origin)
        shown = _shown(words, text, origin)
    asked = _Asked(clip, preset, custom.read(*own), words.text, source, decoder, runs)
    yield from _run(asked, request, *shown, _SAME)


def _compare_example(
    index: int, preset: str, source: str, decoder: str, runs: int, request: gr.Request, *own: Any
) -> Iterator[Any]:
    """Put an example and its words where the clip is and yield the page's outputs as the job on it goes on."""
    examples = example_clips()
    if not isinstance(index, int) or not 0 <= index < len(examples):
        problem = render.problem("There is no such example; click one of those that are shown.")
        yield (*[_SAME] * 14, problem, _SAME, _SAME)
        return
    clip, text = str(examples[index].path), examples[index].reference
    asked = _Asked(clip, preset, custom.read(*own), text, source, decoder, runs)
    # An update, as Gradio's client turns one value of a generator into the next in place, the one that the player holds too.
    yield from _run(asked, request, text, reference.EXAMPLE, "", gr.update(value=clip))


@dataclass(frozen=True)
class _Asked:
    """What is asked of the job, in the order of its arguments."""

    clip: str | None
    preset: str
    settings: Custom
    reference: str
    source: str
    decoder: str
    runs: int

    @property
    def preset_in_full(self) -> str:
        """The preset's name, and of ``custom`` what it is."""
        return f"{CUSTOM}: {custom.in_words(self.settings)}" if self.preset == CUSTOM else str(self.preset)


def _run(asked: _Asked, request: gr.Request, *shown: Any) -> Iterator[Any]:
    """Yield the page's outputs as a job goes on: once it has begun its clip and words, which are ``shown``, then results."""
    same, none = (_SAME,) * 5, (_SAME,) * len(_EMPTY)
    heard: dict[str, str] = {}
    for event in session.run(request.session_hash or "", TAB, comparison, *vars(asked).values()):
        match event:
            case session.Begun(id):
                yield (id, *shown, *_EMPTY, render.waiting(), *_BUSY)
            case session.Step(stage, done, total):
                yield (*same, *none, render.progress_bar(stage, done, total), *_BUSY)
            case session.Partial((name, text)):
                heard[name] = text
                notes = {"Quantized": str(asked.preset)}
                texts = "".join(render.transcript(n, escape(t), notes.get(n, "")) for n, t in heard.items())
                yield (*same, f'<div class="aq-transcripts">{texts}</div>', *none[1:], _SAME, *_BUSY)
            case session.Failed(message=message):
                yield (*same, *_EMPTY, render.problem(message), *_IDLE)
            case session.Done(found):
                yield from _results(found, asked)
            case session.Replaced():
                yield gr.skip()


def _results(found: Comparison, asked: _Asked) -> Iterator[tuple[Any, ...]]:
    frame = comparison_table(found)
    with tempfile.TemporaryDirectory() as folder:  # Gradio copies what it serves when the generator is resumed
        as_json, as_csv = Path(folder) / "comparison.json", Path(folder) / "comparison.csv"
        as_json.write_text(json.dumps(comparison_dict(found), indent=1) + "\n", encoding="utf-8")
        frame.to_csv(as_csv, index=False)
        about = render.conditions(found, Path(str(asked.clip)).name, asked.preset_in_full)
        yield (
            *[_SAME] * 5,
            render.transcripts(found),
            render.cards(found),
            gr.update(value=speed_figure(found), visible=True),
            gr.update(value=accuracy_figure(found), visible=True),
            render.table(frame, "Median of the runs (range in brackets)") + about,
            gr.update(value=divergence_figure(found.divergence), visible=True),
            render.table(divergence_table(found.divergence), WHERE),
            gr.update(value=str(as_json), visible=True),
            gr.update(value=str(as_csv), visible=True),
            render.notice("Done."),
            *_IDLE,
        )
