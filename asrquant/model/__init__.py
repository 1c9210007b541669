"""The recognizer, its modules and their bytes, and the presets that say what to quantize."""

from asrquant.model.engine_settings import OnnxRuntime, OpenVino, TorchEager
from asrquant.model.modules import Roles, find_roles, get_module, module_map, set_module
from asrquant.model.presets import PRESETS, Calibration, Preset, custom, get_preset
from asrquant.model.recognizer import Recognizer, Transcript

__all__ = [
    "PRESETS",
    "Calibration",
    "OnnxRuntime",
    "OpenVino",
    "Preset",
    "Recognizer",
    "Roles",
    "TorchEager",
    "Transcript",
    "custom",
    "find_roles",
    "get_module",
    "get_preset",
    "module_map",
    "set_module",
]
