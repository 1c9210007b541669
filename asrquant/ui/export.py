"""The tab "Export": a quantized model to take home, and those that were made before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from gradio.components import Component

from asrquant.engines.registry import formats, unavailable
from asrquant.export.card import loading
from asrquant.export.store import Artifact
from asrquant.jobs.export import ExportRequest
from asrquant.model.presets import PRESETS
from asrquant.ui import artifacts, choices, render
from asrquant.ui.artifacts import Artifacts
from asrquant.ui.own_clips import OwnControls
from asrquant.ui.running import HEAVY, QUICK, Running, Screen, Updates, Values, follow
from asrquant.ui.tab import Setting

TAB = "Export"
_STEPS = {
    "quantize": ("starting", "loading the model", "copying the encoder", "calibrating"),
    "measure": ("transcribing",),
    "save": ("waiting for another export", "saving", "running the model"),
    "load back and compare": ("loading it back in a fresh process", "opening the page in a browser"),
    "pack": ("packing (MB)", "keeping"),
}
"""What the visitor sees of a job, and the stages that it reports."""
_WELCOME = (
    "Choose a preset and a format: the model is quantized, saved, loaded back in a fresh process and compared with the one in "
    "memory. What passes can be downloaded here."
)


@dataclass(frozen=True)
class _Outputs:
    """What is shown of an artifact."""

    about: gr.HTML
    zipped: gr.DownloadButton
    code: gr.Code
    files: gr.HTML


class _ExportScreen(Screen):
    """What an export shows: its steps, then the artifact."""

    def __init__(self, outputs: _Outputs, kept: Artifacts, values: Values) -> None:
        """Show it there; ``values`` say whose the artifact is."""
        self._outputs, self._kept, self._values = outputs, kept, values

    def begun(self, job: str) -> Updates:
        """Nothing of an older one."""
        hidden = gr.update(visible=False)
        outputs = self._outputs
        return {outputs.about: "", outputs.zipped: hidden, outputs.code: hidden, outputs.files: ""}

    def step(self, stage: str, done: int, total: int) -> str:
        """Which of the steps it is, and how far."""
        return render.steps(_STEPS, stage) + super().step(stage, done, total)

    def done(self, value: Artifact) -> AbstractContextManager[Updates]:
        """The artifact, and the list with it."""
        outputs = self._outputs
        return nullcontext(
            {
                outputs.about: render.manifest(value),
                outputs.zipped: gr.update(value=str(value.zip), label=f"Download {value.zip.name}", visible=True),
                outputs.code: gr.update(value=loading(value.manifest, value.name), visible=True),
                outputs.files: render.files(value),
                self._kept.listed: self._kept.rendered(self._values),
            }
        )

    def last_words(self, value: Artifact, note: str) -> str:
        """That it can be trusted."""
        return render.notice("Done: verified and ready to download.")


@dataclass(frozen=True)
class _Tab:
    """The tab's controls, and what happens when somebody uses them."""

    preset: choices.PresetControls
    format: gr.Radio
    measure: gr.Checkbox
    model: choices.ModelControls
    outputs: _Outputs
    kept: Artifacts
    running: Running
    own: OwnControls

    def wire(self, page: gr.Blocks) -> None:
        """Let the controls do what they say.

        Args:
            page: that the tab is in.
        """
        chosen = {self.preset.name, self.format}
        gr.on([page.load, self.preset.name.change], self.offer, chosen, [self.format], **QUICK)
        inputs = {*self.preset.all, self.format, self.measure, *self.model.all, self.kept.visitor.secret, *self.own.all}
        outputs: list[Component] = [*vars(self.outputs).values(), self.kept.listed]
        self.running.starts[0].click(self.run, inputs, [*outputs, *self.running.all], **HEAVY)
        self.running.wire()

    def offer(self, values: Values) -> Updates:
        """The preset's formats; the one that was chosen stays, if it is among them."""
        offered = _formats(values[self.preset.name])
        names = [name for _, name in offered]
        if values[self.format] in names:  # and another may have been chosen meanwhile
            return {self.format: gr.update(choices=offered)}
        return {self.format: gr.update(choices=offered, value=next(iter(names), None))}

    def run(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Run the job."""

        def ask() -> ExportRequest:
            return ExportRequest(
                preset=self.preset.chosen(values),
                format=values[self.format],
                measure=values[self.measure],
                model=self.model.chosen(values, request),
                decoder=values[self.model.decoder],
                visitor=values[self.kept.visitor.secret],
                own=self.own.read(values),
            )

        yield from follow(self.running, _ExportScreen(self.outputs, self.kept, values), request, ask)


def build(setting: Setting) -> Setting:
    """Lay the tab out and wire it."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            preset = choices.preset_and_settings(TAB, "export-")
            form = gr.Radio(_all_formats(), value="torchscript", label="Format", elem_id="format")
            measure = gr.Checkbox(
                True, label="Measure WER and speed on the bundled clips for the model card", elem_id="measure"
            )
            with gr.Accordion("Model, decoder", open=False):
                model = choices.model_and_decoder("export-")
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
    kept = artifacts.build(setting.visitor)
    outputs, running = _Outputs(about, zipped, code, files), Running(TAB, (go,), stop, status)
    _Tab(preset, form, measure, model, outputs, kept, running, setting.own).wire(setting.page)
    return replace(setting, models=(*setting.models, model), presets=(*setting.presets, preset))


def _formats(preset: Any) -> list[tuple[str, str]]:
    known = PRESETS.get(str(preset), PRESETS["original"])
    if unavailable(known):
        return []
    return [(f"{form.name}: {form.summary}", form.name) for form in formats(known)]


def _all_formats() -> list[tuple[str, str]]:
    """Those of all presets. The server must know them all: it forgets, sooner than a page is left, what it has offered there."""
    return list({name: (label, name) for preset in PRESETS for label, name in _formats(preset)}.values())
