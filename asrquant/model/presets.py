"""What to quantize and how: ``Preset``, the named ones, and ``custom``.

The dynamic and static module lists, the dtype, the default qconfig, ten calibration clips and seed 1337 are those of
SpeechBrain's quantization tutorial; ``speechbrain-int8`` is that recipe to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from asrquant.base.errors import PresetError
from asrquant.data.bundled import CALIBRATION_CLIPS, CALIBRATION_SEED
from asrquant.model.modules import ROLES, Roles, dynamic_parts, get_module, not_dynamic, not_static

Precision = Literal["auto", "f32", "bf16"]
Ranges = Literal["min-max", "mean-quantile"]
Scheme = Literal["float", "dynamic", "static"]
DynamicDtype = Literal["qint8", "float16"]
Backend = Literal["fbgemm", "x86", "onednn", "qnnpack"]
Observer = Literal["backend", "min-max", "moving-average", "histogram"]
DYNAMIC_DTYPES: tuple[str, ...] = get_args(DynamicDtype)
BACKENDS: tuple[str, ...] = get_args(Backend)
OBSERVERS: tuple[str, ...] = get_args(Observer)


@dataclass(frozen=True)
class OpenVino:
    """Settings of the engine ``openvino``.

    Attributes:
        precision: that the float parts compute in; ``auto`` is bfloat16 where the processor has it, else float32.
        int8: whether NNCF quantizes weights and activations, with ranges seen in calibration.
        ignored: roles or module paths that stay float.
        ranges: how NNCF estimates the ranges of activations: ``min-max`` its default, ``mean-quantile`` the mean over
            the clips of each clip's outermost quantiles (1e-4), which forgives outliers.
        max_drop: WER in points that may be lost on the validation clips; layers go back to float until it holds. None
            quantizes without looking.
        smooth_quant: whether NNCF moves the ranges of activations into weights (SmoothQuant) first. Off, as it doubled the
            divergence from the float model where it was measured (see ``examples/openvino_settings.py``); large language
            models are what it was made for.
    """

    precision: Precision = "auto"
    int8: bool = False
    ignored: tuple[str, ...] = ("ctc_output",)
    ranges: Ranges = "min-max"
    max_drop: float | None = None
    smooth_quant: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that could not be carried out."""
        for field, value, allowed in (
            ("precision", self.precision, get_args(Precision)),
            ("ranges", self.ranges, get_args(Ranges)),
        ):
            if value not in allowed:
                raise PresetError(f"{field} is {value!r}; it can be {', '.join(allowed)}.")
        if self.max_drop is not None and (self.max_drop < 0 or not self.int8):
            raise PresetError(f"max_drop is {self.max_drop}; it is 0 or more points of WER, and needs int8.")
        if self.max_drop is not None and self.smooth_quant:
            raise PresetError(
                "max_drop and smooth_quant exclude each other: a layer put back to float gets its first weights, not those "
                "that fit its smoothed activations."
            )


@dataclass(frozen=True)
class Preset:
    """How a recognizer is quantized.

    Attributes:
        name: what people call it.
        summary: one line on what it does; what that brings is for a measurement to say.
        engine: file in ``asrquant/engines`` that carries it out; empty for the float model itself.
        dynamic: roles (see ``modules.ROLES``) or module paths whose weights are quantized ahead, activations on the fly.
        static: roles or paths whose weights and activations are quantized with ranges seen in calibration.
        dynamic_dtype: of the dynamic parts.
        backend: the process-wide kernels that weights are packed for; None takes what the CPU has (x86 or qnnpack).
        observer: how activation ranges are found: ``backend`` is that backend's own qconfig (histogram, weights per
            channel), ``min-max`` the tutorial's ``default_qconfig``.
        per_channel: static weights get a scale per output channel; ``backend`` decides that itself.
        calibration_clips: number of clips that the static parts are calibrated with.
        calibration_seed: that the clips are drawn with.
        openvino: settings of the engine ``openvino``; the ones above it but the calibration are ``torch_eager``'s.
    """

    name: str
    summary: str
    engine: str = "torch_eager"
    dynamic: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    dynamic_dtype: DynamicDtype = "qint8"
    backend: Backend | None = None
    observer: Observer = "backend"
    per_channel: bool = False
    calibration_clips: int = CALIBRATION_CLIPS
    calibration_seed: int = CALIBRATION_SEED
    openvino: OpenVino | None = None

    def __post_init__(self) -> None:
        """Refuse settings that no engine could carry out."""
        for field, value, allowed in (
            ("dynamic_dtype", self.dynamic_dtype, DYNAMIC_DTYPES),
            ("backend", self.backend, (None, *BACKENDS)),
            ("observer", self.observer, OBSERVERS),
        ):
            if value not in allowed:
                raise PresetError(f"{field} is {value!r}; it can be {', '.join(map(str, allowed))}.")
        if self.calibration_clips < 1:
            raise PresetError(f"calibration_clips is {self.calibration_clips}; at least 1 clip is needed.")
        if twice := set(self.dynamic) & set(self.static):
            raise PresetError(f"{', '.join(sorted(twice))}: dynamic and static at once; choose one.")

    @property
    def needs_calibration(self) -> bool:
        """Whether clips must be run to find the ranges of activations."""
        return bool(self.static) or bool(self.openvino and self.openvino.int8)

    @property
    def needs_validation(self) -> bool:
        """Whether clips with references are needed to look at the WER."""
        return bool(self.openvino and self.openvino.max_drop is not None)


_DYNAMIC = ("transformer_layers", "head")
_STATIC = ("feature_extractor", "feature_projection")

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("original", "The float32 model as it is: the reference for everything else.", engine=""),
        Preset(
            "dynamic-int8",
            "Transformer layers and head in int8, activations quantized on the fly; needs no calibration.",
            dynamic=_DYNAMIC,
        ),
        Preset(
            "mixed-int8",
            "The tutorial's modules with the backend's own settings: weights per channel, histogram observers.",
            dynamic=_DYNAMIC,
            static=_STATIC,
        ),
        Preset(
            "speechbrain-int8",
            "SpeechBrain's tutorial to the letter, with its per-tensor min-max ranges.",
            dynamic=_DYNAMIC,
            static=_STATIC,
            observer="min-max",
        ),
        Preset(
            "static-int8",
            "Only the convolutional feature extractor and its projection in int8, with calibrated ranges.",
            static=_STATIC,
        ),
        Preset(
            "dynamic-float16",
            "Transformer layers and head with their weights rounded to float16; needs no calibration.",
            dynamic=_DYNAMIC,
            dynamic_dtype="float16",
        ),
        Preset(
            "everything-int8",
            "mixed-int8 and the CTC output layer too.",
            dynamic=(*_DYNAMIC, "ctc_output"),
            static=_STATIC,
        ),
        Preset(
            "openvino-fp32",
            "OpenVINO in float32: another engine, nothing quantized.",
            engine="openvino",
            openvino=OpenVino(precision="f32"),
        ),
        Preset(
            "openvino-bf16",
            "OpenVINO computing in bfloat16, on processors that have it; the file stays float32.",
            engine="openvino",
            openvino=OpenVino(precision="bf16"),
        ),
        Preset(
            "openvino-int8",
            "OpenVINO with NNCF's post-training int8 for weights and activations; the CTC output layer stays float.",
            engine="openvino",
            openvino=OpenVino(int8=True),
        ),
        Preset(
            "openvino-int8-accurate",
            "openvino-int8, with layers put back to float while the WER on validation clips is over 0.5 points worse.",
            engine="openvino",
            openvino=OpenVino(int8=True, max_drop=0.5),
        ),
    )
}


def get_preset(preset: object) -> Preset:
    """A preset by name (or itself).

    Raises:
        PresetError: no preset has that name; lists those that exist.
    """
    if isinstance(preset, Preset):
        return preset
    if not isinstance(preset, str) or preset not in PRESETS:
        raise PresetError(f"There is no preset {preset!r}; there are {', '.join(PRESETS)}, and custom().")
    return PRESETS[preset]


def refuse_equal_names(presets: Sequence[Preset]) -> None:
    """Check that presets can be told apart by their names, as results are.

    Raises:
        PresetError: two have the same name; says how to give one another.
    """
    names = [preset.name for preset in presets]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PresetError(
            f"Two presets are called {twice[0]!r}, and results are told apart by that name; give one of them another, as "
            "custom(…, name='mine') or dataclasses.replace(preset, name='mine') does."
        )


def custom(schemes: Mapping[str, str], base: str | Preset | None = None, **settings: Any) -> Preset:
    """A preset of one's own.

    Args:
        schemes: role or module path → ``float``, ``dynamic`` or ``static``.
        base: a preset to start from; ``schemes`` then changes it.
        **settings: any other field of ``Preset``, such as ``backend="fbgemm"`` or ``calibration_clips=5``.

    Raises:
        PresetError: an unknown scheme or setting.
    """
    start = get_preset(base) if base is not None else Preset("custom", "")
    chosen: dict[str, str] = {**dict.fromkeys(start.dynamic, "dynamic"), **dict.fromkeys(start.static, "static")}
    for name, scheme in schemes.items():
        if scheme not in get_args(Scheme):
            raise PresetError(f"{name!r} is to be {scheme!r}; a scheme is one of {', '.join(get_args(Scheme))}.")
        chosen[name] = scheme
    summary = ", ".join(f"{name}: {scheme}" for name, scheme in chosen.items()) or "nothing quantized"
    if start.openvino:
        summary = f"{start.name} with other settings"
    if start.openvino and schemes:
        raise PresetError(
            f"{start.name!r} is OpenVINO's, which takes no schemes by module; say what it shall leave float."
        )
    settings = {"engine": start.engine or "torch_eager", "name": "custom", "summary": summary, **settings}
    try:
        return replace(
            start,
            dynamic=tuple(name for name, scheme in chosen.items() if scheme == "dynamic"),
            static=tuple(name for name, scheme in chosen.items() if scheme == "static"),
            **settings,
        )
    except TypeError as error:
        raise PresetError(f"A preset has no such setting: {error}.") from None


def resolve(preset: Preset, model: Any, roles: Roles) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The module paths that a preset means on a model, as (dynamic, static).

    A role that the model does not have is passed over, so that a named preset holds for models of other families; a
    path that it does not have is an error.

    Raises:
        PresetError: names a path that does not exist, or that cannot be quantized so, and says why.
    """
    dynamic: tuple[str, ...] = ()
    static = _paths(preset.static, roles)
    for path in _paths(preset.dynamic, roles):
        if reason := not_dynamic(module := get_module(model, path)):
            raise PresetError(f"{path} cannot be quantized dynamically: {reason}.")
        if not (parts := dynamic_parts(path, module)):
            raise PresetError(
                f"{path} cannot be quantized dynamically: its class uses the float weights of its layers."
            )
        dynamic += parts
    for path in static:
        if reason := not_static(get_module(model, path)):
            raise PresetError(f"{path} cannot be quantized statically: {reason}.")
    _refuse_nested(dynamic, static)
    if not dynamic and not static:
        raise PresetError(f"The preset {preset.name!r} quantizes nothing on this model; choose other modules.")
    return dynamic, static


def _paths(names: tuple[str, ...], roles: Roles) -> tuple[str, ...]:
    paths = [roles.path(name) if name in ROLES else name for name in names]
    return tuple(path for path in paths if path)


def _refuse_nested(dynamic: tuple[str, ...], static: tuple[str, ...]) -> None:
    for path in static:
        for other in (*dynamic, *static):
            if other != path and (other.startswith(path + ".") or path.startswith(other + ".")):
                raise PresetError(f"{path} is to be static and overlaps {other}; name modules that do not overlap.")
            if other in dynamic and other == path:
                raise PresetError(f"{path} is to be dynamic and static at once; choose one.")
