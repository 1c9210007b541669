# mypy: disable-error-code="no-untyped-call"
"""The recipe of SpeechBrain's quantization tutorial, and presets built from its parts.

``torch.ao.quantization`` is deprecated upstream and complete in the pinned version; all use of it is in this folder.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.ao import quantization as ao

from asrquant.audio.clip import Audio
from asrquant.base.errors import AsrQuantError, PresetError, first_line
from asrquant.base.progress import Progress, silent
from asrquant.base.quiet import quietly
from asrquant.engines.torch_eager.qnnpack import mend
from asrquant.engines.torch_eager.targets import resolve
from asrquant.model.engine_settings import TorchEager
from asrquant.model.modules import Roles, get_module, set_module
from asrquant.model.presets import PRESETS, Preset

BACKEND_LOCK = threading.RLock()
"""The quantized backend is global to the process and matters while weights are packed."""

_OBSERVERS: dict[str, Any] = {
    "min-max": ao.MinMaxObserver,
    "moving-average": ao.MovingAverageMinMaxObserver,
    "histogram": ao.HistogramObserver,
}


class StaticQuant(nn.Module):
    """The tutorial's wrapper: quantizes what goes into a module and dequantizes what comes out.

    Attributes that it does not have are looked up in the wrapped model; each member of a tuple output is dequantized.
    """

    qconfig: Any

    def __init__(self, model: nn.Module, qconfig: ao.QConfig | None = None) -> None:
        """Wrap ``model``, to be observed as ``qconfig`` says."""
        super().__init__()
        self.qconfig = qconfig
        self.quant = ao.QuantStub()
        self.model = model
        self.dequant = ao.DeQuantStub()

    def __getattr__(self, name: str) -> Any:
        """A member of the wrapper, else of the wrapped model."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            modules = self.__dict__.get("_modules", {})
            if "model" not in modules:
                raise
            return getattr(modules["model"], name)

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        """Float in, float out; quantized in between, once converted."""
        outputs = self.model(self.quant(x), *args, **kwargs)
        if isinstance(outputs, tuple):
            return tuple(self.dequant(output) for output in outputs)
        return self.dequant(outputs)


def custom_quantize(
    model: object,
    dynamic_modules: Sequence[str] | None = None,
    static_modules: Sequence[str] | None = None,
    calibration_samples: Sequence[torch.Tensor] | None = None,
    dynamic_targets: set[type[nn.Module]] | None = None,
    dynamic_dtype: torch.dtype = torch.qint8,
    static_qconfig: ao.QConfig = ao.default_qconfig,
    progress: Progress = silent,
) -> None:
    """The tutorial's function: quantize parts of a model in place.

    Args:
        model: an EncoderASR, or anything whose ``mods`` holds the encoder.
        dynamic_modules: paths below ``model.mods`` to quantize dynamically.
        static_modules: paths to quantize statically.
        calibration_samples: waves [T], float32 at 16 kHz, to find the static parts' ranges with.
        dynamic_targets: classes to quantize dynamically; None takes Linear and the recurrent ones.
        dynamic_dtype: ``torch.qint8`` or ``torch.float16``.
        static_qconfig: observers of the static parts.
        progress: called before each layer of a list of them, and before each calibration clip.

    Raises:
        PresetError: a path does not exist, or static modules were named without calibration samples.
    """
    if static_modules and not calibration_samples:
        raise PresetError("No calibration samples were given for static quantization; pass some.")
    if dynamic_targets is None:
        dynamic_targets = {nn.LSTM, nn.GRU, nn.RNNCell, nn.GRUCell, nn.LSTMCell, nn.Linear}
    with quietly():  # deprecation notices, and observers on branches that no clip ran through
        paths = [part for path in dynamic_modules or () for part in _layers(model, path)]
        for index, path in enumerate(paths):
            progress("quantizing layers", index, len(paths))
            # Held in a list, a module that is itself a target (a bare Linear) is replaced like any other.
            holder = nn.ModuleList([get_module(model, path)])
            ao.quantize_dynamic(holder, dynamic_targets, dtype=dynamic_dtype, inplace=True)
            set_module(model, path, holder[0])
        if static_modules:
            _quantize_static(model, static_modules, calibration_samples or (), static_qconfig, progress)


def _layers(model: object, path: str) -> list[str]:
    """The paths of a list's modules, or the path itself."""
    module = get_module(model, path)
    return [f"{path}.{name}" for name, _ in module.named_children()] if isinstance(module, nn.ModuleList) else [path]


def _quantize_static(
    model: Any, paths: Sequence[str], samples: Sequence[torch.Tensor], qconfig: ao.QConfig, progress: Progress
) -> None:
    for path in paths:
        set_module(model, path, StaticQuant(get_module(model, path), qconfig))
    encoder = get_module(model, "encoder")
    ao.prepare(encoder, inplace=True)
    with torch.no_grad():
        for index, sample in enumerate(samples):
            progress("calibrating", index, len(samples))
            encoder(sample.unsqueeze(0))
    progress("calibrating", len(samples), len(samples))
    ao.convert(encoder, inplace=True)


def default_backend() -> str:
    """The quantized kernels that are made for this CPU: x86, or qnnpack on ARM."""
    supported = torch.backends.quantized.supported_engines
    return next((name for name in ("x86", "fbgemm", "qnnpack") if name in supported), "none")


_X86, _ARM = ("x86", "fbgemm", "onednn"), "qnnpack"


def instead(preset: Preset, backend: str) -> str:
    """The backend that a preset's own becomes here: ARM's where a named preset has one of x86's, which is not in this build.

    Whoever asks for a backend by name gets that one or a refusal. Not tried on ARM.
    """
    named = preset.name in PRESETS and PRESETS[preset.name].settings == preset.settings
    here = _backends()
    return _ARM if named and backend in _X86 and backend not in here and _ARM in here else backend


FLOAT16_BACKENDS = ("x86", "fbgemm")
"""Those whose kernels take float16 weights; the others refuse to pack them."""


def _backends() -> list[str]:
    return [name for name in torch.backends.quantized.supported_engines if name != "none"]


def no_backend(name: str) -> str | None:
    """Why this build of PyTorch cannot take a backend; None where it can."""
    if name in _backends():
        return None
    return f"The backend {name!r} is not in this build of PyTorch; it has {', '.join(_backends()) or 'none'}."


def lacks(preset: Preset) -> str | None:
    """Why this build of PyTorch cannot carry out a preset on this processor; None where it can."""
    settings = preset.settings_for(TorchEager)
    backend = settings.backend or default_backend()
    if reason := no_backend(backend):
        return reason
    if settings.dynamic and settings.dynamic_dtype == "float16" and backend not in FLOAT16_BACKENDS:
        return f"The backend {backend!r} has no kernels for float16 weights; use {' or '.join(FLOAT16_BACKENDS)}, or qint8."
    return None


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Set the process's quantized backend while weights are packed, under a lock, and put the old one back.

    Raises:
        PresetError: this build of PyTorch does not have it.
    """
    if reason := no_backend(name):
        raise PresetError(reason)
    with BACKEND_LOCK:
        before = torch.backends.quantized.engine
        torch.backends.quantized.engine = name
        try:
            yield
        finally:
            torch.backends.quantized.engine = before


def mend_packed(encoder: nn.Module, backend: str) -> None:
    """Make good, in place, what unpacking spoils in a converted encoder; see ``qnnpack``."""
    if backend == "qnnpack":
        mend(encoder, lambda: use_backend(backend))


def qconfig_of(settings: TorchEager, backend: str) -> Any:
    """The observers that the settings ask for, as PyTorch's QConfig."""
    if settings.observer == "backend":
        return ao.get_default_qconfig(backend)
    if settings.observer == "min-max" and not settings.per_channel:
        return ao.default_qconfig
    weight = ao.default_per_channel_weight_observer if settings.per_channel else ao.default_weight_observer
    return ao.QConfig(activation=_OBSERVERS[settings.observer].with_args(reduce_range=True), weight=weight)


@contextmanager
def _int8_forms(paths: Sequence[str]) -> Iterator[None]:
    """What PyTorch says of an operation without an int8 form, as a sentence."""
    try:
        yield
    except AsrQuantError:
        raise
    except Exception as error:  # NotImplementedError, RuntimeError, AttributeError: whatever the module does with int8
        raise PresetError(
            f"{', '.join(paths)} cannot be quantized statically: PyTorch has no int8 form of something in there "
            f"({first_line(error)[:100]}); choose the convolutions and linear layers in it."
        ) from error


def quantize_encoder(
    encoder: nn.Module,
    preset: Preset,
    roles: Roles,
    calibration: Sequence[Audio] | None,
    progress: Progress = silent,
) -> str:
    """Quantize an encoder in place.

    Args:
        encoder: a float one, that nobody else needs.
        preset: says what and how.
        roles: its modules' roles.
        calibration: clips for the static parts; None leaves their ranges unset, for a state dict that brings them.
        progress: called before each layer and each calibration clip.

    Returns:
        The backend that the weights are packed for.

    Raises:
        PresetError: the preset does not fit the model or this machine.
    """
    model = SimpleNamespace(mods=SimpleNamespace(encoder=encoder))
    settings = preset.settings_for(TorchEager)
    dynamic, static = resolve(preset, model, roles)
    backend = settings.backend or default_backend()
    with use_backend(backend):
        dtype = torch.float16 if settings.dynamic_dtype == "float16" else torch.qint8
        custom_quantize(model, dynamic_modules=dynamic, dynamic_dtype=dtype, progress=progress)
        if static:
            samples = [torch.from_numpy(audio.samples) for audio in calibration or ()]
            with _int8_forms(static):
                _quantize_static(model, static, samples, qconfig_of(settings, backend), progress)
                if samples:  # what converts need not run
                    with torch.no_grad():
                        encoder.eval()(samples[0][None])
    mend_packed(encoder, backend)
    encoder.eval()
    return backend
