"""An encoder of ONNX Runtime's, put aside: its file, as artifacts have it."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from asrquant.engines.engine import Kept, Saved
from asrquant.engines.onnxruntime.formats import Onnx
from asrquant.model.recognizer import Recognizer

_ONNX = Onnx()


class KeptOnnx:
    """The form of artifacts, as nothing of it is the float model's."""

    name = f"{_ONNX.name}-1"

    def save(self, recognizer: Recognizer, folder: Path) -> None:
        """Write the file."""
        _ONNX.save(recognizer, folder)

    def restore(self, folder: Path, saved: Saved, original: nn.Module) -> nn.Module:
        """Open the file.

        Raises:
            ArtifactError: it is no ONNX model.
        """
        return _ONNX.restore(folder, saved)


KEPT_ONNX: Kept = KeptOnnx()
