"""asrquant shows what post-training quantization does to a speech recognizer.

The data's way, which is also the order of the modules::

    file → Audio → log-probs → text → metrics → chart → artifact

    original = asrquant.load("an4")                          # a float SpeechBrain EncoderASR as a Recognizer
    quantized = asrquant.quantize(original, "mixed-int8")    # a new one; the original stays as it is
    comparison = asrquant.compare(original, quantized, "clip.flac", reference="ENTER FIVE")
    print(comparison.original.text, comparison.quantized.text, comparison.speedup)
    artifact = asrquant.export(quantized, "torchscript")     # verified in a fresh process; asrquant.load_artifact loads it
"""

from __future__ import annotations

import os
import warnings

# Nothing phones home from our process; whoever wants these can set them before the import.
for _name in ("HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("OPENVINO_TELEMETRY_DISABLE", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime's, from 1.29 on for Linux too

from asrquant.base.account import ensure_home  # noqa: E402  (the environment comes first)

ensure_home()

from asrquant.audio.clip import Audio, read_audio  # noqa: E402
from asrquant.audio.piece import Piece  # noqa: E402
from asrquant.base.errors import AsrQuantError  # noqa: E402
from asrquant.data.bundled import calibration_clips, example_clips  # noqa: E402
from asrquant.data.dataset import Dataset, Utterance  # noqa: E402
from asrquant.data.reading import read_clips, read_dataset  # noqa: E402
from asrquant.engines.quantize import quantize  # noqa: E402
from asrquant.export.exporting import export  # noqa: E402
from asrquant.export.loading import load_artifact, verify  # noqa: E402
from asrquant.export.store import Artifact  # noqa: E402
from asrquant.measure.benchmark import benchmark  # noqa: E402
from asrquant.measure.compare import Comparison, compare  # noqa: E402
from asrquant.measure.layers import layers  # noqa: E402
from asrquant.measure.report import Report  # noqa: E402
from asrquant.measure.search.found import Found, Limits, read_found  # noqa: E402
from asrquant.measure.search.plan import Budget, Plan  # noqa: E402
from asrquant.measure.search.searching import search  # noqa: E402
from asrquant.measure.sensitivity import Sensitivity, sensitivity  # noqa: E402
from asrquant.model.engine_settings import OnnxRuntime, OpenVino, TorchEager, TorchFused  # noqa: E402
from asrquant.model.modules import get_module, module_map, set_module  # noqa: E402
from asrquant.model.presets import PRESETS, Calibration, Preset, custom  # noqa: E402
from asrquant.model.recognizer import Recognizer, Transcript  # noqa: E402
from asrquant.sources.loading import load  # noqa: E402
from asrquant.text.decoders import DECODERS  # noqa: E402
from asrquant.text.normalize import Normalization  # noqa: E402

__all__ = [
    "DECODERS", "PRESETS", "Artifact", "AsrQuantError", "Audio", "Budget", "Calibration", "Comparison", "Dataset", "Found",
    "Limits", "Normalization", "OnnxRuntime", "OpenVino", "Piece", "Plan", "Preset", "Recognizer", "Report", "Sensitivity",
    "TorchEager", "TorchFused", "Transcript", "Utterance", "benchmark", "calibration_clips", "compare", "custom",
    "example_clips", "export", "get_module", "layers", "load", "load_artifact", "module_map", "quantize", "read_audio",
    "read_clips", "read_dataset", "read_found", "search", "sensitivity", "set_module", "verify",
]  # fmt: skip

__version__ = "0.1.0"

_RENAMED = {"anatomy": "layers"}
"""Old names of public functions, which can be used for one version more."""


def __getattr__(name: str) -> object:
    """What an old name stands for; warns that it will go."""
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"asrquant.{name} will go; use asrquant.{_RENAMED[name]}.", DeprecationWarning, stacklevel=2)
    return globals()[_RENAMED[name]]
