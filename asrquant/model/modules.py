"""Submodules by path, what can be quantized how, and what they weigh in memory.

``get_module`` and ``set_module`` are the SpeechBrain tutorial's, by name and meaning: paths start below ``model.mods``.
What PyTorch's eager mode can quantize follows its documentation and the tutorial's notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from asrquant.base.errors import PresetError

ROLES = ("feature_extractor", "feature_projection", "transformer_layers", "head", "ctc_output")
"""The parts that named presets speak of; a source says which of its modules plays which."""

DYNAMIC_TYPES: tuple[type[nn.Module], ...] = (
    nn.Linear, nn.LSTM, nn.GRU, nn.RNNCell, nn.GRUCell, nn.LSTMCell, nn.EmbeddingBag, nn.Embedding,
)  # fmt: skip
STATIC_TYPES: tuple[type[nn.Module], ...] = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.EmbeddingBag, nn.Embedding,
)  # fmt: skip


@dataclass(frozen=True)
class Roles:
    """Path of the module that plays each role, or None where the model has none.

    ``front_end`` computes features of a kind that is always the same, such as log-mel; no preset quantizes it.
    """

    feature_extractor: str | None = None
    feature_projection: str | None = None
    transformer_layers: str | None = None
    head: str | None = None
    ctc_output: str | None = None
    front_end: str | None = None

    def path(self, role: str) -> str | None:
        """The path of a role named in ``ROLES``."""
        path: str | None = getattr(self, role)
        return path


def find_roles(encoder: nn.Module) -> Roles:
    """Find the parts by the names that SpeechBrain's recipes and transformers' speech encoders give them."""
    paths = dict(encoder.named_modules(prefix="encoder"))

    def ending(*tails: str) -> str | None:
        return next((path for tail in tails for path in paths if path == tail or path.endswith("." + tail)), None)

    return Roles(
        feature_extractor=ending("feature_extractor"),
        feature_projection=ending("feature_projection"),
        transformer_layers=ending("model.encoder.layers", "encoder.layers", "encoder.layer"),
        head=ending("encoder.enc"),
        ctc_output=ending("ctc_lin", "lm_head"),
    )


@dataclass(frozen=True)
class ModuleInfo:
    """One row of the module map.

    Attributes:
        path: as ``custom`` presets name it.
        kind: class of the module.
        role: its role, or an empty string.
        parameters: number of weights.
        bytes: size of its parameters and buffers in memory.
        share: of the encoder's bytes, 0 to 1.
        dynamic: why it cannot be quantized dynamically, or None where it can.
        static: why it cannot be quantized statically, or None where it can.
    """

    path: str
    kind: str
    role: str
    parameters: int
    bytes: int
    share: float
    dynamic: str | None
    static: str | None


def get_module(model: object, module_string: str) -> nn.Module:
    """The submodule at a path such as ``encoder.wav2vec2.model.encoder.layers.0``.

    Args:
        model: an EncoderASR or a Recognizer (anything with ``mods``), or a plain module to start from.
        module_string: attribute names and list indices, joined by dots.

    Raises:
        PresetError: there is no such submodule; says up to where the path exists.
    """
    current: Any = getattr(model, "mods", model)
    walked: list[str] = []
    for name in module_string.split("."):
        try:
            current = current[int(name)] if name.isnumeric() else getattr(current, name)
        except (AttributeError, IndexError, KeyError, TypeError):
            raise PresetError(_no_module(module_string, walked, current)) from None
        walked.append(name)
    if not isinstance(current, nn.Module):
        raise PresetError(f"{module_string!r} is a {type(current).__name__}, not a module.")
    return current


def set_module(model: object, module_string: str, new_module: nn.Module) -> None:
    """Replace the submodule at a path; see ``get_module``.

    Raises:
        PresetError: there is no such submodule.
    """
    get_module(model, module_string)
    parent_path, _, name = module_string.rpartition(".")
    parent: Any = get_module(model, parent_path) if parent_path else getattr(model, "mods", model)
    if name.isnumeric():
        parent[int(name)] = new_module
    else:
        setattr(parent, name, new_module)


def _no_module(path: str, walked: list[str], at: Any) -> str:
    names = [name for name, _ in at.named_children()] if isinstance(at, nn.Module) else list(vars(at))
    where = ".".join(walked) or "the model"
    return f"The model has no module {path!r}: {where} has {', '.join(sorted(names)) or 'no submodules'}."


def not_dynamic(module: nn.Module) -> str | None:
    """Why dynamic quantization would do nothing here, or None where it works."""
    if any(type(m) in DYNAMIC_TYPES for m in module.modules()):
        return None
    return "it holds no Linear, recurrent or embedding layer"


READS_WEIGHTS = ("WavLMAttention",)
"""Classes that take the float weights out of their Linear layers instead of calling them."""


def dynamic_parts(path: str, module: nn.Module) -> tuple[str, ...]:
    """The module itself, or the largest parts of it that dynamic quantization does not break.

    Args:
        path: of the module.
        module: what is there.

    Returns:
        Paths of parts that hold something to quantize and no module of ``READS_WEIGHTS``.
    """
    if not any(type(child).__name__ in READS_WEIGHTS for child in module.modules()):
        return (path,) if not_dynamic(module) is None else ()
    if type(module).__name__ in READS_WEIGHTS:
        return ()
    return tuple(part for name, child in module.named_children() for part in dynamic_parts(f"{path}.{name}", child))


def not_static(module: nn.Module) -> str | None:
    """Why static quantization cannot be done here, or None where it can."""
    before: nn.Module | None = None
    for name, child in module.named_modules():
        kind = type(child).__name__
        if kind.endswith("Attention"):
            return f"attention ({name or kind}) has no static int8 form in PyTorch; use dynamic"
        if nn.utils.parametrize.is_parametrized(child):
            return f"{name or kind} is parametrized (weight normalisation), for which PyTorch has no quantized form"
        if isinstance(child, (nn.LSTM, nn.GRU, nn.RNNCellBase)):
            return f"{name or kind} is recurrent; use dynamic"
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            if not isinstance(before, nn.modules.conv._ConvNd):
                return f"{name or kind} is a batch normalisation that follows no convolution; use dynamic"
            if isinstance(child, nn.BatchNorm1d):  # PyTorch has one of two and of three dimensions
                return f"{name or kind} is a batch normalisation that has to be fused first; use fused-static-int8 where it fits"
        if not list(child.children()):
            before = child
    if any(type(m) in STATIC_TYPES for m in module.modules()):
        return None
    return "it holds no Linear, convolution or embedding layer"


def module_bytes(module: nn.Module) -> int:
    """Bytes of the module's parameters and buffers."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(t.numel() * t.element_size() for t in tensors)


def module_map(model: object, roles: Roles) -> tuple[ModuleInfo, ...]:
    """The parts of an encoder: every module that plays a role, and what lies beside them, in order of the data."""
    encoder = get_module(model, "encoder")
    by_path = {path: role for role in ROLES if (path := roles.path(role))}
    total = max(1, module_bytes(encoder))
    rows: list[ModuleInfo] = []

    def visit(path: str, module: nn.Module) -> None:
        if path not in by_path and any(other.startswith(path + ".") for other in by_path):
            for name, child in module.named_children():
                visit(f"{path}.{name}", child)
            return
        size = module_bytes(module)
        count = sum(p.numel() for p in module.parameters())
        if path in by_path or count:
            rows.append(
                ModuleInfo(path, type(module).__name__, by_path.get(path, ""), count, size, size / total,
                           not_dynamic(module), not_static(module))
            )  # fmt: skip

    visit("encoder", encoder)
    return tuple(rows)
