"""The tab "Modules": what became of each layer, and what quantizing each part alone would cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from asrquant.jobs.models import CUSTOM
from asrquant.jobs.modules import ModulesRequest, Parts, SensitivityRequest
from asrquant.measure.sensitivity import MAX_NATS, Sensitivity
from asrquant.model.modules import ROLES
from asrquant.show.modules import layers_table, sensitivity_figure, sensitivity_table, treemap_figure
from asrquant.ui import choices, custom, render
from asrquant.ui.running import HEAVY, QUICK, Running, Screen, Updates, Values, follow
from asrquant.ui.tab import Setting

TAB = "Modules"
_WELCOME = (
    "Show layers: what a preset makes of each layer, area by bytes. Measure each part: one part at a time is quantized, "
    "everything else stays float; what is harmless is offered as a custom preset."
)


@dataclass(frozen=True)
class _Outputs:
    """What is shown of a model's parts."""

    treemap: gr.Plot
    parts: gr.HTML
    bars: gr.Plot
    effects: gr.HTML
    use: gr.Button
    suggested: gr.JSON


class _LayersScreen(Screen):
    """What became of each layer."""

    def __init__(self, outputs: _Outputs, preset: str) -> None:
        """``preset`` is its name."""
        self._outputs, self._preset = outputs, preset

    def done(self, value: Parts) -> AbstractContextManager[Updates]:
        """Treemap and table."""
        caption = f"What {self._preset} makes of each part; weights alone"
        caption += f"; calibrated with {value.calibration}" if value.calibration else ""
        return nullcontext(
            {
                self._outputs.treemap: gr.update(value=treemap_figure(value.layers, value.modules), visible=True),
                self._outputs.parts: render.table(layers_table(value.layers, value.modules), caption)
                + (render.problem(value.notice) if value.notice else ""),
            }
        )


class _SensitivityScreen(Screen):
    """What quantizing each part alone does."""

    def __init__(self, outputs: _Outputs) -> None:
        """Show it there."""
        self._outputs = outputs

    def done(self, value: Sensitivity) -> AbstractContextManager[Updates]:
        """Bars, table and suggestion."""
        groups = value.suggested.groups if value.suggested else ()
        schemes = {group.part: group.scheme for group in groups if group.part in ROLES}
        return nullcontext(
            {
                self._outputs.bars: gr.update(value=sensitivity_figure(value), visible=True),
                self._outputs.effects: render.table(sensitivity_table(value), _about(value))
                + (render.problem(value.notice) if value.notice else "")
                + _suggestion(value),
                self._outputs.use: gr.update(visible=bool(schemes)),
                self._outputs.suggested: schemes,
            }
        )


@dataclass(frozen=True)
class _Tab:
    """The tab's controls, and what happens when somebody uses them.

    Attributes:
        preset: whose layers are shown.
        max_nats: divergence that a part of the suggestion may have.
        each_layer: whether each transformer layer is a part.
        model: which model, which decoder.
        outputs: what is shown.
        running: its first button shows the layers, its second measures the parts.
        setting: what is around the tab.
    """

    preset: choices.PresetControls
    max_nats: gr.Number
    each_layer: gr.Checkbox
    model: choices.ModelControls
    outputs: _Outputs
    running: Running
    setting: Setting

    def wire(self) -> None:
        """Let the controls do what they say."""
        show, measure = self.running.starts
        shown: list[Component] = [self.outputs.treemap, self.outputs.parts]
        measured: list[Component] = [self.outputs.bars, self.outputs.effects, self.outputs.use, self.outputs.suggested]
        show.click(
            self.show_layers, {*self.preset.all, *self.model.named, *self.setting.own.all},
            [*shown, *self.running.all], **HEAVY,
        )  # fmt: skip
        inputs: set[Component] = {self.each_layer, self.max_nats, *self.model.all, *self.setting.own.all}
        measure.click(self.measure_parts, inputs, [*measured, *self.running.all], **HEAVY)
        self.running.wire()
        if trial := self.setting.trial:
            outputs = [trial.name, *trial.own.schemes.values(), self.setting.tabs]
            self.outputs.use.click(partial(self.try_suggestion, trial), {self.outputs.suggested}, outputs, **QUICK)

    def show_layers(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Run the job that quantizes and looks."""

        def ask() -> ModulesRequest:
            return ModulesRequest(
                preset=self.preset.chosen(values),
                model=self.model.chosen(values, request),
                own=self.setting.own.read(values),
            )

        yield from follow(self.running, _LayersScreen(self.outputs, str(values[self.preset.name])), request, ask)

    def measure_parts(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Run the job that measures."""

        def ask() -> SensitivityRequest:
            return SensitivityRequest(
                each_layer=values[self.each_layer],
                max_nats=values[self.max_nats],
                model=self.model.chosen(values, request),
                decoder=values[self.model.decoder],
                own=self.setting.own.read(values),
            )

        yield from follow(self.running, _SensitivityScreen(self.outputs), request, ask)

    def try_suggestion(self, trial: choices.PresetControls, values: Values) -> dict[Any, Any]:
        """Go to the tab that tries a preset, with its radios as the suggestion says."""
        said = radios(values[self.outputs.suggested])
        return {
            trial.name: CUSTOM,
            **{radio: said[role] for role, radio in trial.own.schemes.items()},
            self.setting.tabs: gr.update(selected=trial.tab),
        }


def radios(suggested: object) -> dict[str, str]:
    """What the radios of ``custom`` are to say for a suggestion, by part; float where it says nothing that they know."""
    known = suggested if isinstance(suggested, dict) else {}  # forged
    return {
        role: scheme if (scheme := known.get(role)) in choices else "float"
        for role, (_, choices) in custom.SCHEMES.items()
    }


def build(setting: Setting) -> Setting:
    """Lay the tab out and wire it."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            preset = choices.preset_and_settings(TAB, "modules-")
            show = gr.Button("Show layers", variant="primary", elem_id="layers")
            limit = gr.Number(MAX_NATS, label="Divergence that a part may have (nats a frame)", elem_id="max-nats")
            layers = gr.Checkbox(False, label="Each transformer layer by itself too", elem_id="each-layer")
            with gr.Accordion("Model, decoder", open=False):
                model = choices.model_and_decoder("modules-")
            with gr.Row():
                measure = gr.Button("Measure each part", variant="primary", elem_id="measure-parts")
                stop = gr.Button("Cancel", interactive=False, elem_id="modules-cancel")
            status = gr.HTML(elem_id="modules-status")
        with gr.Column(scale=7, min_width=320):
            treemap = gr.Plot(show_label=False, visible=False, elem_id="treemap")
            parts = gr.HTML(render.notice(_WELCOME), elem_id="parts")
            bars = gr.Plot(show_label=False, visible=False, elem_id="sensitivity")
            effects = gr.HTML(elem_id="effects")
            use = gr.Button("Try the suggestion in Compare", visible=False, elem_id="use-suggestion")
    suggested = gr.JSON({}, visible=False)  # kept in the browser, as the page that shows it is
    outputs = _Outputs(treemap, parts, bars, effects, use, suggested)
    running = Running(TAB, (show, measure), stop, status)
    _Tab(preset, limit, layers, model, outputs, running, setting).wire()
    return replace(setting, models=(*setting.models, model), presets=(*setting.presets, preset))


def _about(found: Sensitivity) -> str:
    rate = found.errors.rate
    said = "" if rate is None else f"; the float model's {found.errors.measure} there is {rate:.1f} %"
    return (
        f"Measured on {found.clips} clips ({found.data}), {found.audio_seconds:.0f} s, decoder {found.decoder}, normalization "
        f"{found.normalization}{said}"
        + (f"; static parts calibrated with {found.calibration}" if found.calibration else "")
    )


def _suggestion(found: Sensitivity) -> str:
    if found.suggested is None:
        return render.problem(f"No part stays within {found.max_nats:g} nats a frame without being slower; allow more.")
    schemes = {group.part: group.scheme for group in found.suggested.groups}
    code = f"asrquant.quantize(original, asrquant.custom({schemes}))"
    return f'<p class="aq-quiet">The suggestion in Python:</p><pre class="aq-code">{escape(code)}</pre>'
