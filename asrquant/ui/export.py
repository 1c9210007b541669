"""The tab "Export": a quantized model to take home, and those that were made before."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import gradio as gr

from asrquant.compat import on_a_space
from asrquant.engines import formats, unavailable
from asrquant.errors import AsrQuantError, ExportError
from asrquant.export.card import loading
from asrquant.jobs.export import KEPT_SECONDS, artifact, exports
from asrquant.presets import PRESETS
from asrquant.ui import choices, render, session

_STEPS = {
    "quantize": ("starting", "loading the model", "copying the encoder", "calibrating"),
    "measure": ("transcribing",),
    "save": ("waiting for another export", "saving", "running the model"),
    "load back and compare": ("loading it back in a fresh process",),
    "pack": ("packing (MB)", "keeping"),
}
"""What the visitor sees of a job, and the stages that it reports."""


def build(page: gr.Blocks, visitor: gr.BrowserState) -> None:
    """Lay the tab out and wire it.

    Args:
        page: that the tab is in.
        visitor: a secret of the browser's, which names the folder of its artifacts on a public page. It must lie outside
            the tabs: a browser does not read it before it shows the tab that it is in.
    """
    changed, asked = gr.State(0), gr.State("")
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            controls = choices.preset_and_settings("export-")
            preset, settings = controls.name, controls.settings
            form = gr.Radio(_formats(choices.FIRST_PRESET), value="torchscript", label="Format", elem_id="format")
            measure = gr.Checkbox(
                True, label="Measure WER and speed on the bundled clips for the model card", elem_id="measure"
            )
            with gr.Accordion("Model, decoder", open=False):
                model, decoder = choices.model_and_decoder("export-")
            with gr.Row():
                go = gr.Button("Build artifact", variant="primary", elem_id="build")
                stop = gr.Button("Cancel", interactive=False, elem_id="export-cancel")
            status = gr.HTML(elem_id="export-status")
        with gr.Column(scale=7, min_width=320):
            about = gr.HTML(render.notice(_WELCOME), elem_id="manifest")
            zipped = gr.DownloadButton("Download", visible=False, variant="primary", elem_id="zip")
            code = gr.Code(
                label="Load it", language="python", interactive=False, visible=False, show_line_numbers=False,
                wrap_lines=True, elem_id="code",
            )  # fmt: skip
            files = gr.HTML(elem_id="files")
    private: dict[str, Any] = {"api_visibility": "private"}
    preset.change(_offer, [preset, form], form, queue=False, show_progress="hidden", **private)
    page.load(lambda known: known or secrets.token_hex(16), visitor, visitor, queue=False, **private)
    go.click(
        _build, [preset, settings, form, measure, model, decoder, visitor, changed],
        [about, zipped, code, files, changed, status, go, stop], **private, **session.HEAVY,
    )  # fmt: skip
    stop.click(choices.cancel, None, None, queue=False, **private)
    _existing(visitor, changed, asked, private)


_WELCOME = (
    "Choose a preset and a format: the model is quantized, saved, loaded back in a fresh process and compared with the one in "
    "memory. What passes can be downloaded here."
)


def _formats(preset: str) -> list[tuple[str, str]]:
    known = PRESETS.get(str(preset), PRESETS["original"])
    if unavailable(known):
        return []
    return [(f"{form.name}: {form.summary}", form.name) for form in formats(known)]


def _offer(preset: str, chosen: str | None) -> Any:
    """The preset's formats; the one that was chosen stays, if it is among them."""
    offered = _formats(preset)
    names = [name for _, name in offered]
    return gr.update(choices=offered, value=chosen if chosen in names else next(iter(names), None))


def _existing(visitor: gr.BrowserState, changed: gr.State, asked: gr.State, private: dict[str, Any]) -> None:
    """The artifacts that exist, each with download and delete."""
    note = f"; they are removed after {KEPT_SECONDS // 60} minutes" if on_a_space() else ""
    gr.HTML(f"<h2>Your artifacts{note}</h2>", elem_classes="aq-head")
    taken = gr.DownloadButton(visible="hidden", elem_id="taken")

    triggers = [visitor.change, changed.change, asked.change]

    @gr.render([visitor, changed, asked], triggers=triggers, show_progress="hidden")  # type: ignore[untyped-decorator]
    def show(visitor_: str, count: int, doubtful: str) -> None:
        try:
            found = exports(visitor_).artifacts()
        except ExportError:
            found = ()
        if not found:
            gr.HTML(render.notice("None yet."), elem_id="no-artifacts")
        for each in found:
            with gr.Row(elem_classes="aq-artifact", equal_height=True):
                gr.HTML(render.artifact_line(each), min_width=200)
                with gr.Row(scale=0, elem_classes="aq-buttons"):
                    _row_buttons(each.name, each.name == doubtful, count)

    def _row_buttons(name: str, doubtful: bool, count: int) -> None:
        small: dict[str, Any] = {"size": "sm", "min_width": 90}
        quick = {"show_progress": "hidden", **private}  # through the queue, as a state changes only there
        if doubtful:
            sure, keep = gr.Button("Delete it", variant="stop", **small), gr.Button("Keep it", **small)
            sure.click(lambda v: (_delete(v, name), count + 1, ""), visitor, [status_, changed, asked], **quick)
            keep.click(lambda: "", None, asked, **quick)
            return
        get, delete = gr.Button("Download", **small), gr.Button("Delete", **small)
        get.click(lambda v: _take(v, name), visitor, [taken, status_], **quick).then(None, js=_START, **private)
        delete.click(lambda: name, None, asked, **quick)

    status_ = gr.HTML(elem_id="list-status")


_START = (
    """() => { const link = document.querySelector('#taken'); if (link) (link.querySelector('a') || link).click(); }"""
)
"""Start the download that was just made ready."""


def _take(visitor: str, name: str) -> tuple[Any, str]:
    try:
        return gr.update(value=str(exports(visitor).artifact(name).zip)), ""
    except AsrQuantError as error:
        return gr.update(value=None), render.problem(str(error))


def _delete(visitor: str, name: str) -> str:
    try:
        exports(visitor).delete(name)
    except AsrQuantError as error:
        return render.problem(str(error))
    return ""


def _build(
    preset: str,
    settings: dict[str, Any],
    form: str,
    measure: bool,
    source: str,
    decoder: str,
    visitor: str,
    count: int,
    request: gr.Request,
) -> Iterator[tuple[Any, ...]]:
    """Yield the tab's outputs as the job goes on."""
    busy = (gr.update(interactive=False), gr.update(interactive=True))
    idle = (gr.update(interactive=True), gr.update(interactive=False))
    same, hidden = gr.skip(), gr.update(visible=False)
    yield ("", hidden, hidden, "", same, render.progress_bar("waiting for a turn", 0, 1), *busy)
    asked = (preset, settings, form, measure, source, decoder, visitor)
    for event in session.run(request.session_hash or "", artifact, *asked):
        match event:
            case session.Step(stage, done, total):
                yield (*[same] * 5, render.steps(_STEPS, stage) + render.progress_bar(stage, done, total), *busy)
            case session.Failed(message=message):
                yield (*[same] * 5, render.problem(message), *idle)
            case session.Done(found):
                yield (
                    render.manifest(found),
                    gr.update(value=str(found.zip), label=f"Download {found.zip.name}", visible=True),
                    gr.update(value=loading(found.manifest, found.name), visible=True),
                    render.files(found),
                    count + 1,
                    render.notice("Done: verified and ready to download."),
                    *idle,
                )
