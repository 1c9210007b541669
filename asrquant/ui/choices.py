"""The controls that tabs share: model and decoder, preset and its explanation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from asrquant.engines.registry import unavailable
from asrquant.jobs.models import CUSTOM, MODELS, chosen
from asrquant.model.presets import PRESETS, Preset
from asrquant.text import decoders
from asrquant.text.decoders import DECODERS
from asrquant.ui import custom, render

FIRST_PRESET, FIRST_DECODER, FIRST_RUNS = "dynamic-int8", "ngram", 3
"""What the page shows at first, and its endpoint takes where nothing else is said."""


@dataclass(frozen=True)
class PresetControls:
    """The preset's name and the controls of ``custom``: inputs of whatever runs it, as nothing of them is kept on the server."""

    name: gr.Dropdown
    own: custom.Controls
    tab: str

    @property
    def all(self) -> set[Component]:
        """Inputs of whatever reads them."""
        return {self.name, *self.own.all}

    def chosen(self, values: Mapping[Component, Any]) -> Preset:
        """The preset that they say; raises as ``jobs.models.chosen``."""
        return chosen(values[self.name], self.own.read(values))

    def in_words(self, values: Mapping[Component, Any]) -> str:
        """The preset's name, and of ``custom`` what it is."""
        name = values[self.name]
        return f"{CUSTOM}: {custom.in_words(self.own.read(values))}" if name == CUSTOM else str(name)


@dataclass(frozen=True)
class ModelControls:
    """Which model, which decoder."""

    model: gr.Dropdown
    decoder: gr.Radio

    @property
    def all(self) -> set[Component]:
        """Inputs of whatever reads them."""
        return {self.model, self.decoder}


def usable_presets() -> list[str]:
    """Names of the presets that this machine can carry out."""
    return [name for name, preset in PRESETS.items() if not unavailable(preset)]


def tell_absent_presets() -> None:
    """Lay out the presets that cannot be chosen here, each with the reason; nothing where all can."""
    reasons: dict[str, list[str]] = {}
    for name, preset in PRESETS.items():
        if reason := unavailable(preset):
            reasons.setdefault(reason, []).append(name)
    if reasons:
        gr.HTML(render.absent(reasons), elem_classes="aq-absent")


def preset_and_settings(tab: str, prefix: str = "") -> PresetControls:
    """A preset by name, what it does, and the controls of ``custom``; for ``jobs.models.chosen``.

    Args:
        tab: that they are in.
        prefix: of the elements' ids, which are one tab's own.
    """
    preset = gr.Dropdown(
        [*usable_presets(), CUSTOM], value=FIRST_PRESET, label="Quantization preset", elem_id=f"{prefix}preset"
    )
    explanation = gr.Markdown(PRESETS[FIRST_PRESET].summary, elem_id=f"{prefix}explanation", elem_classes="aq-quiet")
    tell_absent_presets()
    own = custom.build(f"{prefix}custom")
    preset.change(
        lambda name: (custom.summary(name), gr.update(visible=name == CUSTOM)), preset, [explanation, own.group],
        queue=False, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    return PresetControls(preset, own, tab)


def model_and_decoder(prefix: str = "") -> ModelControls:
    """Lay out the choice of model and decoder."""
    model = gr.Dropdown(
        list(MODELS), value=MODELS[0], label="Model", elem_id=f"{prefix}model",
        info="an4 is embedded" + "; the others are downloaded when first used" * (len(MODELS) > 1),
    )  # fmt: skip
    missing = {name for name in DECODERS if decoders.unavailable(name)}
    choices = [
        (f"{name}: {what}{' (not installed here)' * (name in missing)}", name) for name, what in DECODERS.items()
    ]
    return ModelControls(model, gr.Radio(choices, value=FIRST_DECODER, label="Decoder"))
