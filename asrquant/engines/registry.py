"""The engines by name, what each can do here, and the formats that it saves in.

A new engine is one new folder, and its lines in ``_TABLE`` and above it.
"""

from __future__ import annotations

from collections.abc import Callable

from asrquant.base.errors import ExportError, MissingDependencyError, PresetError
from asrquant.engines.engine import Engine, Format, PageFormat
from asrquant.model.presets import Preset
from asrquant.model.recognizer import Recognizer

FLOAT_ENGINE = "torch_eager"
"""The engine whose formats the float model is saved in."""


def _torch_eager() -> Engine:
    from asrquant.engines.torch_eager import engine

    return engine


def _openvino() -> Engine:
    from asrquant.engines.openvino import engine

    return engine


def _onnxruntime() -> Engine:
    from asrquant.engines.onnxruntime import engine

    return engine


def _torch_fused() -> Engine:
    from asrquant.engines.torch_fused import engine

    return engine


_TABLE: dict[str, Callable[[], Engine]] = {
    "torch_eager": _torch_eager,
    "torch_fused": _torch_fused,
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
}
"""Each is imported when it is first asked for, as its library may be large, or not installed."""


def engines() -> tuple[str, ...]:
    """Names of the engines that this version knows."""
    return tuple(sorted(_TABLE))


def _known(name: str) -> Engine:
    if name not in _TABLE:
        raise PresetError(f"There is no engine {name!r}; there are {', '.join(_TABLE)}.")
    return _TABLE[name]()


def get_engine(name: str) -> Engine:
    """The engine of that name.

    Raises:
        PresetError: there is none.
        MissingDependencyError: a library that it needs is not installed.
    """
    engine = _known(name)
    if reason := engine.missing():
        raise MissingDependencyError(reason)
    return engine


def unavailable(preset: Preset, recognizer: Recognizer | None = None) -> str | None:
    """Why a preset cannot be used here, in a sentence; None where it can.

    Args:
        preset: that somebody may choose.
        recognizer: the float one that it is for; None asks about the machine and what is installed on it alone.
    """
    if not preset.engine:
        return None
    engine = _known(preset.engine)
    return engine.missing() or engine.unfit(preset, recognizer)


def refuse_unavailable(preset: Preset, recognizer: Recognizer | None = None) -> None:
    """Raise what ``unavailable`` finds, so that nothing is built for a preset that must fail.

    Raises:
        MissingDependencyError: a library of the preset's engine is not installed.
        PresetError: the machine lacks what the preset needs, or the preset does not fit the recognizer.
    """
    if not preset.engine:
        return
    if reason := get_engine(preset.engine).unfit(preset, recognizer):
        raise PresetError(reason)


def formats(preset: Preset) -> tuple[Format, ...]:
    """The formats that a recognizer of this preset can be saved in: those of its engine that fit it.

    Raises:
        MissingDependencyError: a library that the engine needs is not installed.
    """
    offered = get_engine(preset.engine or FLOAT_ENGINE).FORMATS
    return tuple(form for form in offered if not isinstance(form, PageFormat) or form.fits(preset))


def get_format(name: str | None, preset: Preset) -> Format:
    """A format by name; without one, the preset's first.

    Raises:
        ExportError: recognizers of this preset have no such format; lists those that they have.
        MissingDependencyError: a library that the engine needs is not installed.
    """
    offered = formats(preset)
    for candidate in offered:
        if name is None or candidate.name == name:
            return candidate
    names = " or ".join(candidate.name for candidate in offered)
    raise ExportError(f"A {preset.name!r} model cannot be saved as {name!r}; choose {names}.")
