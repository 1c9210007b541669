"""The controls of the preset "custom": a scheme for each part, and the settings that go with it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from asrquant.dataset import CALIBRATION_CLIPS, CALIBRATION_SEED
from asrquant.jobs.models import CUSTOM
from asrquant.presets import BACKENDS, DYNAMIC_DTYPES, OBSERVERS, PRESETS

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


def build(elem_id: str) -> tuple[gr.Group, gr.State, list[gr.Radio]]:
    """The controls, hidden until wanted, the state that holds what they say (keyword arguments of ``custom``), and the schemes.

    Args:
        elem_id: of the group.
    """
    with gr.Group(visible=False, elem_id=elem_id) as group:
        schemes = [
            gr.Radio(choices, value="dynamic" if role == "transformer_layers" else "float", label=label)
            for role, (label, choices) in SCHEMES.items()
        ]
        dtype = gr.Radio(DYNAMIC_DTYPES, value="qint8", label="Weights of the dynamic parts")
        observer = gr.Dropdown(OBSERVERS, value="backend", label="Observer of the static parts")
        backend = gr.Dropdown([AUTOMATIC, *BACKENDS], value=AUTOMATIC, label="Backend")
        clips = gr.Slider(1, 20, value=CALIBRATION_CLIPS, step=1, label="Calibration clips")
        seed = gr.Number(CALIBRATION_SEED, precision=0, minimum=0, label="Calibration seed")
    controls = [*schemes, dtype, observer, backend, clips, seed]
    settings = gr.State(_settings(*(control.value for control in controls)))
    gr.on(
        [control.change for control in controls], _settings, controls, settings,
        queue=False, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    return group, settings, schemes


def _settings(*values: Any) -> dict[str, Any]:
    schemes, (dtype, observer, backend, clips, seed) = values[: len(SCHEMES)], values[len(SCHEMES) :]
    return {
        "schemes": dict(zip(SCHEMES, schemes, strict=True)),
        "dynamic_dtype": dtype,
        "observer": observer,
        "backend": None if backend == AUTOMATIC else backend,
        "calibration_clips": int(clips),
        "calibration_seed": int(seed or 0),
    }


def summary(name: str) -> str:
    """One line on what a preset does."""
    if name == CUSTOM:
        return SUMMARY
    preset = PRESETS.get(str(name))
    return preset.summary if preset else ""  # forged
