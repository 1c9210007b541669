"""The tab "Modules": what became of each layer, and what quantizing each part alone would cost."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from asrquant.jobs import modules as jobs
from asrquant.jobs.models import CUSTOM
from asrquant.jobs.worker import Job
from asrquant.measure.sensitivity import MAX_NATS, Sensitivity
from asrquant.model.modules import ROLES
from asrquant.show.modules import layers_table, sensitivity_figure, sensitivity_table, treemap_figure
from asrquant.ui import choices, custom, render, session

TAB = "Modules"
_WELCOME = (
    "Show layers: what a preset makes of each layer, area by bytes. Measure each part: one part at a time is quantized, "
    "everything else stays float; what is harmless is offered as a custom preset."
)


def build(compare: choices.PresetControls, tabs: gr.Tabs, compare_tab: str) -> None:
    """Lay the tab out and wire it.

    Args:
        compare: the controls of the tab that tries a suggestion.
        tabs: of the page.
        compare_tab: id of that tab.
    """
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            preset = choices.preset_and_settings("modules-")
            show = gr.Button("Show layers", variant="primary", elem_id="layers")
            limit = gr.Number(MAX_NATS, label="Divergence that a part may have (nats a frame)", elem_id="max-nats")
            layers = gr.Checkbox(False, label="Each transformer layer by itself too", elem_id="each-layer")
            with gr.Accordion("Model, decoder", open=False):
                model, decoder = choices.model_and_decoder("modules-")
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
    private: dict[str, Any] = {"api_visibility": "private"}
    heavy = {**private, **session.HEAVY}
    buttons = [status, show, measure, stop]
    show.click(_show, [preset.name, model, *preset.own.all], [treemap, parts, *buttons], **heavy)
    measure.click(_measure, [layers, limit, model, decoder], [bars, effects, use, suggested, *buttons], **heavy)
    stop.click(choices.cancel, None, None, queue=False, **private)
    use.click(
        lambda schemes: (CUSTOM, *_radios(schemes), gr.update(selected=compare_tab)),
        suggested, [compare.name, *compare.own.schemes, tabs], queue=False, show_progress="hidden", **private,
    )  # fmt: skip


_BUSY = tuple(gr.update(interactive=on) for on in (False, False, True))
_IDLE = tuple(gr.update(interactive=on) for on in (True, True, False))


def _radios(schemes: Any) -> list[str]:
    """What the radios of ``custom`` are to say for a suggestion; float where it says nothing that they know."""
    known = schemes if isinstance(schemes, dict) else {}  # forged
    return [
        scheme if (scheme := known.get(role)) in choices else "float" for role, (_, choices) in custom.SCHEMES.items()
    ]


def _show(preset: str, source: str, request: gr.Request, *own: Any) -> Iterator[Any]:
    """Yield treemap and table as the job goes on."""
    for results, *rest in _events(request, jobs.layers, preset, custom.read(*own), source):
        if results is None:
            yield (gr.skip(), gr.skip(), *rest) if rest else gr.skip()
            continue
        layers, parts = results
        caption = f"What {preset} makes of each part; weights alone"
        yield (
            gr.update(value=treemap_figure(layers, parts), visible=True),
            render.table(layers_table(layers, parts), caption),
            *rest,
        )


def _measure(layers: bool, limit: float, source: str, decoder: str, request: gr.Request) -> Iterator[Any]:
    """Yield bars, table and suggestion as the job goes on."""
    for found, *rest in _events(request, jobs.parts, layers, limit, source, decoder):
        if found is None:
            yield (*[gr.skip()] * 4, *rest) if rest else gr.skip()
            continue
        groups = found.suggested.groups if found.suggested else ()
        schemes = {group.part: group.scheme for group in groups if group.part in ROLES}
        yield (
            gr.update(value=sensitivity_figure(found), visible=True),
            render.table(sensitivity_table(found), _about(found)) + _suggestion(found),
            gr.update(visible=bool(schemes)),
            schemes,
            *rest,
        )


def _events(request: gr.Request, job: Job, *arguments: Any) -> Iterator[tuple[Any, ...]]:
    """(result or None, status, the buttons) for each event of a job; (None,) where a newer one has the screen."""
    for event in session.run(request.session_hash or "", TAB, job, *arguments):
        match event:
            case session.Begun():
                yield (None, render.waiting(), *_BUSY)
            case session.Replaced():
                yield (None,)
            case session.Step(stage, done, total):
                yield (None, render.progress_bar(stage, done, total), *_BUSY)
            case session.Failed(message=message):
                yield (None, render.problem(message), *_IDLE)
            case session.Done(value=result):
                yield (result, render.notice("Done."), *_IDLE)


def _about(found: Sensitivity) -> str:
    wer = "" if found.errors.wer is None else f"; the float model's WER there is {found.errors.wer:.1f} %"
    return (
        f"Measured on {found.clips} clips, {found.audio_seconds:.0f} s, of speakers that the embedded model was not trained on, "
        f"decoder {found.decoder}{wer}"
    )


def _suggestion(found: Sensitivity) -> str:
    if found.suggested is None:
        return render.problem(f"No part stays within {found.max_nats:g} nats a frame without being slower; allow more.")
    schemes = {group.part: group.scheme for group in found.suggested.groups}
    code = f"asrquant.quantize(original, asrquant.custom({schemes}))"
    return f'<p class="aq-quiet">The suggestion in Python:</p><pre class="aq-code">{escape(code)}</pre>'
