"""How an encoder of ONNX Runtime's is saved: an ONNX file."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from asrquant.base.errors import ArtifactError, ExportError, first_line
from asrquant.engines.engine import Format, Saved
from asrquant.engines.onnxruntime.encoder import FILE, OnnxEncoder
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
        if not isinstance(recognizer.encoder, OnnxEncoder):
            raise ExportError("This encoder is not ONNX Runtime's; quantize with an onnx preset first.")
        recognizer.encoder.save(folder / FILE)

    def restore(self, folder: Path, saved: Saved) -> nn.Module:
        """Open the file.

        Raises:
            ArtifactError: it is no ONNX model.
        """
        try:
            return OnnxEncoder(folder / FILE)
        except OSError:
            raise
        except Exception as error:  # of a dozen kinds that ONNX Runtime has
            raise ArtifactError(f"{FILE} cannot be read by ONNX Runtime: {first_line(error)}") from error


FORMATS: tuple[Format, ...] = (Onnx(),)
