"""A torch encoder as an ONNX graph, and what in such a graph computes in int8.

Every node is called after the module that it came from, ``encoder.enc.linear1.w/MatMul``, so that presets can speak of it.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base.errors import AsrQuantError, PresetError, first_line
from asrquant.base.files import megabytes
from asrquant.base.quiet import is_loud, root_quietly
from asrquant.model.modules import module_bytes

WAVE, LOG_PROBS = "wave", "log_probs"
"""Names of the graph's input and output."""
QUANTIZABLE = ("MatMul", "Gemm", "Conv")
_OPSET = 17
"""The first with layer norms and short-time Fourier transforms; older runtimes read it too."""
_MOST_BYTES = 2_000_000_000
"""A file of protocol buffers ends at 2 GiB."""
_exporting = threading.Lock()
"""PyTorch's table of operations is the process's."""


def too_large(encoder: nn.Module) -> str | None:
    """Why an encoder has no room in an ONNX file, in a sentence; None where it has."""
    if (size := module_bytes(encoder)) > _MOST_BYTES:
        return (
            f"An ONNX file holds 2 GB, and this model's weights are {megabytes(size)}; use a preset of another engine."
        )
    return None


def write(encoder: nn.Module, path: Path) -> None:
    """Write a torch encoder as an ONNX graph, with the shapes that can be told without running it.

    Args:
        encoder: wave [B, T] → log-probs [B, F, V].
        path: of the file.

    Raises:
        PresetError: the tracer, or the exporter, does not know a part of the encoder.
        OSError: the disk is full or cannot be written.
    """
    import onnx
    from onnxruntime.quantization.quant_utils import add_infer_metadata, add_pre_process_metadata

    traced = path.with_name("traced.onnx")
    try:
        with torch.no_grad(), _same_modes(encoder), _own_symbols(), root_quietly():
            torch.onnx.export(
                encoder,
                (torch.randn(1, SAMPLE_RATE),),
                traced,
                input_names=[WAVE],
                output_names=[LOG_PROBS],
                dynamic_axes={WAVE: {0: "batch", 1: "samples"}, LOG_PROBS: {0: "batch", 1: "frames"}},
                opset_version=_OPSET,
                dynamo=False,
            )
    except (AsrQuantError, OSError):
        raise
    except Exception as error:  # its own kinds, the tracer's RuntimeError, and whatever the model does
        raise PresetError(
            f"PyTorch cannot write this model as ONNX ({first_line(error)}); use a preset of PyTorch's."
        ) from error
    onnx.shape_inference.infer_shapes_path(traced, path)
    traced.unlink()
    model = onnx.load(path)
    _name_after_modules(model, frozenset(name for name, _ in encoder.named_modules()))
    add_infer_metadata(model)  # or ONNX Runtime's quantizer would do it again
    add_pre_process_metadata(model)
    onnx.save(model, path)


def _name_after_modules(model: Any, modules: frozenset[str]) -> None:
    taken: dict[str, int] = {}
    for node in model.graph.node:
        name = f"{_module(node.name.split('/')[1:-1], modules)}/{node.op_type}"
        taken[name] = taken.get(name, 0) + 1
        node.name = name if taken[name] == 1 else f"{name}_{taken[name]}"


def _module(scopes: list[str], modules: frozenset[str]) -> str:
    """Scopes as PyTorch names them → path; a list's items are called ``layers.0``, a sequence's too, within its own scope."""
    path = ""
    for scope in scopes:
        for name in (scope, scope.rpartition(".")[2]):
            if (longer := f"{path}.{name}".lstrip(".")) in modules:
                path = longer
                break
    return f"encoder.{path}".rstrip(".")


@contextmanager
def _same_modes(encoder: nn.Module) -> Iterator[None]:
    """The exporter puts every module into the mode that the outermost had, where that is another one than they are in."""
    modes = [(module, module.training) for module in encoder.modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _own_symbols() -> Iterator[None]:
    """What the exporter does not know, written in ONNX's operations while it is at work; it prints no graph that fails."""
    exporter: Any = importlib.import_module("torch.onnx._internal.torchscript_exporter.utils")
    symbols: dict[str, Callable[..., Any]] = {
        "aten::layer_norm": _layer_norm, "aten::stft": _stft, "aten::view_as_real": lambda graph, x: x,
    }  # fmt: skip
    with _exporting:
        printing = exporter.setup_onnx_logging
        if not is_loud():
            exporter.setup_onnx_logging = lambda verbose: nullcontext()
        for name, symbol in symbols.items():
            exporter.register_custom_op_symbolic(name, symbol, _OPSET)
        try:
            yield
        finally:
            exporter.setup_onnx_logging = printing
            for name in symbols:
                exporter.unregister_custom_op_symbolic(name, _OPSET)


def _layer_norm(graph: Any, x: Any, shape: Any, weight: Any, bias: Any, eps: Any, *_: Any) -> Any:
    """As the exporter has it; without weights, over a length that is not fixed, mean and variance written out."""
    from torch.onnx import symbolic_helper as helper

    axes = (
        len(helper._unpack_list(shape))
        if shape.node().kind() == "prim::ListConstruct"
        else len(helper._parse_arg(shape, "is"))
    )
    epsilon = helper._parse_arg(eps, "f")
    if not helper._is_none(weight):
        inputs = (x, weight) if helper._is_none(bias) else (x, weight, bias)
        return graph.op("LayerNormalization", *inputs, epsilon_f=epsilon, axis_i=-axes)
    over = {"axes_i": list(range(-axes, 0)), "keepdims_i": 1}
    centred = graph.op("Sub", x, graph.op("ReduceMean", x, **over))
    variance = graph.op("ReduceMean", graph.op("Mul", centred, centred), **over)
    small = graph.op("Constant", value_t=torch.tensor(epsilon))
    normed = graph.op("Div", centred, graph.op("Sqrt", graph.op("Add", variance, small)))
    return normed if helper._is_none(bias) else graph.op("Add", normed, bias)


def _stft(graph: Any, wave: Any, fft: Any, hop: Any, length: Any, window: Any, *rest: Any) -> Any:
    """As the exporter has it, where what is complex is looked at as pairs of numbers at once, so that it may be pairs here."""
    from torch.onnx import symbolic_helper as helper

    whole_spectrum = not helper._is_none(rest[1]) and not helper._parse_arg(rest[1], "b")
    if helper._parse_arg(rest[0], "b") or whole_spectrum:
        raise PresetError(
            "This model's features are computed in a way that has no form in ONNX; use a preset of PyTorch's."
        )
    size, step = (helper._parse_arg(each, "i") for each in (fft, hop))
    seen = size if helper._is_none(length) else helper._parse_arg(length, "i")
    if helper._is_none(window):
        window = graph.op("CastLike", graph.op("Constant", value_t=torch.ones(seen)), wave)
    if missing := size - seen:  # ONNX wants the window as long as the transform, and PyTorch centres it
        pads = graph.op("Constant", value_t=torch.tensor([missing // 2, missing - missing // 2]))
        window = graph.op("Pad", window, pads)
    numbers = [graph.op("Constant", value_t=torch.tensor(number)) for number in (step, size)]
    spectrum = graph.op("STFT", wave, numbers[0], window, numbers[1], onesided_i=1)
    return graph.op("Transpose", spectrum, perm_i=[0, 2, 1, 3])


@dataclass(frozen=True)
class Int8Node:
    """A node that multiplies two quantized inputs: what people call it, and the module that it came from."""

    kind: str
    path: str


_PASSES_ON = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Split", "Slice", "Concat", "Gather")
"""Operations that move values and leave a quantized tensor quantized."""
_DYNAMIC = {"MatMulInteger": "MatMul", "ConvInteger": "Conv"}
"""Whose activations are quantized on the fly, and what they were made of."""


def module_path(name: str) -> str:
    """``encoder.enc.linear1.w/MatMul`` → ``encoder.enc.linear1.w``."""
    return name.partition("/")[0]


def int8_nodes(model: Any) -> tuple[Int8Node, ...]:
    """The nodes of an ONNX model that compute in int8."""
    made_by = {output: node for node in model.graph.node for output in node.output}

    def is_quantized(tensor: str) -> bool:
        node = made_by.get(tensor)
        while node is not None and node.op_type in _PASSES_ON:
            node = made_by.get(node.input[0])
        return node is not None and node.op_type == "DequantizeLinear"

    found = []
    for node in model.graph.node:
        if node.op_type in _DYNAMIC:
            found.append(Int8Node(f"dynamic int8 {_DYNAMIC[node.op_type]}", module_path(node.name)))
        elif node.op_type in QUANTIZABLE and all(is_quantized(tensor) for tensor in node.input[:2]):
            found.append(Int8Node(f"int8 {node.op_type}", module_path(node.name)))
    return tuple(found)
