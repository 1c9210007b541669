"""The tab "Benchmark": a whole data set, several presets, one picture."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from asrquant.data.bundled import BUNDLED
from asrquant.jobs.benchmark import FOLDER, ZIP, kinds, most_clips, report
from asrquant.measure.journal import Entry
from asrquant.measure.report import Report, Row
from asrquant.model.presets import PRESETS
from asrquant.show.report import (
    bad_table,
    latency_figure,
    latency_table,
    moved_figure,
    moved_words,
    report_table,
    speed_figure,
    tradeoff_figure,
)
from asrquant.show.report_files import about, write_report
from asrquant.text.metrics import total_errors
from asrquant.ui import choices, render, session

TAB = "Benchmark"
FIRST_PRESETS = ("dynamic-int8", "openvino-int8")
_LAST = 6
"""Rows that are shown as they arrive."""
_WELCOME = (
    "Choose data and presets: the table fills clip by clip, then charts show what each preset costs and saves, and four "
    "files can be downloaded."
)


def build() -> None:
    """Lay the tab out and wire it."""
    usable = [name for name in choices.usable_presets() if PRESETS[name].engine]
    most = most_clips()
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            kind = gr.Radio(kinds(), value=BUNDLED, label="Data", elem_id="bench-data")
            zipped = gr.File(
                label="Zip: clips and transcripts in LibriSpeech's layout, or with a .csv, .tsv or .jsonl manifest",
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
            with gr.Accordion("Model, decoder", open=False):
                model, decoder = choices.model_and_decoder("bench-")
            with gr.Row():
                go = gr.Button("Run", variant="primary", elem_id="bench-run")
                stop = gr.Button("Cancel", interactive=False, elem_id="bench-cancel")
            status = gr.HTML(elem_id="bench-status")
        with gr.Column(scale=7, min_width=320):
            numbers = gr.HTML(render.notice(_WELCOME), elem_id="bench-numbers")
            figures = [gr.Plot(show_label=False, visible=False, elem_id=f"bench-{name}") for name in _FIGURES]
            tables = gr.HTML(elem_id="bench-tables")
            files = gr.File(
                label="Download", file_count="multiple", interactive=False, visible=False, elem_id="bench-files"
            )
    private: dict[str, Any] = {"api_visibility": "private"}
    kind.change(
        lambda chosen: (gr.update(visible=chosen == ZIP), gr.update(visible=chosen == FOLDER)), kind, [zipped, path],
        queue=False, show_progress="hidden", **private,
    )  # fmt: skip
    go.click(
        _run, [kind, zipped, path, presets, limit, deployed, model, decoder],
        [numbers, *figures, tables, files, status, go, stop],
        **private, **session.HEAVY,
    )  # fmt: skip
    stop.click(choices.cancel, None, None, queue=False, **private)


_ACCURACY = ("preset", "WER (%)", "change (points)", "size (MB)")
_SPEED = ("preset", "RTF encoder", "encoder speed-up", "p50 / p95 (ms)")
_DEPLOYED = ("preset", "build (s)", "load (s)", "peak (MB)")
_FRESH = "Quantized here; loaded and run on the longest clip in a fresh process: peak memory, in brackets without Python's own"
_FIGURES: dict[str, Callable[[Report], Any]] = {
    "tradeoff": tradeoff_figure, "speed": speed_figure, "latency": latency_figure, "moved": moved_figure,
}  # fmt: skip


def _run(
    kind: str,
    zipped: str | None,
    path: str,
    presets: list[str],
    limit: int,
    deployed: bool,
    source: str,
    decoder: str,
    request: gr.Request,
) -> Iterator[tuple[Any, ...]]:
    """Yield the tab's outputs as the job goes on."""
    busy = (gr.update(interactive=False), gr.update(interactive=True))
    idle = (gr.update(interactive=True), gr.update(interactive=False))
    same, hidden = gr.skip(), gr.update(visible=False)
    rest = len(_FIGURES) + 2
    rows: list[Row] = []
    begun: float | None = None
    asked = (kind, zipped, path, presets, limit, deployed, source, decoder)
    for event in session.run(request.session_hash or "", TAB, report, *asked):
        match event:
            case session.Begun():
                yield ("", *[hidden] * len(_FIGURES), "", hidden, render.waiting(), *busy)
            case session.Step(stage, done, total):
                if stage == "transcribing":
                    begun = begun or time.monotonic()
                    left = (time.monotonic() - begun) / done * (total - done) if done else None
                    stage += "" if left is None else f", about {left:.0f} s left,"
                yield (*[same] * (rest + 1), render.progress_bar(stage, done, total), *busy)
            case session.Partial(entry):
                rows += entry.rows
                yield (_so_far(rows, entry), *[same] * rest, same, *busy)
            case session.Failed(message=message):
                yield (*[same] * (rest + 1), render.problem(message), *idle)
            case session.Done(found, note):
                yield from _results(found, note, idle)
            case session.Replaced():
                yield gr.skip()


def _so_far(rows: list[Row], entry: Entry) -> str:
    """What is known after some clips, and the last of them."""
    totals = []
    for name in dict.fromkeys(row.preset for row in rows):
        mine = [row for row in rows if row.preset == name]
        wer = total_errors(row.errors for row in mine).wer
        rtf = sum(row.encoder_seconds for row in mine) / sum(row.audio_seconds for row in mine)
        totals.append((name, len(mine), "n/a" if wer is None else f"{wer:.1f}", f"{rtf:.4f}"))
    last = [(row.utterance, row.preset, row.hypothesis) for row in reversed(rows[-_LAST:])]
    note = f"<p class='aq-quiet'>{escape(entry.utterance)}: {escape(entry.bad)}</p>" if entry.bad else ""
    return (
        render.table(
            pd.DataFrame(totals, columns=["preset", "clips", "WER so far (%)", "RTF encoder so far"]), "So far"
        )
        + note
        + render.table(pd.DataFrame(last, columns=["clip", "preset", "heard"]), "The last clips")
    )


def _results(found: Report, note: str, idle: tuple[Any, Any]) -> Iterator[tuple[Any, ...]]:
    lost = "".join(
        render.table(table, f"Words that {summary.preset} lost")
        for summary in found.summaries[1:]
        if len(table := moved_words(found, summary.preset, 10))
    )
    table = report_table(found)
    with tempfile.TemporaryDirectory() as folder:  # Gradio copies what it serves when the generator is resumed
        files = [str(path) for path in write_report(found, Path(folder))]
        yield (
            render.table(table[list(_ACCURACY)], "Accuracy, with 95 % intervals by bootstrap over clips")
            + render.table(table[list(_SPEED)], "Speed")
            + (render.table(table[list(_DEPLOYED)], _FRESH) if any(s.deployment for s in found.summaries) else "")
            + f'<p class="aq-quiet">{escape(about(found))}.</p>',
            *(
                gr.update(value=figure(found), visible=name != "moved" or bool(lost))
                for name, figure in _FIGURES.items()
            ),
            render.table(latency_table(found), "Latency by clip length")
            + (lost or render.notice("No preset lost a word that the original had right."))
            + (render.table(bad_table(found), "Rows that could not be used") if found.bad else ""),
            gr.update(value=files, visible=True),
            render.notice(f"{note or 'Cancelled.'} What was done is kept." if found.stopped else "Done."),
            *idle,
        )
