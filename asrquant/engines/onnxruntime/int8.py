"""Post-training int8 by ONNX Runtime's own quantizer: weights alone (dynamic), or with calibrated ranges (static, QDQ)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asrquant.audio.clip import Audio
from asrquant.base.errors import PresetError
from asrquant.base.progress import Progress
from asrquant.base.quiet import root_quietly
from asrquant.engines.engine import Steps
from asrquant.engines.foreign import nothing_quantized
from asrquant.engines.onnxruntime.encoder import runtime, session
from asrquant.engines.onnxruntime.graph import QUANTIZABLE, WAVE, int8_nodes, module_path
from asrquant.model.engine_settings import OnnxRuntime
from asrquant.model.ignored import float_paths, is_under
from asrquant.model.recognizer import Recognizer

REDUCE_RANGE = True
"""Weights have 7 of the 8 bits. A processor with AVX2 and no VNNI adds two products of 8 bits by 8 in 16, where 255 x 127 twice
is too much and is cut off; with -64 to 64 the sums are the same on every processor, and an artifact answers elsewhere as it did
where it was made. ``examples/onnx_float_layers.py`` shows what the bit costs."""
_RANGES, _RANGES_FILE = "onnxruntime-ranges-1", "ranges.npz"
"""Name of the step after which the ranges of all activations are known, whatever is quantized of them then."""
_PRODUCTS = ("MatMul", "Gemm")
"""What is quantized dynamically; convolutions are left to the static way."""


def quantize_model(
    source: Path,
    target: Path,
    recognizer: Recognizer,
    settings: OnnxRuntime,
    calibration: Sequence[Audio],
    progress: Progress,
    name: str,
    steps: Steps | None = None,
) -> None:
    """Quantize an ONNX model of a recognizer's encoder.

    Args:
        source: the float model's file, as ``graph.write`` leaves it.
        target: the quantized one's.
        recognizer: whose modules have the roles.
        settings: what to quantize how.
        calibration: clips for the ranges of activations, for what is static.
        progress: called before each clip; may raise ``Cancelled``.
        name: of the preset, for an error.
        steps: where the ranges may be put aside, as they are the same for all settings; None for nowhere.

    Raises:
        PresetError: there is nothing to quantize.
    """
    import onnx

    ignored = float_paths(recognizer, recognizer.roles, settings.ignored)
    model = onnx.load(source)
    excluded = [node.name for node in model.graph.node if any(is_under(module_path(node.name), at) for at in ignored)]
    counts = Counter(node.op_type for node in model.graph.node if node.op_type in QUANTIZABLE)
    with root_quietly():
        if settings.int8 == "dynamic":
            progress("quantizing weights", 0, 1)
            made = _dynamic(model, excluded)
        else:
            ranges = _known_ranges(source, target.with_name("augmented.onnx"), calibration, progress, steps)
            progress("quantizing weights", 0, 1)
            made = _static(model, ranges, excluded)
    if not int8_nodes(made):
        raise nothing_quantized(name, counts, settings.ignored)
    onnx.save(made, target)


def _dynamic(model: Any, excluded: list[str]) -> Any:
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
    from onnxruntime.quantization.quant_utils import QuantizationMode

    quantizer = ONNXQuantizer(
        model, True, REDUCE_RANGE, QuantizationMode.IntegerOps, False, QuantType.QInt8, QuantType.QUInt8, None, [], excluded,
        list(_PRODUCTS), {"MatMulConstBOnly": True},
    )  # fmt: skip
    quantizer.quantize_model()
    return quantizer.model.model


def _static(model: Any, ranges: Any, excluded: list[str]) -> Any:
    from onnxruntime.quantization import QDQQuantizer, QuantType

    quantizer = QDQQuantizer(
        model, True, REDUCE_RANGE, QuantType.QInt8, QuantType.QUInt8, ranges, [], excluded, list(QUANTIZABLE), {}
    )
    quantizer.quantize_model()
    return quantizer.model.model


def _known_ranges(
    source: Path, augmented: Path, calibration: Sequence[Audio], progress: Progress, steps: Steps | None
) -> Any:
    """The ranges as ``_ranges`` finds them, or as they were found before with the same clips."""
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData

    digest = hashlib.sha256(b"".join(clip.samples.tobytes() for clip in calibration)).hexdigest()
    name = f"{_RANGES} {digest}"
    if steps and (folder := steps.finished(name)):
        with np.load(folder / _RANGES_FILE) as found:
            pairs = zip(found["names"].tolist(), found["ranges"], strict=True)
            return TensorsData(CalibrationMethod.MinMax, {each: tuple(both) for each, both in pairs})
    ranges = _ranges(source, augmented, calibration, progress)
    if steps:
        both = np.stack([np.stack(ranges[each].range_value) for each in ranges])
        steps.keep(name, lambda folder: np.savez(folder / _RANGES_FILE, names=np.array(list(ranges)), ranges=both))
    return ranges


def _ranges(source: Path, augmented: Path, calibration: Sequence[Audio], progress: Progress) -> Any:
    """The range of each activation over all clips; ``augmented`` is where the model may be written that tells them."""
    from onnxruntime.quantization import CalibrationDataReader, MinMaxCalibrater

    if not calibration:
        raise PresetError("ONNX Runtime needs calibration clips and none were given.")
    runtime()

    class Clips(CalibrationDataReader):  # type: ignore[misc]
        done = 0

        def get_next(self) -> Mapping[str, Any] | None:
            progress("calibrating", self.done, len(calibration))
            if self.done == len(calibration):
                return None
            self.done += 1
            return {WAVE: np.ascontiguousarray(calibration[self.done - 1].samples[None])}

    class Ranges(MinMaxCalibrater):  # type: ignore[misc]
        def create_inference_session(self) -> None:
            self.infer_session = session(augmented)

    calibrater = Ranges(source, QUANTIZABLE, str(augmented))
    calibrater.augment_graph()
    calibrater.create_inference_session()
    augmented.unlink()
    calibrater.collect_data(Clips())
    return calibrater.compute_data()
