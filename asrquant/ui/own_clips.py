"""Clips of a visitor's own to calibrate and validate with: one place, which every tab reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from asrquant.data.bundled import CALIBRATION_CLIPS, CALIBRATION_SEED
from asrquant.jobs.clips import OwnClips

_WORDS = (
    "Presets that are calibrated hear the bundled clips, English letters and numbers, which fit the model an4. For another "
    f"model, or other speech, upload clips of its kind: of a calibration zip {CALIBRATION_CLIPS} clips are drawn with seed "
    f"{CALIBRATION_SEED} (custom lets you choose), and they need no words. Accuracy control (openvino-int8-accurate) and "
    "*Measure each part* go by validation clips, with their words. Every tab takes what is here."
)


@dataclass(frozen=True)
class OwnControls:
    """Where zips are uploaded; nothing of them is kept on the server but the files, which go after a while."""

    calibration: gr.File
    validation: gr.File

    @property
    def all(self) -> set[Component]:
        """Inputs of whatever reads them."""
        return {self.calibration, self.validation}

    def read(self, values: Mapping[Component, Any]) -> OwnClips:
        """What was uploaded; raises as ``OwnClips.chosen``."""
        return OwnClips.chosen(values[self.calibration], values[self.validation])


def make() -> OwnControls:
    """The controls, which ``lay_out`` puts where they are seen: tabs that stand before them read them, too."""
    return OwnControls(
        _zip("Zip of clips to calibrate with, words or none", "own-calibration"),
        _zip("Zip of clips and their words to validate with", "own-validation"),
    )


def _zip(label: str, elem_id: str) -> gr.File:
    return gr.File(label=label, file_types=[".zip"], elem_id=elem_id, render=False)


def lay_out(controls: OwnControls) -> None:
    """Put the controls here, closed."""
    with gr.Accordion("Calibration and validation clips of your own", open=False, elem_id="own-clips"):
        gr.Markdown(_WORDS, elem_classes="aq-quiet")
        with gr.Row():
            controls.calibration.render()
            controls.validation.render()
