"""What to quantize and how: ``Preset``, the named ones, and ``custom``.

The dynamic and static module lists, the dtype, the default qconfig, ten calibration clips and seed 1337 are those of
SpeechBrain's quantization tutorial; ``speechbrain-int8`` is that recipe to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar, Unpack, get_args

from pydantic import Field

from asrquant.base.errors import PresetError
from asrquant.data.bundled import CALIBRATION_CLIPS, CALIBRATION_SEED
from asrquant.model.changes import Changes, changed_eager, changed_fused, changed_onnx, changed_openvino, chosen
from asrquant.model.engine_settings import (
    FIRST_CONVOLUTION,
    Backend,
    DynamicDtype,
    EngineSettings,
    Observer,
    OnnxRuntime,
    OpenVino,
    TorchEager,
    TorchFused,
)
from asrquant.model.moved import Moved

_Settings = TypeVar("_Settings", TorchEager, TorchFused, OpenVino, OnnxRuntime)


@dataclass(frozen=True)
class Calibration:
    """Which of the bundled clips the ranges of activations are found with, where nobody gives clips of their own.

    Attributes:
        clips: how many.
        seed: that they are drawn with.
    """

    clips: int = CALIBRATION_CLIPS
    seed: int = CALIBRATION_SEED

    def __post_init__(self) -> None:
        """Refuse to calibrate with nothing."""
        if self.clips < 1:
            raise PresetError(f"The number of calibration clips is {self.clips}; at least 1 clip is needed.")


@dataclass(frozen=True)
class Preset:
    """How a recognizer is quantized.

    Attributes:
        name: what people call it.
        summary: one line on what it does; what that brings is for a measurement to say.
        settings: of the engine that carries it out, which their type says; None for the float model itself.
        calibration: for settings that need clips.
    """

    name: str
    summary: str
    settings: Annotated[EngineSettings, Field(discriminator="engine")] | None = None
    calibration: Calibration = Calibration()

    def __post_init__(self) -> None:
        """Refuse what is no engine's settings, such as an engine's name."""
        if not isinstance(self.settings, EngineSettings | None):
            kinds = " or ".join(f"{kind.__name__}(…)" for kind in get_args(EngineSettings))
            raise PresetError(f"A preset's settings are {self.settings!r}; give {kinds}, or None for the float model.")
        if not isinstance(self.calibration, Calibration):
            raise PresetError(f"A preset's calibration is {self.calibration!r}; give Calibration(clips, seed).")

    @property
    def engine(self) -> str:
        """Name of the engine that carries it out; empty for the float model itself."""
        return "" if self.settings is None else self.settings.engine

    @property
    def needs_calibration(self) -> bool:
        """Whether clips must be run to find the ranges of activations."""
        return self.settings is not None and self.settings.needs_calibration

    @property
    def needs_validation(self) -> bool:
        """Whether clips with references are needed to look at the WER."""
        return self.settings is not None and self.settings.needs_validation

    def settings_for(self, kind: type[_Settings]) -> _Settings:
        """The settings, for the engine whose they are.

        Raises:
            PresetError: they are another engine's, or there are none.
        """
        if not isinstance(self.settings, kind):
            whose = f"of the engine {self.engine}" if self.engine else "the float model itself"
            raise PresetError(f"The preset {self.name!r} is {whose}, not of {kind.engine}.")
        return self.settings

    dynamic = Moved[tuple[str, ...]]("settings.dynamic", ())
    static = Moved[tuple[str, ...]]("settings.static", ())
    dynamic_dtype = Moved[DynamicDtype]("settings.dynamic_dtype", "qint8")
    backend = Moved[Backend | None]("settings.backend", None)
    observer = Moved[Observer]("settings.observer", "backend")
    per_channel = Moved[bool]("settings.per_channel", False)
    openvino = Moved[OpenVino | None]("settings", None, only=OpenVino)
    calibration_clips = Moved[int]("calibration.clips", CALIBRATION_CLIPS)
    calibration_seed = Moved[int]("calibration.seed", CALIBRATION_SEED)


_DYNAMIC = ("transformer_layers", "head")
_STATIC = ("feature_extractor", "feature_projection")

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("original", "The float32 model as it is: the reference for everything else."),
        Preset(
            "dynamic-int8",
            "Transformer layers and head in int8, activations quantized on the fly; needs no calibration.",
            TorchEager(dynamic=_DYNAMIC),
        ),
        Preset(
            "mixed-int8",
            "The tutorial's modules with the backend's own settings: weights per channel, histogram observers.",
            TorchEager(dynamic=_DYNAMIC, static=_STATIC),
        ),
        Preset(
            "mixed-int8-first-float",
            "mixed-int8 with the first convolution, which hears the wave itself, left float.",
            TorchEager(dynamic=_DYNAMIC, static=_STATIC, ignored=(FIRST_CONVOLUTION,)),
        ),
        Preset(
            "speechbrain-int8",
            "SpeechBrain's tutorial to the letter, with its per-tensor min-max ranges.",
            TorchEager(dynamic=_DYNAMIC, static=_STATIC, observer="min-max"),
        ),
        Preset(
            "static-int8",
            "Only the convolutional feature extractor and its projection in int8, with calibrated ranges.",
            TorchEager(static=_STATIC),
        ),
        Preset(
            "dynamic-float16",
            "Transformer layers and head with their weights rounded to float16; needs no calibration.",
            TorchEager(dynamic=_DYNAMIC, dynamic_dtype="float16"),
        ),
        Preset(
            "everything-int8",
            "mixed-int8 and the CTC output layer too.",
            TorchEager(dynamic=(*_DYNAMIC, "ctc_output"), static=_STATIC),
        ),
        Preset(
            "fused-static-int8",
            "Blocks of convolution, norm and ReLU fused and in int8 with calibrated ranges, as NeMo's users do it (fbgemm).",
            TorchFused(backend="fbgemm"),
        ),
        Preset(
            "fused-static-int8-qnnpack",
            "fused-static-int8 with the kernels that PyTorch has for ARM (qnnpack); not tried on ARM.",
            TorchFused(backend="qnnpack"),
        ),
        Preset(
            "openvino-fp32",
            "OpenVINO in float32: another engine, nothing quantized.",
            OpenVino(precision="f32"),
        ),
        Preset(
            "openvino-bf16",
            "OpenVINO computing in bfloat16, on processors that have it; the file stays float32.",
            OpenVino(precision="bf16"),
        ),
        Preset(
            "openvino-int8",
            "OpenVINO with NNCF's post-training int8 for weights and activations; the CTC output layer stays float.",
            OpenVino(int8=True),
        ),
        Preset(
            "openvino-int8-first-float",
            "openvino-int8 with the first convolution, which hears the wave itself, left float too.",
            OpenVino(int8=True, ignored=("ctc_output", FIRST_CONVOLUTION)),
        ),
        Preset(
            "openvino-int8-accurate",
            "openvino-int8, with layers put back to float while the WER on validation clips is over 0.5 points worse.",
            OpenVino(int8=True, max_drop=0.5),
        ),
        Preset(
            "onnx-fp32",
            "ONNX Runtime in float32: another engine, nothing quantized.",
            OnnxRuntime(),
        ),
        Preset(
            "onnx-dynamic-int8",
            "ONNX Runtime with the weights of matrix products in int8, activations quantized on the fly; needs no calibration.",
            OnnxRuntime(int8="dynamic", ignored=()),
        ),
        Preset(
            "onnx-int8",
            "ONNX Runtime with matrix products and convolutions in int8, calibrated; the first convolution stays float.",
            OnnxRuntime(int8="static"),
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


def custom(schemes: Mapping[str, str], base: str | Preset | None = None, **changes: Unpack[Changes]) -> Preset:
    """A preset of one's own.

    Args:
        schemes: role or module path → ``float``, ``dynamic`` or ``static``.
        base: a preset to start from; ``schemes`` then changes it.
        **changes: settings such as ``backend="fbgemm"`` or ``calibration_clips=5``, see ``Changes``.

    Raises:
        PresetError: an unknown scheme or setting, or one of another engine than the base's.
    """
    if unknown := [name for name in changes if name not in Changes.__annotations__]:
        known = ", ".join(Changes.__annotations__)
        raise PresetError(f"A preset has no such setting: {', '.join(unknown)}; custom() takes {known}.")
    start = get_preset(base) if base is not None else Preset("custom", "")
    settings = start.settings or changes.get("openvino") or changes.get("onnxruntime") or TorchEager()
    own: EngineSettings
    if isinstance(settings, OpenVino):
        own = changed_openvino(start.name, settings, schemes, changes)
        summary = f"{start.name} with other settings" if start.settings else "OpenVINO with settings of one's own"
    elif isinstance(settings, OnnxRuntime):
        own = changed_onnx(start.name, settings, schemes, changes)
        summary = f"{start.name} with other settings" if start.settings else "ONNX Runtime with settings of one's own"
    elif isinstance(settings, TorchFused):
        own = changed_fused(start.name, settings, schemes, changes)
        summary = f"{start.name} with other settings"
    else:
        by_module = chosen(settings, schemes)
        own = changed_eager(start.name, settings, by_module, changes)
        summary = ", ".join(f"{name}: {scheme}" for name, scheme in by_module.items()) or "nothing quantized"
    calibration = Calibration(
        changes.get("calibration_clips", start.calibration.clips),
        changes.get("calibration_seed", start.calibration.seed),
    )
    return Preset(changes.get("name", "custom"), changes.get("summary", summary), own, calibration)
