"""How an encoder of ONNX Runtime's is saved: an ONNX file, alone or in a page."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from asrquant.engines.engine import Format, Saved
from asrquant.engines.onnxruntime.encoder import FILE
from asrquant.engines.onnxruntime.files import open_encoder, save_encoder
from asrquant.engines.onnxruntime.page import Web
from asrquant.model.recognizer import Recognizer


class Onnx:
    """One file: the graph with its weights."""

    name = "onnx"
    summary = "the encoder as one ONNX file; runs with ONNX Runtime alone, without PyTorch"
    model_files = (FILE,)
    library = "onnx"
    script = Path(__file__).with_name("transcribe_onnx.py")
    script_needs = "onnxruntime and soundfile"

    def save(self, recognizer: Recognizer, folder: Path) -> None:
        """Write the file.

        Raises:
            ExportError: the encoder is not ONNX Runtime's.
        """
        save_encoder(recognizer, folder / FILE)

    def restore(self, folder: Path, saved: Saved) -> nn.Module:
        """Open the file.

        Raises:
            ArtifactError: it is no ONNX model.
        """
        return open_encoder(folder / FILE)


FORMATS: tuple[Format, ...] = (Onnx(), Web())
