"""What an encoder weighs when it is saved, and what in it is quantized, in whatever form it is."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import IO, Any, cast

import torch
from torch import nn


def compact_state_dict(module: nn.Module) -> dict[str, Any]:
    """The state dict, with weights that are packed in float16 stored in float16.

    PyTorch unpacks those into float32 when it saves them, which doubles the file and adds nothing: every value is a
    float16 one. ``expand_state_dict`` undoes it.
    """
    state: dict[str, Any] = module.state_dict()
    for name, child in module.named_modules():
        if type(child).__name__ == "LinearPackedParams" and child.dtype == torch.float16:
            weight, bias = state[f"{name}._packed_params"]
            state[f"{name}._packed_params"] = (weight.half(), bias)
    return state


def expand_state_dict(state: dict[str, Any]) -> dict[str, Any]:
    """The same state dict as PyTorch would have saved it, for ``load_state_dict``."""
    for name, value in state.items():
        if isinstance(value, tuple) and isinstance(value[0], torch.Tensor) and value[0].dtype == torch.float16:
            state[name] = (value[0].float(), *value[1:])
    return state


class ForeignEncoder(nn.Module):
    """An encoder that computes outside PyTorch, so that its modules and weights cannot be looked at."""

    def saved_bytes(self) -> int:
        """Bytes that saving it takes."""
        raise NotImplementedError

    def quantized(self) -> dict[str, int]:
        """How many operations of each kind are quantized, as ``quantized_modules`` says it."""
        raise NotImplementedError

    def quantized_paths(self) -> frozenset[str]:
        """Paths of the modules whose weights are quantized, as the float model names them."""
        raise NotImplementedError


def serialized_bytes(module: nn.Module) -> int:
    """Bytes that saving the module takes: ``torch.save`` of its ``compact_state_dict``, or the file that its engine writes."""
    if isinstance(module, ForeignEncoder):
        return module.saved_bytes()
    if isinstance(module, torch.jit.ScriptModule):
        return len(module.save_to_buffer())
    state = compact_state_dict(module)
    if not (shape := _shape(state)):
        return _counted(state)
    if shape not in _known_bytes:
        _known_bytes[shape] = _counted(state)
    return _known_bytes[shape]


def _counted(state: Mapping[str, Any]) -> int:
    counter = _Counter()
    torch.save(state, cast(IO[bytes], counter))
    return counter.written


_known_bytes: dict[str, int] = {}
"""By shape: counting takes a second a gigabyte."""


def _shape(state: Mapping[str, Any]) -> str:
    """A digest of all that the length of a saved state dict depends on; empty where weights are packed, which do not tell."""
    if not all(type(value) is torch.Tensor and not value.is_quantized for value in state.values()):
        return ""
    tensors = [
        (name, str(value.dtype), tuple(value.shape), value.stride(), value.storage_offset(), value.untyped_storage().nbytes(),
         value.untyped_storage().data_ptr())
        for name, value in state.items()
    ]  # fmt: skip
    return hashlib.sha256(repr((tensors, getattr(state, "_metadata", None))).encode()).hexdigest()


class _Counter(io.RawIOBase):
    """A file that only counts, so that a large model is not held twice."""

    written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self.written += size
        return size


_OPERATIONS = {
    "dynamic Linear": ("quantized::linear_dynamic", "quantized::linear_dynamic_fp16"),
    "dynamic LSTM": ("aten::quantized_lstm",),
    "dynamic GRU": ("aten::quantized_gru",),
    "static Linear": ("quantized::linear", "quantized::linear_relu"),
    "static Conv1d": ("quantized::conv1d", "quantized::conv1d_relu"),
    "static Conv2d": ("quantized::conv2d", "quantized::conv2d_relu"),
}


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.nodes():
        yield node
        for block in node.blocks():
            yield from _nodes(block)


def quantized_modules(module: nn.Module) -> dict[str, int]:
    """How many submodules of each quantized class there are, such as ``{"dynamic Linear": 27}``.

    In TorchScript, whose modules have lost their classes, the quantized operations of the graph are counted instead.
    """
    if isinstance(module, ForeignEncoder):
        return module.quantized()
    if isinstance(module, torch.jit.ScriptModule):
        called = Counter(node.kind() for node in _nodes(module.inlined_graph))
        return {
            name: sum(called[kind] for kind in kinds) for name, kinds in _OPERATIONS.items() if called & Counter(kinds)
        }
    counts: dict[str, int] = {}
    for child in module.modules():
        home = type(child).__module__
        if ".quantized" not in home or (not hasattr(child, "_weight_bias") and not hasattr(child, "_packed_params")):
            continue
        if type(child).__name__ == "LinearPackedParams":  # the weights of a Linear that is counted itself
            continue
        kind = "dynamic" if ".dynamic" in home else "static"
        name = f"{kind} {type(child).__name__}"
        counts[name] = counts.get(name, 0) + 1
    return counts
