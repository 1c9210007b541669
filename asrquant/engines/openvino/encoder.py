"""An OpenVINO model as an encoder: compiled once, for this machine."""

from __future__ import annotations

import contextlib
import errno
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base.errors import AsrQuantError, PresetError, first_line
from asrquant.base.progress import Progress, silent
from asrquant.engines.lengths import other_at_other_lengths
from asrquant.model.footprint import ForeignEncoder

IR = ("encoder.xml", "encoder.bin")
"""OpenVINO's two files: the graph in XML, the weights beside it."""
QUANTIZABLE = ("MatMul", "Convolution", "GroupConvolution")


@cache
def openvino() -> Any:
    """The library, without its telemetry: what it imports for that is not there."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@cache
def core() -> Any:
    """The process's OpenVINO runtime. Its own cache of compiled models stays off: nothing checks what is read from it."""
    return openvino().Core()


@cache
def capabilities() -> tuple[str, ...]:
    """What OpenVINO computes in on this processor, or on the lesser one that ``OV_CPU_MAX_ISA`` speaks of."""
    return tuple(sorted(openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")))


def has_bf16() -> bool:
    """Whether bfloat16 is among them."""
    return "BF16" in capabilities()


def cannot_compute(precision: str) -> str | None:
    """Why this processor cannot compute in a precision, and what to use instead; None where it can."""
    if precision == "bf16" and not has_bf16():
        return "This processor does not compute in bfloat16; use openvino-fp32 or openvino-int8."
    return None


def convert(encoder: nn.Module, progress: Progress = silent) -> Any:
    """A torch encoder as an OpenVINO model for every batch and length.

    Args:
        encoder: wave [B, T] → log-probs [B, F, V].
        progress: called before each step.

    Raises:
        PresetError: OpenVINO, or the tracer that it uses, does not know a part of the encoder, or wrote one down that holds
            for the length alone that was traced.
    """
    ov, shape = openvino(), [-1, -1]
    try:
        with torch.no_grad(), _same_log_level():
            wave = torch.randn(1, SAMPLE_RATE)
            model = ov.convert_model(encoder, example_input=wave, input=[ov.PartialShape(shape)])
    except AsrQuantError:  # a job that was stopped in the midst of it
        raise
    except Exception as error:  # its own kinds, and the tracer's RuntimeError
        raise PresetError(
            f"OpenVINO cannot convert this model ({first_line(error)}); use a preset of PyTorch's."
        ) from error
    progress("checking what was converted", 0, 1)
    compiled = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    if reason := other_at_other_lengths(encoder, lambda wave: torch.from_numpy(compiled({0: wave.numpy()})[0].copy())):
        raise PresetError(
            f"OpenVINO cannot convert this model: what it made of it holds for one length only ({reason}), as of layers that "
            "loop over frames; use a preset of PyTorch's."
        )
    return model


@contextlib.contextmanager
def _same_log_level() -> Iterator[None]:
    """OpenVINO leaves the root of all logs at errors only where a conversion fails, and no warning would be heard."""
    root = logging.getLogger()
    level = root.level
    try:
        yield
    finally:
        root.setLevel(level)


@dataclass(frozen=True)
class FromFiles:
    """A model as it comes from its files, and what those take."""

    model: Any
    bytes: int


def as_saved(model: Any) -> FromFiles:
    """The model as it comes back from its files: compiled from memory it may round otherwise, which int8 makes visible."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / IR[0]
        save(model, path)
        return read(path)


def read(path: Path) -> FromFiles:
    """A model from its files, whose weights stay in the file and are mapped into memory; they may be deleted meanwhile.

    Raises:
        RuntimeError: it is none.
    """
    files = [path.with_name(name) for name in IR]
    return FromFiles(core().read_model(*files), sum(file.stat().st_size for file in files))


class OpenVinoEncoder(ForeignEncoder):
    """Wave [B, T] → log-probs [B, F, V], by a compiled OpenVINO model."""

    def __init__(self, found: FromFiles, precision: str) -> None:
        """Compile a model for this machine with as many threads as PyTorch uses.

        Raises:
            PresetError: this processor does not have the precision.
        """
        super().__init__()
        if reason := cannot_compute(precision):
            raise PresetError(reason)
        self.model, self._saved_bytes = found.model, found.bytes
        hints = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # or the threads of several processes all take the first cores, and share them
            **({} if precision == "auto" else {"INFERENCE_PRECISION_HINT": precision}),
        }
        self._request = core().compile_model(self.model, "CPU", hints).create_infer_request()

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """Log-probs of a batch of waves."""
        result = self._request.infer({0: wave.contiguous().numpy()}, share_inputs=True, share_outputs=True)
        return torch.from_numpy(result[0].copy())

    def settings(self) -> str:
        """What was compiled: precision, streams, threads."""
        compiled = self._request.get_compiled_model()
        precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        streams, threads = (compiled.get_property(name) for name in ("NUM_STREAMS", "INFERENCE_NUM_THREADS"))
        return f"OpenVINO {precision}, {streams} stream{'s' * (streams != 1)}, {threads} threads"

    def saved_bytes(self) -> int:
        """Bytes of the IR's two files."""
        return self._saved_bytes

    def quantized(self) -> dict[str, int]:
        """How many operations of each kind compute in int8, by the model's FakeQuantize operations."""
        counts: dict[str, int] = {}
        for operation in self.model.get_ops():
            if is_int8(operation):
                name = f"int8 {operation.get_type_name()}"
                counts[name] = counts.get(name, 0) + 1
        return counts

    def quantized_paths(self) -> frozenset[str]:
        """Modules of the operations that compute in int8, by the names that the conversion gave them."""
        return frozenset(
            module_path(operation.get_friendly_name()) for operation in self.model.get_ops() if is_int8(operation)
        )


def module_path(name: str) -> str:
    """``__module.enc.linear1.w/aten::linear/MatMul`` → ``encoder.enc.linear1.w``."""
    return name.split("/")[0].replace("__module", "encoder", 1)


def is_int8(operation: Any) -> bool:
    """Whether an operation multiplies two quantized inputs."""
    if operation.get_type_name() not in QUANTIZABLE:
        return False
    return all(_is_quantized(operation.input_value(index).get_node()) for index in range(2))


_PASSES_ON = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Split", "VariadicSplit", "Slice", "Concat", "Gather")
"""Operations that move values and leave a quantized tensor quantized."""


def _is_quantized(node: Any) -> bool:
    """Whether a tensor comes out of a quantizer: FakeQuantize, or int8 constants that are scaled (Convert, Multiply)."""
    kind = node.get_type_name()
    if kind == "FakeQuantize":
        return True
    if kind == "Multiply" or kind == "Subtract":
        return _from_int8(node.input_value(0).get_node())
    if kind in _PASSES_ON:
        return _is_quantized(node.input_value(0).get_node())
    return False


def _from_int8(node: Any) -> bool:
    while node.get_type_name() in ("Subtract", "Convert"):
        if node.get_type_name() == "Convert" and node.input_value(0).get_element_type().to_string() in ("i8", "u8"):
            return True
        node = node.input_value(0).get_node()
    return False


_NO_ROOM = 1_000_000
"""Free bytes under which a disk counts as full."""


def save(model: Any, path: Path) -> None:
    """Write a model as IR: ``path`` and the ``.bin`` beside it.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    try:
        openvino().save_model(model, str(path), compress_to_fp16=False)
    except RuntimeError as error:  # its streams do not say why
        full = shutil.disk_usage(path.parent).free < _NO_ROOM
        raise OSError(errno.ENOSPC if full else errno.EIO, "OpenVINO could not write its files") from error
