"""The tab "Compare": one clip, the original and a quantized model side by side."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from asrquant.charts import accuracy_figure, comparison_table, speed_figure
from asrquant.charts.divergence import divergence_figure, divergence_table
from asrquant.compare import Comparison, comparison_dict
from asrquant.dataset import example_clips
from asrquant.jobs.compare import MAX_RUNS, comparison
from asrquant.presets import PRESETS
from asrquant.ui import choices, clip, render, session

SENTENCES = ("ENTER FIVE SEVEN TWO", "J O H N", "RUBOUT T K L SIXTY FOUR", "MARCH TENTH NINETEEN SEVENTY ONE", "STOP")
UNDERSTANDS = (
    "The embedded model understands **spelled letters, numbers, dates and a few commands** (ENTER, ERASE, RUBOUT, REPEAT, "
    "STOP, GO, YES, NO), and nothing else. Read one of these aloud: " + ", ".join(f"*{s}*" for s in SENTENCES) + "."
)
WHERE = "Where they part: divergence of the quantized model's label probabilities from the original's (KL), 0 where they agree"
SHOW_RESULTS = """() => {
    const texts = document.querySelector('#transcripts'), top = texts.getBoundingClientRect().top;
    const seen = top >= 0 && top < 0.6 * window.innerHeight;
    if (document.querySelector('#cards .aq-card') && !seen) texts.scrollIntoView({behavior: 'smooth', block: 'start'});
}"""
"""Once there are results, bring the transcripts into view where they are not."""


def build() -> choices.PresetControls:
    """Lay the tab out and wire it; returns the controls of the preset, which another tab may set."""
    examples = example_clips()
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            audio, reference, preset = _clip_and_preset()
            model, decoder, runs = _details()
            with gr.Row():
                go = gr.Button("Transcribe", variant="primary", elem_id="transcribe")
                stop = gr.Button("Cancel", interactive=False, elem_id="cancel")
            status = gr.HTML(elem_id="status")  # beside the button that was pressed, wherever the page is scrolled to
            chosen = gr.Dataset(
                components=[audio, reference],
                samples=[[str(u.path), u.reference] for u in examples],
                sample_labels=[f"{u.reference} ({u.id.split('-')[0]})" for u in examples],
                label="Examples, from speakers that an4 has never heard: click one to run it",
                type="index", samples_per_page=len(examples), elem_id="examples",
            )  # fmt: skip
        with gr.Column(scale=7, min_width=320):
            results = _results_area()

    asked = [audio, preset.name, reference, model, decoder, runs]
    wanted, outputs = [*asked, preset.settings], [*results, status, go, stop]
    private = {"api_visibility": "private"}
    pick = chosen.click(
        _example, chosen, [audio, reference],
        queue=False, **private,
    )  # fmt: skip
    for start in (go.click, pick.then):
        start(_compare, wanted, outputs, **private, **session.HEAVY).then(None, js=SHOW_RESULTS, **private)
    stop.click(choices.cancel, None, None, queue=False, **private)

    gr.Button(visible=False).click(_answer, asked, gr.JSON(visible=False), api_name="compare", **session.HEAVY)
    gr.api(_presets, api_name="presets", queue=False)
    return preset


def _example(index: int) -> tuple[str, str]:
    """The clip and the words of an example."""
    examples = example_clips()
    if not isinstance(index, int) or not 0 <= index < len(examples):
        raise gr.Error("There is no such example; click one of those that are shown.", print_exception=False)
    return str(examples[index].path), examples[index].reference


def _clip_and_preset() -> tuple[gr.Audio, gr.Textbox, choices.PresetControls]:
    audio = clip.build()
    gr.Markdown(UNDERSTANDS, elem_classes="aq-quiet")
    reference = gr.Textbox(
        label="What is said (optional)", placeholder="Without it there is no WER, only agreement", max_length=2000,
        elem_id="reference",
    )  # fmt: skip
    return audio, reference, choices.preset_and_settings()


def _details() -> tuple[gr.Dropdown, gr.Radio, gr.Slider]:
    with gr.Accordion("Model, decoder, runs", open=False):
        model, decoder = choices.model_and_decoder()
        runs = gr.Slider(1, MAX_RUNS, value=3, step=1, label="Runs of each model (median is shown)")
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


def _compare(
    path: str | None,
    preset: str,
    reference: str,
    source: str,
    decoder: str,
    runs: int,
    settings: dict[str, Any],
    request: gr.Request,
) -> Iterator[tuple[Any, ...]]:
    """Yield the page's outputs as the job goes on."""
    same = gr.skip()
    busy = (gr.update(interactive=False), gr.update(interactive=True))
    idle = (gr.update(interactive=True), gr.update(interactive=False))
    hidden = gr.update(visible=False)
    waiting = render.progress_bar("waiting for a turn", 0, 1)
    yield ("", "", hidden, hidden, "", hidden, "", hidden, hidden, waiting, *busy)
    heard: dict[str, str] = {}
    asked = (path, preset, settings, reference, source, decoder, runs)
    for event in session.run(request.session_hash or "", comparison, *asked):
        match event:
            case session.Step(stage, done, total):
                yield (*[same] * 9, render.progress_bar(stage, done, total), *busy)
            case session.Partial((name, text)):
                heard[name] = text
                shown = "".join(render.transcript(n, escape(t)) for n, t in heard.items())
                yield (f'<div class="aq-transcripts">{shown}</div>', *[same] * 9, *busy)
            case session.Failed(message=message):
                yield (*[same] * 9, render.problem(message), *idle)
            case session.Done(found):
                yield from _results(found, idle)


def _results(found: Comparison, idle: tuple[Any, Any]) -> Iterator[tuple[Any, ...]]:
    frame = comparison_table(found)
    with tempfile.TemporaryDirectory() as folder:  # Gradio copies what it serves when the generator is resumed
        as_json, as_csv = Path(folder) / "comparison.json", Path(folder) / "comparison.csv"
        as_json.write_text(json.dumps(comparison_dict(found), indent=1) + "\n", encoding="utf-8")
        frame.to_csv(as_csv, index=False)
        numbers = render.table(frame, "Median of the runs (range in brackets)") + render.conditions(found)
        yield (
            render.transcripts(found),
            render.cards(found),
            gr.update(value=speed_figure(found), visible=True),
            gr.update(value=accuracy_figure(found), visible=True),
            numbers,
            gr.update(value=divergence_figure(found.divergence), visible=True),
            render.table(divergence_table(found.divergence), WHERE),
            gr.update(value=str(as_json), visible=True),
            gr.update(value=str(as_csv), visible=True),
            render.notice("Done."),
            *idle,
        )


def _answer(
    path: str | None, preset: str, reference: str, source: str, decoder: str, runs: int, request: gr.Request
) -> Iterator[Any]:
    """Compare the original and a quantized model on a clip; returns the numbers that the page shows."""
    # A generator, as Gradio stops nothing else when the caller hangs up.
    for event in session.run(
        request.session_hash or "", comparison, path, preset, {}, reference, source, decoder, runs
    ):
        match event:
            case session.Failed(message=message):
                raise gr.Error(escape(message, quote=False), print_exception=False)
            case session.Done(found):
                yield comparison_dict(found)
            case _:
                yield gr.skip()


def _presets() -> dict[str, str]:
    """The presets by name, with what each does."""
    return {name: preset.summary for name, preset in PRESETS.items()}
