"""What can be asked of each engine: one type of settings an engine, each with its own checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from asrquant.base.errors import PresetError

DynamicDtype = Literal["qint8", "float16"]
Backend = Literal["fbgemm", "x86", "onednn", "qnnpack"]
Observer = Literal["backend", "min-max", "moving-average", "histogram"]
Precision = Literal["auto", "f32", "bf16"]
Ranges = Literal["min-max", "mean-quantile"]
OnnxInt8 = Literal["none", "dynamic", "static"]
DYNAMIC_DTYPES: tuple[str, ...] = get_args(DynamicDtype)
BACKENDS: tuple[str, ...] = get_args(Backend)
OBSERVERS: tuple[str, ...] = get_args(Observer)
FIRST_CONVOLUTION = "first_convolution"
"""What ``ignored`` calls the convolution that sees the wave, or the features made of it."""


@dataclass(frozen=True, kw_only=True)
class TorchEager:
    """Settings of the engine ``torch_eager``, PyTorch's eager mode.

    Attributes:
        engine: its name; the same for all settings of this type.
        dynamic: roles (see ``modules.ROLES``) or module paths whose weights are quantized ahead, activations on the fly.
        static: roles or paths whose weights and activations are quantized with ranges seen in calibration.
        ignored: roles, module paths, or ``first_convolution``, that stay float inside of those; static parts are then quantized
            piece by piece around them.
        dynamic_dtype: of the dynamic parts.
        backend: the process-wide kernels that weights are packed for; None takes what the CPU has (x86 or qnnpack).
        observer: how activation ranges are found: ``backend`` is that backend's own qconfig (histogram, weights per
            channel), ``min-max`` the tutorial's ``default_qconfig``.
        per_channel: static weights get a scale per output channel; ``backend`` decides that itself.
    """

    engine: Literal["torch_eager"] = field(default="torch_eager", init=False, repr=False)
    dynamic: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    dynamic_dtype: DynamicDtype = "qint8"
    backend: Backend | None = None
    observer: Observer = "backend"
    per_channel: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that could not be carried out."""
        _refuse_others("dynamic_dtype", self.dynamic_dtype, DYNAMIC_DTYPES)
        _refuse_others("backend", self.backend, (None, *BACKENDS))
        _refuse_others("observer", self.observer, OBSERVERS)
        if twice := set(self.dynamic) & set(self.static):
            raise PresetError(f"{', '.join(sorted(twice))}: dynamic and static at once; choose one.")

    @property
    def needs_calibration(self) -> bool:
        """Whether clips must be run to find the ranges of activations."""
        return bool(self.static)

    @property
    def needs_validation(self) -> bool:
        """Whether clips with references are needed to look at the WER; this engine never looks at it."""
        return False


@dataclass(frozen=True, kw_only=True)
class OpenVino:
    """Settings of the engine ``openvino``.

    Attributes:
        engine: its name; the same for all settings of this type.
        precision: that the float parts compute in; ``auto`` is bfloat16 where the processor has it, else float32.
        int8: whether NNCF quantizes weights and activations, with ranges seen in calibration.
        ignored: roles, module paths, or ``first_convolution``, that stay float.
        ranges: how NNCF estimates the ranges of activations: ``min-max`` its default, ``mean-quantile`` the mean over
            the clips of each clip's outermost quantiles (1e-4), which forgives outliers.
        max_drop: points of WER (of CER, where the script puts no spaces between words) that may be lost on the validation
            clips; layers go back to float until it holds. None quantizes without looking.
        smooth_quant: whether NNCF moves the ranges of activations into weights (SmoothQuant) first. Off, as it doubled the
            divergence from the float model where it was measured (see ``examples/openvino_settings.py``); large language
            models are what it was made for.
    """

    engine: Literal["openvino"] = field(default="openvino", init=False, repr=False)
    precision: Precision = "auto"
    int8: bool = False
    ignored: tuple[str, ...] = ("ctc_output",)
    ranges: Ranges = "min-max"
    max_drop: float | None = None
    smooth_quant: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that could not be carried out."""
        _refuse_others("precision", self.precision, get_args(Precision))
        _refuse_others("ranges", self.ranges, get_args(Ranges))
        if self.max_drop is not None and (self.max_drop < 0 or not self.int8):
            raise PresetError(f"max_drop is {self.max_drop}; it is 0 or more points of WER, and needs int8.")
        if self.max_drop is not None and self.smooth_quant:
            raise PresetError(
                "max_drop and smooth_quant exclude each other: a layer put back to float gets its first weights, not those "
                "that fit its smoothed activations."
            )

    @property
    def needs_calibration(self) -> bool:
        """Whether clips must be run to find the ranges of activations."""
        return self.int8

    @property
    def needs_validation(self) -> bool:
        """Whether clips with references are needed to look at the WER."""
        return self.max_drop is not None


@dataclass(frozen=True, kw_only=True)
class TorchFused:
    """Settings of the engine ``torch_fused``, static quantization of fused blocks of convolution and norm.

    Attributes:
        engine: its name; the same for all settings of this type.
        backend: the process-wide kernels that weights are packed for, whose default qconfig it takes.
    """

    engine: Literal["torch_fused"] = field(default="torch_fused", init=False, repr=False)
    backend: Backend = "fbgemm"

    def __post_init__(self) -> None:
        """Refuse settings that could not be carried out."""
        _refuse_others("backend", self.backend, BACKENDS)

    @property
    def needs_calibration(self) -> bool:
        """Clips must be run to find the ranges of activations."""
        return True

    @property
    def needs_validation(self) -> bool:
        """This engine never looks at the WER."""
        return False


@dataclass(frozen=True, kw_only=True)
class OnnxRuntime:
    """Settings of the engine ``onnxruntime``.

    Attributes:
        engine: its name; the same for all settings of this type.
        int8: ``dynamic`` quantizes the weights of matrix products ahead and their activations on the fly, ``static`` weights and
            activations of matrix products and convolutions with ranges seen in calibration, ``none`` nothing.
        ignored: roles, module paths, or ``first_convolution``, that stay float. The default is what ``static`` loses nearly all
            its accuracy by (see ``examples/onnx_float_layers.py``).
    """

    engine: Literal["onnxruntime"] = field(default="onnxruntime", init=False, repr=False)
    int8: OnnxInt8 = "none"
    ignored: tuple[str, ...] = (FIRST_CONVOLUTION,)

    def __post_init__(self) -> None:
        """Refuse settings that could not be carried out."""
        _refuse_others("int8", self.int8, get_args(OnnxInt8))

    @property
    def needs_calibration(self) -> bool:
        """Whether clips must be run to find the ranges of activations."""
        return self.int8 == "static"

    @property
    def needs_validation(self) -> bool:
        """This engine never looks at the WER."""
        return False


EngineSettings = TorchEager | TorchFused | OpenVino | OnnxRuntime
"""What a preset asks of an engine; its type says of which one. A new engine has its own here."""


def _refuse_others(name: str, value: object, allowed: Sequence[object]) -> None:
    if value not in allowed:
        raise PresetError(f"{name} is {value!r}; it can be {', '.join(map(str, allowed))}.")
