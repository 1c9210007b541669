"""How an OpenVINO encoder is saved: its Intermediate Representation."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from asrquant.base.errors import ArtifactError, ExportError
from asrquant.engines.engine import Format, Saved
from asrquant.engines.openvino.encoder import IR, OpenVinoEncoder, read, save
from asrquant.model.engine_settings import OpenVino
from asrquant.model.recognizer import Recognizer


class OpenVinoIR:
    """OpenVINO's two files: the graph in XML, the weights beside it."""

    name = "openvino-ir"
    summary = "the encoder as OpenVINO IR (.xml, .bin); runs with OpenVINO alone, without PyTorch"
    model_files = IR
    library = "openvino"
    script = Path(__file__).with_name("transcribe_openvino.py")
    script_needs = "openvino and soundfile"

    def save(self, recognizer: Recognizer, folder: Path) -> None:
        """Write the IR.

        Raises:
            ExportError: the encoder is not OpenVINO's.
        """
        if not isinstance(recognizer.encoder, OpenVinoEncoder):
            raise ExportError("This encoder is not OpenVINO's; quantize with an openvino preset first.")
        save(recognizer.encoder.model, folder / self.model_files[0])

    def restore(self, folder: Path, saved: Saved) -> nn.Module:
        """Read the IR and compile it with the recorded precision.

        Raises:
            ArtifactError: the IR is not one.
        """
        try:
            model = read(folder / self.model_files[0])
        except RuntimeError as error:
            raise ArtifactError(
                f"{self.model_files[0]} cannot be read by OpenVINO: {str(error).splitlines()[0]}"
            ) from error
        return OpenVinoEncoder(model, saved.preset.settings_for(OpenVino).precision)


FORMATS: tuple[Format, ...] = (OpenVinoIR(),)
