"""OpenVINO: the encoder converted, compiled for this processor, and quantized by NNCF."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from typing import Any

from asrquant.engines import Built, Job
from asrquant.engines.openvino.channels_last import rewrite
from asrquant.engines.openvino.encoder import OpenVinoEncoder, as_saved, convert
from asrquant.engines.openvino.formats import FORMATS
from asrquant.engines.openvino.int8 import quantize_accurately, quantize_model
from asrquant.presets import OpenVino
from asrquant.recognizer import Tuning

__all__ = ["FORMATS", "build", "unavailable"]


def unavailable() -> str | None:
    """Which library is missing, with the install line."""
    missing = [name for name in ("openvino", "nncf") if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    return f"The engine openvino needs {' and '.join(missing)}; install with: pip install openvino nncf"


def build(job: Job) -> Built:
    """Convert a recognizer's encoder, quantize it if the preset says so, and compile it.

    Raises:
        PresetError: the preset does not fit the model or this processor.
    """
    settings = job.preset.openvino or OpenVino()
    job.progress("converting to OpenVINO", 0, 1)
    model = convert(rewrite(job.recognizer.encoder, job.recognizer.roles))
    with contextlib.redirect_stdout(io.StringIO()):  # NNCF draws bars there; ours report its progress
        model, tuning = _quantize(job, settings, model)
    job.progress("compiling", 0, 1)
    compiled = OpenVinoEncoder(as_saved(model), settings.precision)
    return Built(compiled, compiled.settings(), tuning)


def _quantize(job: Job, settings: OpenVino, model: Any) -> tuple[Any, Tuning | None]:
    recognizer, preset, clips = job.recognizer, job.preset, job.calibration
    if settings.max_drop is not None:
        return quantize_accurately(model, recognizer, preset, clips, job.validation, job.progress)
    if settings.int8:
        return quantize_model(model, recognizer, preset, clips, job.progress), None
    return model, None
