"""What became of each layer of a model: its scheme and its bytes, before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from asrquant.base.errors import PresetError
from asrquant.model.footprint import ForeignEncoder
from asrquant.model.modules import get_module
from asrquant.model.recognizer import Recognizer

FLOAT = "float"
FUSED = "fused"
"""Of a norm that went into the convolution before it, as scales of its weights and as its bias."""


@dataclass(frozen=True)
class Layer:
    """A module that has weights of its own.

    Attributes:
        path: as ``custom`` presets name it.
        kind: its class in the float model.
        scheme: ``float``, ``dynamic int8``, ``dynamic float16``, ``static int8``, ``int8`` where the engine knows one only, or
            ``fused``: it went into the layer before it.
        before: bytes of its weights in the float model.
        after: bytes of its weights in the quantized one; scales and zero points, a few bytes a channel, are not counted.
    """

    path: str
    kind: str
    scheme: str
    before: int
    after: int


def layers(original: Recognizer, quantized: Recognizer) -> tuple[Layer, ...]:
    """The layers of a float model in their order, each with what a quantized form of it made of it.

    Args:
        original: the float recognizer.
        quantized: made from it; may be the same.
    """
    encoder = quantized.encoder
    foreign = frozenset(encoder.quantized_paths()) if isinstance(encoder, ForeignEncoder) else None
    return tuple(_layers(original, quantized, foreign))


def _layers(original: Recognizer, quantized: Recognizer, foreign: frozenset[str] | None) -> Iterator[Layer]:
    for path, module in original.encoder.named_modules(prefix="encoder"):
        tensors = list(module.parameters(recurse=False))
        if not tensors:
            continue
        whole = path.partition(".parametrizations")[0]  # weight normalisation keeps its two weights in a module below
        before = sum(t.numel() * t.element_size() for t in tensors)
        scheme = _scheme_at(quantized, whole) if foreign is None else "int8" if whole in foreign else FLOAT
        yield Layer(path, type(module).__name__, scheme, before, _after(tensors, before, scheme))


def _scheme_at(quantized: Recognizer, path: str) -> str:
    try:
        module = get_module(quantized, path)
    except PresetError:
        return FLOAT
    if isinstance(module, nn.Identity):
        return FUSED
    home = type(module).__module__
    if ".quantized" not in home:
        return FLOAT
    return f"dynamic {_dtype(module)}" if ".dynamic" in home else "static int8"


def _dtype(module: nn.Module) -> str:
    packed = getattr(module, "_packed_params", module)
    return "float16" if getattr(packed, "dtype", None) == torch.float16 else "int8"


def _after(tensors: list[nn.Parameter], before: int, scheme: str) -> int:
    """Matrices and kernels shrink; biases, which have one axis, stay float32."""
    if scheme == FLOAT:
        return before
    if scheme == FUSED:  # the bias is left of its two weights
        return before // 2
    each = 2 if scheme.endswith("float16") else 1
    return sum(t.numel() * (each if t.dim() > 1 else t.element_size()) for t in tensors)
