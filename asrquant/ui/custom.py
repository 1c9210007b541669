"""The controls of the preset "custom": a scheme for each part, and the settings that go with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from asrquant.data.bundled import CALIBRATION_CLIPS, CALIBRATION_SEED
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
        schemes: a radio for each part, in the order of ``SCHEMES``.
        all: whose values ``read`` takes, as the last inputs of an event.
    """

    group: gr.Group
    schemes: list[gr.Radio]
    all: list[gr.components.Component]


def build(elem_id: str) -> Controls:
    """Lay the controls out.

    Args:
        elem_id: of the group.
    """
    with gr.Group(visible=False, elem_id=elem_id) as group:
        schemes = [
            gr.Radio(choices, value="dynamic" if role == "transformer_layers" else "float", label=label)
            for role, (label, choices) in SCHEMES.items()
        ]
        rest = [
            gr.Radio(DYNAMIC_DTYPES, value="qint8", label="Weights of the dynamic parts"),
            gr.Dropdown(OBSERVERS, value="backend", label="Observer of the static parts"),
            gr.Dropdown([AUTOMATIC, *BACKENDS], value=AUTOMATIC, label="Backend"),
            gr.Slider(1, MAX_CALIBRATION_CLIPS, value=CALIBRATION_CLIPS, step=1, label="Calibration clips"),
            gr.Number(
                CALIBRATION_SEED, step=1, label="Calibration seed"
            ),  # Gradio rounds and refuses without saying what
        ]
    return Controls(group, schemes, [*schemes, *rest])


def read(*values: Any) -> Custom:
    """What the controls say, from the values of ``Controls.all``."""
    schemes, (dtype, observer, backend, clips, seed) = values[: len(SCHEMES)], values[len(SCHEMES) :]
    return Custom(
        schemes=dict(zip(SCHEMES, schemes, strict=True)),
        dynamic_dtype=dtype,
        observer=observer,
        backend=None if backend == AUTOMATIC else backend,
        calibration_clips=clips,
        calibration_seed=seed,
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
    return preset.summary if preset else ""  # forged
