"""The tab "Benchmark": a whole data set, several presets, one picture."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd
from gradio.components import Component

from asrquant.data.bundled import BUNDLED
from asrquant.jobs.benchmark import FOLDER, ZIP, BenchmarkRequest, Data, kinds, most_clips
from asrquant.measure.journal import Entry
from asrquant.measure.report import Report, Row
from asrquant.model.presets import PRESETS
from asrquant.show.report import (
    accuracy_columns,
    bad_table,
    latency_figure,
    latency_table,
    lost_figure,
    lost_words,
    notices_table,
    report_table,
    speed_figure,
    tradeoff_figure,
)
from asrquant.show.report_files import about, write_report
from asrquant.text.metrics import total_errors
from asrquant.text.normalize import BASIC, NORMALIZATIONS
from asrquant.ui import choices, render
from asrquant.ui.own_clips import OwnControls
from asrquant.ui.running import HEAVY, QUICK, Running, Screen, Updates, Values, follow
from asrquant.ui.tab import Setting

TAB = "Benchmark"
FIRST_PRESETS = ("dynamic-int8", "openvino-int8")
_LAST = 6
"""Rows that are shown as they arrive."""
_WELCOME = (
    "Choose data and presets: the table fills clip by clip, then charts show what each preset costs and saves, and four "
    "files can be downloaded."
)


_SPEED = ("preset", "RTF encoder", "encoder speed-up", "p50 / p95 (ms)")
_DEPLOYED = ("preset", "build (s)", "load (s)", "peak (MB)")
_FRESH = "Quantized here; loaded and run on the longest clip in a fresh process: peak memory, in brackets without Python's own"
_FIGURES: dict[str, Callable[[Report], Any]] = {
    "tradeoff": tradeoff_figure, "speed": speed_figure, "latency": latency_figure, "lost": lost_figure,
}  # fmt: skip


@dataclass(frozen=True)
class _Outputs:
    """What is shown of a benchmark.

    Attributes:
        numbers: tables of accuracy and speed; while it runs, what is known so far.
        figures: by the names of ``_FIGURES``.
        tables: latency, lost words, bad rows.
        files: the report, to download.
    """

    numbers: gr.HTML
    figures: dict[str, gr.Plot]
    tables: gr.HTML
    files: gr.File

    @property
    def all(self) -> list[Component]:
        """Outputs of whatever fills them."""
        return [self.numbers, *self.figures.values(), self.tables, self.files]


class _BenchmarkScreen(Screen):
    """What a benchmark shows: a table that fills clip by clip, then everything."""

    def __init__(self, outputs: _Outputs) -> None:
        """Show it there."""
        self._outputs = outputs
        self._rows: list[Row] = []
        self._begun: float | None = None

    def begun(self, job: str) -> Updates:
        """Nothing of an older one."""
        hidden = (*self._outputs.figures.values(), self._outputs.files)
        return {
            self._outputs.numbers: "",
            self._outputs.tables: "",
            **{part: gr.update(visible=False) for part in hidden},
        }

    def step(self, stage: str, done: int, total: int) -> str:
        """Progress, with the time that is left."""
        if stage == "transcribing":
            self._begun = self._begun or time.monotonic()
            left = (time.monotonic() - self._begun) / done * (total - done) if done else None
            stage += "" if left is None else f", about {left:.0f} s left,"
        return super().step(stage, done, total)

    def partial(self, value: Entry) -> Updates:
        """One more clip."""
        self._rows += value.rows
        return {self._outputs.numbers: _so_far(self._rows, value)}

    @contextmanager
    def done(self, value: Report) -> Iterator[Updates]:
        """Tables, charts, files."""
        outputs, lost = self._outputs, _lost(value)
        with tempfile.TemporaryDirectory() as folder:  # Gradio copies what it serves when the generator is resumed
            files = [str(path) for path in write_report(value, Path(folder))]
            yield {
                outputs.numbers: _numbers(value),
                **{
                    outputs.figures[name]: gr.update(value=figure(value), visible=name != "lost" or bool(lost))
                    for name, figure in _FIGURES.items()
                },
                outputs.tables: render.table(latency_table(value), "Latency by clip length")
                + (lost or render.notice("No preset lost a word that the original had right."))
                + (render.table(bad_table(value), "Rows that could not be used") if value.bad else "")
                + (render.table(notices_table(value), "Notices on how clips were read") if value.notices else ""),
                outputs.files: gr.update(value=files, visible=True),
            }

    def last_words(self, value: Report, note: str) -> str:
        """Whether it is the whole."""
        return render.notice(f"{note or 'Cancelled.'} What was done is kept." if value.stopped else "Done.")


@dataclass(frozen=True)
class _Tab:
    """The tab's controls, and what happens when somebody uses them."""

    kind: gr.Radio
    zipped: gr.File
    path: gr.Textbox
    presets: gr.CheckboxGroup
    limit: gr.Number
    deployed: gr.Checkbox
    model: choices.ModelControls
    normalize: gr.Radio
    outputs: _Outputs
    running: Running
    own: OwnControls

    def wire(self) -> None:
        """Let the controls do what they say."""
        self.kind.change(self.show_kind, {self.kind}, [self.zipped, self.path], **QUICK)
        data: set[Component] = {self.kind, self.zipped, self.path, self.limit}
        inputs = {*data, self.presets, self.deployed, self.normalize, *self.model.all, *self.own.all}
        self.running.starts[0].click(self.run, inputs, [*self.outputs.all, *self.running.all], **HEAVY)
        self.running.wire()

    def show_kind(self, values: Values) -> Updates:
        """The control for the kind of data that was chosen."""
        kind = values[self.kind]
        return {self.zipped: gr.update(visible=kind == ZIP), self.path: gr.update(visible=kind == FOLDER)}

    def run(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Run the job."""

        def ask() -> BenchmarkRequest:
            return BenchmarkRequest(
                data=Data.chosen(values[self.kind], values[self.zipped], values[self.path]),
                presets=values[self.presets],
                limit=values[self.limit],
                deployed=values[self.deployed],
                model=self.model.chosen(values, request),
                decoder=values[self.model.decoder],
                own=self.own.read(values),
                normalize=values[self.normalize],
            )

        yield from follow(self.running, _BenchmarkScreen(self.outputs), request, ask)


def build(setting: Setting) -> Setting:
    """Lay the tab out and wire it."""
    usable = [name for name in choices.usable_presets() if PRESETS[name].engine]
    most = most_clips()
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            kind = gr.Radio(kinds(), value=BUNDLED, label="Data", elem_id="bench-data")
            zipped = gr.File(
                label="Zip: clips with a manifest (CSV, TSV, JSON), or in a corpus's layout (LibriSpeech, Kaldi, MLS, TIMIT)",
                file_types=[".zip"], visible=False, elem_id="bench-zip",
            )  # fmt: skip
            path = gr.Textbox(
                label="Path", placeholder="/data/LibriSpeech/dev-clean", visible=False, elem_id="bench-path"
            )
            presets = gr.CheckboxGroup(
                usable, value=[name for name in FIRST_PRESETS if name in usable], elem_id="bench-presets",
                label="Presets, each against the original",
            )  # fmt: skip
            choices.tell_absent_presets()
            limit = gr.Number(10, step=1, label=f"Clips at most (up to {most})", elem_id="bench-limit")
            deployed = gr.Checkbox(
                True,
                label="Load time and peak memory too (a fresh process each, some seconds)",
                elem_id="bench-deployed",
            )
            with gr.Accordion("Model, decoder, normalization", open=False):
                model = choices.model_and_decoder("bench-")
                normalize = gr.Radio(
                    [(f"{name}: {what}", name) for name, what in NORMALIZATIONS.items()], value=BASIC.name,
                    label="Normalization of both texts before they are compared", elem_id="bench-normalize",
                )  # fmt: skip
            with gr.Row():
                go = gr.Button("Run", variant="primary", elem_id="bench-run")
                stop = gr.Button("Cancel", interactive=False, elem_id="bench-cancel")
            status = gr.HTML(elem_id="bench-status")
        with gr.Column(scale=7, min_width=320):
            numbers = gr.HTML(render.notice(_WELCOME), elem_id="bench-numbers")
            figures = {name: gr.Plot(show_label=False, visible=False, elem_id=f"bench-{name}") for name in _FIGURES}
            tables = gr.HTML(elem_id="bench-tables")
            files = gr.File(
                label="Download", file_count="multiple", interactive=False, visible=False, elem_id="bench-files"
            )
    outputs = _Outputs(numbers, figures, tables, files)
    running = Running(TAB, (go,), stop, status)
    _Tab(kind, zipped, path, presets, limit, deployed, model, normalize, outputs, running, setting.own).wire()
    return replace(setting, models=(*setting.models, model), boxes=(*setting.boxes, presets))


def _so_far(rows: list[Row], entry: Entry) -> str:
    """What is known after some clips, and the last of them."""
    totals = []
    for name in dict.fromkeys(row.preset for row in rows):
        mine = [row for row in rows if row.preset == name]
        errors = total_errors(row.errors for row in mine)
        rates = ("n/a" if rate is None else f"{rate:.1f}" for rate in (errors.wer, errors.cer))
        rtf = sum(row.encoder_seconds for row in mine) / sum(row.audio_seconds for row in mine)
        totals.append((name, len(mine), *rates, f"{rtf:.4f}"))
    last = [(row.utterance, row.preset, row.hypothesis) for row in reversed(rows[-_LAST:])]
    note = f"<p class='aq-quiet'>{escape(entry.utterance)}: {escape(entry.bad)}</p>" if entry.bad else ""
    return (
        render.table(
            pd.DataFrame(totals, columns=["preset", "clips", "WER so far (%)", "CER so far (%)", "RTF encoder so far"]),
            "So far",
        )
        + note
        + render.table(pd.DataFrame(last, columns=["clip", "preset", "heard"]), "The last clips")
    )


def _numbers(found: Report) -> str:
    table = report_table(found)
    return (
        render.table(
            table[[*accuracy_columns(found), "size (MB)"]], "Accuracy, with 95 % intervals by bootstrap over clips"
        )
        + render.table(table[list(_SPEED)], "Speed")
        + (render.table(table[list(_DEPLOYED)], _FRESH) if any(each.deployment for each in found.summaries) else "")
        + f'<p class="aq-quiet">{escape(about(found))}.</p>'
        + (f'<p class="aq-quiet">{escape(found.raced)}</p>' if found.raced else "")
        + "".join(render.problem(notice) for notice in found.calibration_notices)
    )


def _lost(found: Report) -> str:
    """Words that each preset lost; empty where none did."""
    return "".join(
        render.table(table, f"Words that {summary.preset} lost")
        for summary in found.summaries[1:]
        if len(table := lost_words(found, summary.preset, 10))
    )
