"""OpenVINO: the encoder converted, compiled for this processor, and quantized by NNCF."""

from __future__ import annotations

from collections import Counter
from typing import Any

from asrquant.base.errors import PresetError
from asrquant.engines.engine import Built, Job, Kept
from asrquant.engines.foreign import KeptFormat, missing_libraries, nothing_quantized
from asrquant.engines.openvino.channels_last import rewrite
from asrquant.engines.openvino.encoder import (
    IR,
    QUANTIZABLE,
    FromFiles,
    OpenVinoEncoder,
    as_saved,
    cannot_compute,
    convert,
    is_int8,
    read,
    save,
)
from asrquant.engines.openvino.formats import FORMATS
from asrquant.engines.openvino.int8 import ignored_patterns, quantize_accurately, quantize_model
from asrquant.model.engine_settings import OpenVino
from asrquant.model.presets import Preset
from asrquant.model.recognizer import Recognizer, Tuning

__all__ = ["FORMATS", "build", "kept", "missing", "unfit"]

_CONVERTED = "openvino-1"
"""Name of the step after which the float model is OpenVINO's; another number where it is made otherwise."""
_KEPT: Kept = KeptFormat(FORMATS[0], version=1)


def missing() -> str | None:
    """Which library is missing, with the install line."""
    return missing_libraries("openvino", "openvino", "nncf")


def unfit(preset: Preset, recognizer: Recognizer | None) -> str | None:
    """Whether the processor lacks the precision that the float parts are to compute in, or the model what stays float."""
    settings = preset.settings_for(OpenVino)
    if reason := cannot_compute(settings.precision):
        return reason
    try:
        if recognizer:
            ignored_patterns(recognizer, settings)
    except PresetError as error:
        return str(error)
    return None


def kept(preset: Preset) -> Kept | None:
    """The IR of what NNCF quantized; the float model's is kept when it has been converted."""
    return _KEPT if preset.settings_for(OpenVino).int8 else None


def build(job: Job) -> Built:
    """Convert a recognizer's encoder, quantize it if the preset says so, and compile it.

    Raises:
        PresetError: the preset does not fit the model or this processor.
    """
    settings = job.preset.settings_for(OpenVino)
    found, tuning = _converted(job), None
    if settings.int8:
        model, tuning = _quantize(job, settings, found.model)
        found = as_saved(model)
    job.progress("compiling", 0, 1)
    compiled = OpenVinoEncoder(found, settings.precision)
    return Built(compiled, compiled.settings(), tuning)


def _converted(job: Job) -> FromFiles:
    """The float encoder as OpenVINO's model, as it comes back from its files: NNCF finds other ranges in one from memory."""
    folder = job.steps.finished(_CONVERTED) if job.steps else None
    if folder is None:
        job.progress("converting to OpenVINO", 0, 1)
        model = convert(rewrite(job.recognizer.encoder, job.recognizer.roles), job.progress)
        folder = job.steps.keep(_CONVERTED, lambda room: save(model, room / IR[0])) if job.steps else None
    return as_saved(model) if folder is None else read(folder / IR[0])


def _quantize(job: Job, settings: OpenVino, model: Any) -> tuple[Any, Tuning | None]:
    recognizer, clips = job.recognizer, job.calibration
    if settings.max_drop is not None:
        return quantize_accurately(model, recognizer, settings, clips, job.validation, job.progress)
    if settings.int8:
        quantized = quantize_model(model, recognizer, settings, clips, job.progress)
        if not any(is_int8(operation) for operation in quantized.get_ops()):
            there = Counter(kind for each in model.get_ops() if (kind := each.get_type_name()) in QUANTIZABLE)
            raise nothing_quantized(job.preset.name, there, settings.ignored)
        return quantized, None
    return model, None
