"""What the engines outside PyTorch share: which library is missing, what was left to quantize, how a build is put aside."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from asrquant.base.errors import PresetError
from asrquant.engines.engine import Format, Saved
from asrquant.model.recognizer import Recognizer


def missing_libraries(engine: str, *libraries: str) -> str | None:
    """Which of the libraries that an engine needs are not installed, with the install line; None where all are."""
    absent = [name for name in libraries if importlib.util.find_spec(name) is None]
    if not absent:
        return None
    return f"The engine {engine} needs {' and '.join(absent)}; install with: pip install {' '.join(libraries)}"


def nothing_quantized(preset: str, there: Mapping[str, int], ignored: Iterable[str]) -> PresetError:
    """What to raise where a preset leaves nothing to quantize.

    Args:
        preset: its name.
        there: how many operations of each kind the model has that can be quantized.
        ignored: what the preset leaves float.
    """
    counted = ", ".join(f"{count} {kind}" for kind, count in there.items()) or "no matrix product or convolution"
    return PresetError(
        f"The preset {preset!r} quantizes nothing on this model: there is {counted}, and what stays float is "
        f"{', '.join(ignored) or 'nothing'}; choose other modules."
    )


@dataclass(frozen=True)
class KeptFormat:
    """A built encoder put aside in a form of artifacts, as nothing of it is the float model's; a ``Kept``.

    Attributes:
        form: of its files.
        version: another number where the files are made otherwise.
    """

    form: Format
    version: int

    @property
    def name(self) -> str:
        """What its entries are called."""
        return f"{self.form.name}-{self.version}"

    def save(self, recognizer: Recognizer, folder: Path) -> None:
        """Write the form's files."""
        self.form.save(recognizer, folder)

    def restore(self, folder: Path, saved: Saved, original: nn.Module) -> nn.Module:
        """Load the encoder from them.

        Raises:
            ArtifactError: they are not of the form.
            PresetError: this machine lacks what the preset needs.
        """
        return self.form.restore(folder, saved)
