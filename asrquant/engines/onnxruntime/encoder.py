"""An ONNX model as an encoder: a session of ONNX Runtime's, for this machine."""

from __future__ import annotations

import io
import os
from collections import Counter
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch

from asrquant.base.errors import PresetError
from asrquant.base.progress import Progress, silent
from asrquant.base.quiet import is_loud
from asrquant.engines.lengths import other_at_other_lengths
from asrquant.engines.onnxruntime import graph
from asrquant.engines.onnxruntime.graph import Int8Node, int8_nodes
from asrquant.model.footprint import ForeignEncoder

FILE = "encoder.onnx"
_WARNINGS, _NOTHING = 2, 4
"""Severities from which on ONNX Runtime's log is written; what is wrong comes as an exception besides."""
_BLOCK = 1 << 24


@cache
def runtime() -> Any:
    """The library, which tells nobody that it is used; of a start without ``ORT_DISABLE_TELEMETRY`` it has told already."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    if not is_loud():
        onnxruntime.set_default_logger_severity(_NOTHING)
    return onnxruntime


def session(path: Path) -> Any:
    """A session with as many threads as PyTorch uses, none of which spins once it has nothing to do.

    ONNX Runtime's threads would keep the processor busy after each run, and take it from whatever is measured next.

    Raises:
        RuntimeError: the file is none that it knows.
    """
    options = runtime().SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _WARNINGS if is_loud() else _NOTHING
    return runtime().InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def answer(running: Any, wave: torch.Tensor) -> torch.Tensor:
    """Log-probs of a batch of waves."""
    return torch.from_numpy(running.run([graph.LOG_PROBS], {graph.WAVE: wave.contiguous().numpy()})[0])


def export(encoder: torch.nn.Module, path: Path, progress: Progress = silent) -> None:
    """Write a torch encoder as an ONNX file that holds for every batch and length.

    Args:
        encoder: wave [B, T] → log-probs [B, F, V].
        path: of the file.
        progress: called before each step.

    Raises:
        PresetError: it has no such form, or what was written down holds for the length alone that was traced.
        OSError: the disk is full or cannot be written.
    """
    if reason := graph.too_large(encoder):
        raise PresetError(reason)
    graph.write(encoder, path)
    progress("checking what was exported", 0, 1)
    running = session(path)
    if reason := other_at_other_lengths(encoder, lambda wave: answer(running, wave)):
        raise PresetError(
            f"PyTorch cannot write this model as ONNX: what it made of it holds for one length only ({reason}), as of layers "
            "that loop over frames; use a preset of PyTorch's."
        )


class OnnxEncoder(ForeignEncoder):
    """Wave [B, T] → log-probs [B, F, V], by a session of ONNX Runtime's."""

    def __init__(self, path: Path) -> None:
        """Open a model for this machine; the file may be deleted meanwhile.

        Raises:
            RuntimeError: it is none.
        """
        super().__init__()
        self._file = path.open("rb")  # to be saved from, so that the model is not in memory twice
        self._session = session(path)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """Log-probs of a batch of waves."""
        return answer(self._session, wave)

    def settings(self) -> str:
        """What runs it."""
        threads = self._session.get_session_options().intra_op_num_threads
        return f"ONNX Runtime, {threads} thread{'s' * (threads != 1)}"

    def save(self, path: Path) -> None:
        """Write the model's file.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        with path.open("wb") as file:
            for start in range(0, self.saved_bytes(), _BLOCK):
                file.write(os.pread(self._file.fileno(), _BLOCK, start))

    def saved_bytes(self) -> int:
        """Bytes of the model's file."""
        return os.fstat(self._file.fileno()).st_size

    @cached_property
    def _int8(self) -> tuple[Int8Node, ...]:
        import onnx

        contents = os.pread(self._file.fileno(), self.saved_bytes(), 0)
        return int8_nodes(onnx.load(io.BytesIO(contents)))

    def quantized(self) -> dict[str, int]:
        """How many operations of each kind compute in int8, by the model's graph."""
        return dict(Counter(node.kind for node in self._int8))

    def quantized_paths(self) -> frozenset[str]:
        """Modules of the operations that compute in int8."""
        return frozenset(node.path for node in self._int8)
