"""The tab "Export": a quantized model to take home, and those that were made before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from asrquant.base.errors import AsrQuantError, ExportError
from asrquant.base.policy import policy
from asrquant.engines.registry import formats, unavailable
from asrquant.export.card import loading
from asrquant.jobs.export import artifact, exports
from asrquant.model.presets import PRESETS
from asrquant.ui import choices, custom, render, session
from asrquant.ui.visitor import Visitor

TAB = "Export"
_STEPS = {
    "quantize": ("starting", "loading the model", "copying the encoder", "calibrating"),
    "measure": ("transcribing",),
    "save": ("waiting for another export", "saving", "running the model"),
    "load back and compare": ("loading it back in a fresh process",),
    "pack": ("packing (MB)", "keeping"),
}
"""What the visitor sees of a job, and the stages that it reports."""


def build(page: gr.Blocks, visitor: Visitor) -> None:
    """Lay the tab out and wire it.

    Args:
        page: that the tab is in.
        visitor: whose secret names the folder of their artifacts on a public page.
    """
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            controls = choices.preset_and_settings("export-")
            preset = controls.name
            form = gr.Radio(_all_formats(), value="torchscript", label="Format", elem_id="format")
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
    gr.on([page.load, preset.change], _offer, [preset, form], form, queue=False, show_progress="hidden", **private)
    listed = _existing(visitor)
    go.click(
        _build, [preset, form, measure, model, decoder, visitor.secret, *controls.own.all],
        [about, zipped, code, files, listed, status, go, stop], **private, **session.HEAVY,
    )  # fmt: skip
    stop.click(choices.cancel, None, None, queue=False, **private)


_WELCOME = (
    "Choose a preset and a format: the model is quantized, saved, loaded back in a fresh process and compared with the one in "
    "memory. What passes can be downloaded here."
)


def _formats(preset: str) -> list[tuple[str, str]]:
    known = PRESETS.get(str(preset), PRESETS["original"])
    if unavailable(known):
        return []
    return [(f"{form.name}: {form.summary}", form.name) for form in formats(known)]


def _all_formats() -> list[tuple[str, str]]:
    """Those of all presets. The server must know them all: it forgets, sooner than a page is left, what it has offered there."""
    return list({name: (label, name) for preset in PRESETS for label, name in _formats(preset)}.values())


def _offer(preset: str, chosen: str | None) -> Any:
    """The preset's formats; the one that was chosen stays, if it is among them."""
    offered = _formats(preset)
    names = [name for _, name in offered]
    return gr.update(choices=offered, value=chosen if chosen in names else next(iter(names), None))


def _existing(visitor: Visitor) -> gr.HTML:
    """Lay out the artifacts that exist, each with download and delete; returns their list."""
    kept = policy().artifacts_kept_seconds
    note = f"; they are removed after {kept // 60} minutes" if kept else ""
    gr.HTML(f"<h2>Your artifacts{note}</h2>", elem_classes="aq-head")
    taken = gr.DownloadButton(visible="hidden", elem_id="taken")
    forgetful = gr.HTML(elem_id="forgetful")
    listed = gr.HTML(js_on_load=_BUTTONS, elem_id="artifacts")
    status = gr.HTML(elem_id="list-status")
    quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    secret = visitor.secret
    secret.change(_list, secret, listed, **quick)
    secret.change(_how_long, visitor.kept, forgetful, **quick)
    listed.take(_take, secret, [taken, status], **quick).then(None, js=_START, api_visibility="private")
    listed.delete(_delete, secret, [listed, status], **quick)
    return listed


_BUTTONS = """element.addEventListener('click', event => {
    const button = event.target.closest('button[data-act]');
    if (!button) return;
    const act = button.dataset.act, wanted = {name: button.dataset.name};
    if (act === 'take') trigger('take', wanted);
    else if (act === 'delete') trigger('delete', wanted);
    else {
        const row = button.closest('.aq-artifact');
        row.classList.toggle('aq-doubtful', act === 'ask');
        row.querySelector(act === 'ask' ? '[data-act=keep]' : '[data-act=ask]').focus();
    }
})"""
"""What the buttons of the list do; whether somebody is sure is asked in the browser, which knows it as long as it shows it."""
_START = (
    """() => { const link = document.querySelector('#taken'); if (link) (link.querySelector('a') || link).click(); }"""
)
"""Start the download that was just made ready."""


_FORGETFUL = (
    "This browser keeps nothing for the page here, so an artifact is found again only until the page is closed or reloaded: "
    "download what you build before."
)


def _how_long(kept: bool) -> str:
    return "" if kept or not policy().own_artifacts_only else f'<p class="aq-quiet">{_FORGETFUL}</p>'


def _list(visitor: str) -> str:
    try:
        return render.artifacts(exports(visitor).artifacts())
    except ExportError as error:
        return render.problem(str(error))


def _name(event: gr.EventData) -> str:
    """Whose button it was; empty where the event is forged."""
    return str(event._data.get("name", "")) if isinstance(event._data, dict) else ""


def _take(visitor: str, event: gr.EventData) -> tuple[Any, str]:
    try:
        return gr.update(value=str(exports(visitor).artifact(_name(event)).zip)), ""
    except AsrQuantError as error:
        return gr.update(value=None), render.problem(str(error))


def _delete(visitor: str, event: gr.EventData) -> tuple[str, str]:
    try:
        exports(visitor).delete(_name(event))
    except AsrQuantError as error:
        return _list(visitor), render.problem(str(error))
    return _list(visitor), ""


def _build(
    preset: str,
    form: str,
    measure: bool,
    source: str,
    decoder: str,
    visitor: str,
    request: gr.Request,
    *own: Any,
) -> Iterator[Any]:
    """Yield the tab's outputs as the job goes on."""
    busy = (gr.update(interactive=False), gr.update(interactive=True))
    idle = (gr.update(interactive=True), gr.update(interactive=False))
    same, hidden = gr.skip(), gr.update(visible=False)
    asked = (preset, custom.read(*own), form, measure, source, decoder, visitor)
    for event in session.run(request.session_hash or "", TAB, artifact, *asked):
        match event:
            case session.Begun():
                yield ("", hidden, hidden, "", same, render.waiting(), *busy)
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
                    _list(visitor),
                    render.notice("Done: verified and ready to download."),
                    *idle,
                )
            case session.Replaced():
                yield gr.skip()
