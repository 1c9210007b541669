"""What ``custom`` may change of a preset, and what becomes of an engine's settings by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Literal, TypedDict, get_args

from asrquant.base.errors import PresetError
from asrquant.model.engine_settings import (
    Backend,
    DynamicDtype,
    Observer,
    OnnxRuntime,
    OpenVino,
    TorchEager,
    TorchFused,
)
from asrquant.model.modules import ROLES

Scheme = Literal["float", "dynamic", "static"]


class Changes(TypedDict, total=False):
    """What ``custom`` takes beside schemes: what is left out stays as the base has it.

    Attributes:
        name: ``custom`` if it is left out.
        summary: made of the schemes if it is left out.
        dynamic_dtype: see ``TorchEager``.
        backend: see ``TorchEager``.
        observer: see ``TorchEager``.
        per_channel: see ``TorchEager``.
        openvino: all settings of OpenVINO, on a base of OpenVINO's or none.
        onnxruntime: all settings of ONNX Runtime, on a base of ONNX Runtime's or none.
        calibration_clips: see ``Calibration``.
        calibration_seed: see ``Calibration``.
    """

    name: str
    summary: str
    dynamic_dtype: DynamicDtype
    backend: Backend | None
    observer: Observer
    per_channel: bool
    openvino: OpenVino
    onnxruntime: OnnxRuntime
    calibration_clips: int
    calibration_seed: int


def chosen(settings: TorchEager, schemes: Mapping[str, str]) -> dict[str, str]:
    """Role or path → scheme, of the settings and what changes them."""
    chosen: dict[str, str] = {**dict.fromkeys(settings.dynamic, "dynamic"), **dict.fromkeys(settings.static, "static")}
    for name, scheme in schemes.items():
        if scheme not in get_args(Scheme):
            raise PresetError(f"{name!r} is to be {scheme!r}; a scheme is one of {', '.join(get_args(Scheme))}.")
        chosen[name] = scheme
    return chosen


def changed_eager(base: str, settings: TorchEager, chosen: Mapping[str, str], changes: Changes) -> TorchEager:
    """PyTorch's settings with what was chosen; raises PresetError for settings of other engines'."""
    if changes.get("openvino"):
        raise PresetError(f"{base!r} is PyTorch's, which has no settings of OpenVINO's; start from an openvino preset.")
    if changes.get("onnxruntime"):
        raise PresetError(f"{base!r} is PyTorch's, which has no settings of ONNX Runtime's; start from an onnx preset.")
    inside = (name for name, scheme in chosen.items() if scheme == "float" and name not in ROLES)
    return TorchEager(
        ignored=tuple(dict.fromkeys((*(name for name in settings.ignored if name not in chosen), *inside))),
        dynamic=tuple(name for name, scheme in chosen.items() if scheme == "dynamic"),
        static=tuple(name for name, scheme in chosen.items() if scheme == "static"),
        dynamic_dtype=changes.get("dynamic_dtype", settings.dynamic_dtype),
        backend=changes.get("backend", settings.backend),
        observer=changes.get("observer", settings.observer),
        per_channel=changes.get("per_channel", settings.per_channel),
    )


def changed_fused(base: str, settings: TorchFused, schemes: Mapping[str, str], changes: Changes) -> TorchFused:
    """The fused engine's settings with another backend; raises PresetError for everything else."""
    eager = {field.name for field in fields(TorchEager)} - {"backend"}
    if foreign := [name for name in changes if name in {*eager, "openvino", "onnxruntime"}] or list(schemes):
        raise PresetError(
            f"{base!r} fuses whole blocks and takes a backend alone; {' and '.join(foreign)} would do nothing."
        )
    return TorchFused(backend=changes.get("backend") or settings.backend)


_TORCH = {field.name for field in fields(TorchEager)}


def changed_openvino(base: str, settings: OpenVino, schemes: Mapping[str, str], changes: Changes) -> OpenVino:
    """OpenVINO's settings as they are asked for; raises PresetError for other engines'."""
    _refuse_foreign(f"{base!r} is OpenVINO's", schemes, changes, {*_TORCH, "onnxruntime"})
    return changes.get("openvino") or settings


def changed_onnx(base: str, settings: OnnxRuntime, schemes: Mapping[str, str], changes: Changes) -> OnnxRuntime:
    """ONNX Runtime's settings as they are asked for; raises PresetError for other engines'."""
    _refuse_foreign(f"{base!r} is ONNX Runtime's", schemes, changes, {*_TORCH, "openvino"})
    return changes.get("onnxruntime") or settings


def _refuse_foreign(whose: str, schemes: Mapping[str, str], changes: Changes, others: set[str]) -> None:
    if schemes:
        raise PresetError(f"{whose}, which takes no schemes by module; say what it shall leave float.")
    if foreign := [name for name in changes if name in others]:
        raise PresetError(f"{whose}, where {' and '.join(foreign)} would do nothing; leave it out.")
