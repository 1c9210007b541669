"""An OpenVINO encoder, put aside: its Intermediate Representation, as artifacts have it."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from asrquant.engines.engine import Kept, Saved
from asrquant.engines.openvino.formats import OpenVinoIR
from asrquant.model.recognizer import Recognizer

_IR = OpenVinoIR()


class KeptIR:
    """The form of artifacts, as nothing of it is the float model's."""

    name = f"{_IR.name}-1"

    def save(self, recognizer: Recognizer, folder: Path) -> None:
        """Write the IR."""
        _IR.save(recognizer, folder)

    def restore(self, folder: Path, saved: Saved, original: nn.Module) -> nn.Module:
        """Read the IR and compile it with the recorded precision.

        Raises:
            ArtifactError: the IR is not one.
        """
        return _IR.restore(folder, saved)


KEPT_IR: Kept = KeptIR()
