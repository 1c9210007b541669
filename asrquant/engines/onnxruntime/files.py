"""An encoder of ONNX Runtime's and its file."""

from __future__ import annotations

from pathlib import Path

from asrquant.base.errors import ArtifactError, ExportError, first_line
from asrquant.engines.onnxruntime.encoder import OnnxEncoder
from asrquant.model.recognizer import Recognizer


def save_encoder(recognizer: Recognizer, path: Path) -> None:
    """Write the file.

    Raises:
        ExportError: the encoder is not ONNX Runtime's.
        OSError: the disk is full or cannot be written.
    """
    if not isinstance(recognizer.encoder, OnnxEncoder):
        raise ExportError("This encoder is not ONNX Runtime's; quantize with an onnx preset first.")
    recognizer.encoder.save(path)


def open_encoder(path: Path) -> OnnxEncoder:
    """Open the file.

    Raises:
        ArtifactError: it is no ONNX model.
    """
    try:
        return OnnxEncoder(path)
    except OSError:
        raise
    except Exception as error:  # of a dozen kinds that ONNX Runtime has
        raise ArtifactError(f"{path.name} cannot be read by ONNX Runtime: {first_line(error)}") from error
