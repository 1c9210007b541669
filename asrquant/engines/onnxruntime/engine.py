"""ONNX Runtime: the encoder exported, quantized by its own quantizer, and opened for this processor."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from asrquant.base.errors import PresetError
from asrquant.engines.engine import Built, Job, Kept
from asrquant.engines.foreign import KeptFormat, missing_libraries
from asrquant.engines.onnxruntime.encoder import FILE, OnnxEncoder, export
from asrquant.engines.onnxruntime.formats import FORMATS
from asrquant.engines.onnxruntime.graph import too_large
from asrquant.engines.onnxruntime.int8 import quantize_model
from asrquant.model.engine_settings import OnnxRuntime
from asrquant.model.ignored import float_paths
from asrquant.model.presets import Preset
from asrquant.model.recognizer import Recognizer

__all__ = ["FORMATS", "build", "kept", "missing", "unfit"]

_EXPORTED = "onnxruntime-1"
"""Name of the step after which the float model is an ONNX file; another number where it is made otherwise."""
_KEPT: Kept = KeptFormat(FORMATS[0], version=1)


def missing() -> str | None:
    """Which library is missing, with the install line."""
    return missing_libraries("onnxruntime", "onnxruntime", "onnx")


def unfit(preset: Preset, recognizer: Recognizer | None) -> str | None:
    """Whether the model is too large for one file, or lacks what is to stay float."""
    settings = preset.settings_for(OnnxRuntime)
    try:
        if recognizer:
            float_paths(recognizer, recognizer.roles, settings.ignored)
            return too_large(recognizer.encoder)
    except PresetError as error:
        return str(error)
    return None


def kept(preset: Preset) -> Kept | None:
    """The file of what was quantized; the float model's is kept when it has been exported."""
    return None if preset.settings_for(OnnxRuntime).int8 == "none" else _KEPT


def build(job: Job) -> Built:
    """Export a recognizer's encoder, quantize it if the preset says so, and open it.

    Raises:
        PresetError: the preset does not fit the model.
    """
    settings = job.preset.settings_for(OnnxRuntime)
    with tempfile.TemporaryDirectory() as folder:
        path = _exported(job, Path(folder))
        if settings.int8 != "none":
            path, source = Path(folder) / f"int8-{FILE}", path
            clips = job.calibration
            quantize_model(source, path, job.recognizer, settings, clips, job.progress, job.preset.name, job.steps)
        job.progress("opening", 0, 1)
        encoder = OnnxEncoder(path)
    return Built(encoder, encoder.settings())


def _exported(job: Job, room: Path) -> Path:
    """The float encoder as an ONNX file."""
    folder = job.steps.finished(_EXPORTED) if job.steps else None
    if folder is None:
        job.progress("exporting to ONNX", 0, 1)
        export(job.recognizer.encoder, room / FILE, job.progress)
        folder = (
            job.steps.keep(_EXPORTED, lambda place: shutil.copyfile(room / FILE, place / FILE)) if job.steps else None
        )
    return (folder or room) / FILE
