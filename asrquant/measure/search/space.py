"""What a search may choose: an engine, and how each part of the model is computed in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from asrquant.base.errors import PresetError
from asrquant.engines.registry import unavailable
from asrquant.measure.sensitivity import CALIBRATION, Group, possible_groups
from asrquant.model.engine_settings import (
    FIRST_CONVOLUTION,
    EngineSettings,
    OnnxRuntime,
    OpenVino,
    TorchEager,
    TorchFused,
)
from asrquant.model.ignored import first_convolution, is_under
from asrquant.model.modules import get_module, module_map
from asrquant.model.presets import PRESETS, Calibration, Preset
from asrquant.model.recognizer import Recognizer

Choose = Callable[[str, tuple[str, ...]], str]
"""Called with the name of a choice and what there is to choose from; returns one of these."""
ENGINES = {
    "torch_eager": "dynamic-int8", "torch_fused": "fused-static-int8", "openvino": "openvino-fp32", "onnxruntime": "onnx-fp32",
}  # fmt: skip
"""Engine → a preset that asks least of it."""
LAYERS = "transformer_layers"
_RANGES = {
    "backend": ("backend", False), "min-max": ("min-max", False), "min-max, per channel": ("min-max", True),
    "moving-average": ("moving-average", False), "moving-average, per channel": ("moving-average", True),
    "histogram": ("histogram", False), "histogram, per channel": ("histogram", True),
}  # fmt: skip
"""Observer of the activations, and whether static weights have a scale per output channel."""
_FLOAT, _INT8 = "float", "int8"
_MULTIPLIES = (nn.Linear, nn.modules.conv._ConvNd)


@dataclass(frozen=True)
class Part:
    """A part of the model that a mixture decides on.

    Attributes:
        name: role or module path, as presets take it.
        path: of the module.
        ways: that PyTorch can compute it in, ``float`` first; alone there, other engines still have int8.
        multiplies: whether it holds a matrix product or a convolution, which other engines quantize.
        linear: whether it holds a matrix product.
        first: whether the convolution is in it that sees the wave.
    """

    name: str
    path: str
    ways: tuple[str, ...]
    multiplies: bool
    linear: bool
    first: bool


@dataclass(frozen=True)
class Space:
    """All mixtures of a model.

    Attributes:
        engines: that may be chosen.
        parts: of the model, in the order of its data.
        precisions: that OpenVINO's float parts may compute in.
        draw: how many clips are calibrated with, and the seed that they are drawn with.
    """

    engines: tuple[str, ...]
    parts: tuple[Part, ...]
    precisions: tuple[str, ...]
    draw: Calibration = CALIBRATION

    def preset(self, choose: Choose) -> Preset:
        """The mixture that somebody chooses, question by question; what follows from a choice is asked after it."""
        engine = choose("engine", self.engines) if len(self.engines) > 1 else self.engines[0]
        made: EngineSettings | None
        if engine == "openvino":
            made = self._openvino(choose)
        elif engine == "onnxruntime":
            made = self._onnx(choose)
        else:
            made = TorchFused() if engine == "torch_fused" else self._torch(choose)
        return Preset("found", in_words(made), made, self.draw)

    def _torch(self, choose: Choose) -> TorchEager | None:
        chosen = {part: choose(f"torch: {part.name}", part.ways) for part in self.parts if len(part.ways) > 1}
        static = [part for part, way in chosen.items() if way == "static"]
        dynamic = self._named([part for part, way in chosen.items() if way == "dynamic"])
        if not static and not dynamic:
            return None
        dtype = choose("torch: weights of dynamic parts", ("qint8", "float16")) if dynamic else "qint8"
        observer, per_channel = _RANGES[choose("torch: ranges", tuple(_RANGES))] if static else ("backend", False)
        first = any(part.first for part in static) and choose("torch: first convolution", (_FLOAT, _INT8)) == _FLOAT
        return TorchEager(
            dynamic=dynamic, static=self._named(static), ignored=(FIRST_CONVOLUTION,) if first else (),
            dynamic_dtype=dtype, observer=observer, per_channel=per_channel,  # type: ignore[arg-type]
        )  # fmt: skip

    def _openvino(self, choose: Choose) -> OpenVino:
        precision = choose("openvino: float parts", self.precisions) if len(self.precisions) > 1 else self.precisions[0]
        if choose("openvino: int8", ("yes", "no")) == "no":
            return OpenVino(precision=precision)  # type: ignore[arg-type]
        ignored = self._ignored("openvino", choose, [part for part in self.parts if part.multiplies])
        if ignored is None:
            return OpenVino(precision=precision)  # type: ignore[arg-type]
        return OpenVino(
            precision=precision, int8=True, ignored=ignored,  # type: ignore[arg-type]
            ranges=choose("openvino: ranges", ("min-max", "mean-quantile")),  # type: ignore[arg-type]
            smooth_quant=choose("openvino: SmoothQuant", ("no", "yes")) == "yes",
        )  # fmt: skip

    def _onnx(self, choose: Choose) -> OnnxRuntime:
        int8 = choose("onnx: int8", ("static", "dynamic", "none"))
        if int8 == "none":
            return OnnxRuntime()
        able = [part for part in self.parts if part.linear or (part.multiplies and int8 == "static")]
        ignored = self._ignored("onnx", choose, able)
        return OnnxRuntime() if ignored is None else OnnxRuntime(int8=int8, ignored=ignored)  # type: ignore[arg-type]

    def _ignored(self, engine: str, choose: Choose, able: Sequence[Part]) -> tuple[str, ...] | None:
        """What stays float of what another engine could quantize; None where that is everything."""
        left = [part for part in able if choose(f"{engine}: {part.name}", (_INT8, _FLOAT)) == _FLOAT]
        if len(left) == len(able):
            return None
        if any(part.first for part in able if part not in left):
            first = choose(f"{engine}: first convolution", (_FLOAT, _INT8)) == _FLOAT
            return (*((FIRST_CONVOLUTION,) if first else ()), *self._named(left))
        return self._named(left)

    def _named(self, parts: Sequence[Part]) -> tuple[str, ...]:
        """What presets call these; all layers together are one."""
        names = [part.name for part in parts]
        layers = [part.name for part in self.parts if part.name not in names and _is_layer(part)]
        mine = [part.name for part in parts if _is_layer(part)]
        if not mine or layers:
            return tuple(names)
        return tuple(dict.fromkeys(LAYERS if name in mine else name for name in names))

    def as_chosen(self, settings: EngineSettings | None) -> Mapping[str, str] | None:
        """The choices that lead to settings such as a named preset's, or next to them; None where none do."""
        engine: str = settings.engine if settings else "torch_eager"
        if engine not in self.engines:
            return None
        said = {"engine": engine}
        if isinstance(settings, TorchEager):
            for scheme, names in (("dynamic", settings.dynamic), ("static", settings.static)):
                said |= {f"torch: {part.name}": scheme for part in self.parts if _among(part, names)}
            ranges = next(name for name, each in _RANGES.items() if each == (settings.observer, settings.per_channel))
            first = _FLOAT if FIRST_CONVOLUTION in settings.ignored else _INT8
            dtype = settings.dynamic_dtype
            return {
                **said,
                "torch: ranges": ranges,
                "torch: first convolution": first,
                "torch: weights of dynamic parts": dtype,
            }
        if isinstance(settings, OpenVino | OnnxRuntime):
            short = "onnx" if engine == "onnxruntime" else "openvino"
            left = [part.name for part in self.parts if _among(part, settings.ignored)]
            said |= {f"{short}: {part.name}": _FLOAT if part.name in left else _INT8 for part in self.parts}
            said[f"{short}: first convolution"] = _FLOAT if FIRST_CONVOLUTION in settings.ignored else _INT8
            if isinstance(settings, OnnxRuntime):
                return {**said, "onnx: int8": settings.int8}
            precision = "auto" if settings.precision == "bf16" else settings.precision
            return {
                **said, "openvino: int8": "yes" if settings.int8 else "no", "openvino: float parts": precision,
                "openvino: ranges": settings.ranges, "openvino: SmoothQuant": "yes" if settings.smooth_quant else "no",
            }  # fmt: skip
        return said

    def alone(self, group: Group) -> Mapping[str, str]:
        """The choices that quantize one group in PyTorch, and nothing else."""
        return {"engine": "torch_eager", f"torch: {group.part}": group.scheme, "torch: first convolution": _INT8}


def _is_layer(part: Part) -> bool:
    return part.name == part.path and part.name.rpartition(".")[2].isnumeric()


def _among(part: Part, names: Sequence[str]) -> bool:
    return part.name in names or (LAYERS in names and _is_layer(part))


def space_of(
    recognizer: Recognizer, layers: bool = False, engines: Sequence[str] | None = None, draw: Calibration = CALIBRATION
) -> Space:
    """The mixtures that a float recognizer and this machine allow.

    Args:
        recognizer: the float one.
        layers: whether each transformer layer is decided on by itself.
        engines: that may be chosen; None takes all that can be used here with this model.
        draw: see ``Space``.

    Raises:
        PresetError: an engine does not exist or cannot be used here, or there is nothing to choose.
    """
    if unknown := [name for name in engines or () if name not in ENGINES]:
        raise PresetError(f"A search knows no engine {unknown[0]!r}; it knows {', '.join(ENGINES)}.")
    usable = []
    for name, least in ENGINES.items():
        reason = unavailable(PRESETS[least], recognizer)
        if reason and name in (engines or ()):
            raise PresetError(reason)
        if not reason and name in (engines or ENGINES):
            usable.append(name)
    parts = tuple(_parts(recognizer, layers))
    if "torch_eager" in usable and not any(len(part.ways) > 1 for part in parts):
        usable.remove("torch_eager")
    if not usable:
        raise PresetError("There is nothing to choose: no engine here can quantize a part of this model.")
    halves = "openvino" in usable and not unavailable(PRESETS["openvino-bf16"])
    return Space(tuple(usable), parts, ("auto", "f32") if halves else ("auto",), draw)


def _parts(recognizer: Recognizer, layers: bool) -> Sequence[Part]:
    ways: dict[str, list[str]] = {}
    for group in possible_groups(recognizer, layers):
        ways.setdefault(group.path, []).append(group.scheme)
    first = first_convolution(recognizer, recognizer.roles) or ""
    front = recognizer.roles.front_end
    found = []
    for info in module_map(recognizer, recognizer.roles):
        inside = [(info.role or info.path, info.path)]
        if layers and info.role == LAYERS:
            children = get_module(recognizer, info.path).named_children()
            inside = [(path, path) for name, _ in children for path in [f"{info.path}.{name}"]]
        for name, path in inside:
            kinds = [type(each) for each in get_module(recognizer, path).modules()]
            multiplies, linear = (any(issubclass(kind, base) for kind in kinds) for base in (_MULTIPLIES, nn.Linear))
            if not (front and is_under(path, front)) and (multiplies or path in ways):
                sees_wave = bool(first) and is_under(first, path)
                found.append(Part(name, path, (_FLOAT, *ways.get(path, ())), multiplies, linear, sees_wave))
    return found


def in_words(settings: EngineSettings | None) -> str:
    """What a mixture is, in a line."""
    if settings is None:
        return "nothing quantized"
    if isinstance(settings, TorchEager):
        dynamic = [f"{name} dynamic" for name in settings.dynamic]
        static = [f"{name} static" for name in settings.static]
        weights = ["float16 weights"] if dynamic and settings.dynamic_dtype == "float16" else []
        channels = ", per channel" * settings.per_channel
        ranges = [f"ranges {settings.observer}{channels}"] if static else []
        first = ["first convolution float"] if settings.ignored else []
        return "PyTorch: " + ", ".join([*dynamic, *static, *weights, *ranges, *first])
    if isinstance(settings, TorchFused):
        return f"PyTorch: blocks fused and static ({settings.backend})"
    left = ", ".join(settings.ignored)
    if isinstance(settings, OnnxRuntime):
        kind = "float32" if settings.int8 == "none" else f"{settings.int8} int8" + (f", float: {left}" if left else "")
        return f"ONNX Runtime: {kind}"
    said = [f"float parts {settings.precision}"]
    if settings.int8:
        ranges = [f"ranges {settings.ranges}"] if settings.ranges != "min-max" else []
        smooth = ["SmoothQuant"] if settings.smooth_quant else []
        said = ["int8", *([f"float: {left}"] if left else []), *said, *ranges, *smooth]
    return "OpenVINO: " + ", ".join(said)
