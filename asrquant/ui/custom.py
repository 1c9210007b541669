"""The controls of the preset "custom": a scheme for each part, and the settings that go with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from asrquant.data.bundled import CALIBRATION_CLIPS, CALIBRATION_SEED
from asrquant.engines.notes import note
from asrquant.jobs.models import CUSTOM, MAX_CALIBRATION_CLIPS, Custom
from asrquant.model.engine_settings import BACKENDS, DYNAMIC_DTYPES, OBSERVERS
from asrquant.model.presets import PRESETS

SUMMARY = "Your own choice for each part of the model."
# What PyTorch can do with the parts of a wav2vec2 model with a linear head.
SCHEMES = {
    "feature_extractor": ("Feature extractor (convolutions)", ["float", "static"]),
    "feature_projection": ("Feature projection", ["float", "dynamic", "static"]),
    "transformer_layers": ("Transformer layers", ["float", "dynamic"]),
    "head": ("Head", ["float", "dynamic"]),
    "ctc_output": ("CTC output layer", ["float", "dynamic", "static"]),
}
AUTOMATIC = "automatic"


@dataclass(frozen=True)
class Controls:
    """The controls, hidden until wanted.

    Attributes:
        group: what is shown or hidden.
        schemes: part of the model → the radio for it, in the order of ``SCHEMES``.
        dynamic_dtype: of the dynamic parts' weights.
        observer: of the static parts.
        backend: ``AUTOMATIC`` or a name.
        calibration_clips: for the static parts.
        calibration_seed: that they are drawn with.
    """

    group: gr.Group
    schemes: dict[str, gr.Radio]
    dynamic_dtype: gr.Radio
    observer: gr.Dropdown
    backend: gr.Dropdown
    calibration_clips: gr.Slider
    calibration_seed: gr.Number

    @property
    def all(self) -> set[Component]:
        """Inputs of whatever reads them."""
        rest = (self.dynamic_dtype, self.observer, self.backend, self.calibration_clips, self.calibration_seed)
        return {*self.schemes.values(), *rest}

    def read(self, values: Mapping[Component, Any]) -> Custom:
        """What they say, as it came; see ``Custom``."""
        backend = values[self.backend]
        return Custom(
            schemes={role: values[radio] for role, radio in self.schemes.items()},
            dynamic_dtype=values[self.dynamic_dtype],
            observer=values[self.observer],
            backend=None if backend == AUTOMATIC else backend,
            calibration_clips=values[self.calibration_clips],
            calibration_seed=values[self.calibration_seed],
        )


def build(elem_id: str) -> Controls:
    """Lay the controls out.

    Args:
        elem_id: of the group.
    """
    with gr.Group(visible=False, elem_id=elem_id) as group:
        return Controls(
            group,
            schemes={
                role: gr.Radio(choices, value="dynamic" if role == "transformer_layers" else "float", label=label)
                for role, (label, choices) in SCHEMES.items()
            },
            dynamic_dtype=gr.Radio(DYNAMIC_DTYPES, value="qint8", label="Weights of the dynamic parts"),
            observer=gr.Dropdown(OBSERVERS, value="backend", label="Observer of the static parts"),
            backend=gr.Dropdown([AUTOMATIC, *BACKENDS], value=AUTOMATIC, label="Backend"),
            calibration_clips=gr.Slider(
                1, MAX_CALIBRATION_CLIPS, value=CALIBRATION_CLIPS, step=1, label="Calibration clips"
            ),
            # With a precision, or a lowest and a highest value, Gradio rounds and refuses without saying what.
            calibration_seed=gr.Number(CALIBRATION_SEED, step=1, label="Calibration seed"),
        )


def in_words(settings: Custom) -> str:
    """What a custom preset is, in a line."""
    parts = [f"{role} {scheme}" for role, scheme in settings.schemes.items() if scheme != "float"]
    return (
        f"{', '.join(parts)}; dynamic weights {settings.dynamic_dtype}, observer {settings.observer}, "
        f"backend {settings.backend or AUTOMATIC}, {settings.calibration_clips} calibration clips, "
        f"seed {settings.calibration_seed}"
    )


def summary(name: str) -> str:
    """One line on what a preset does."""
    if name == CUSTOM:
        return SUMMARY
    preset = PRESETS.get(str(name))
    return f"{preset.summary} {note(preset)}".rstrip() if preset else ""  # forged
