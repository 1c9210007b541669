"""What the tab "On your device" shows: an embedded model, original and quantized, as a page that a visitor's browser runs."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from asrquant.base.errors import ExportError
from asrquant.engines.engine import PageFormat
from asrquant.engines.registry import get_format
from asrquant.export.company import write_page
from asrquant.jobs.models import Wanted
from asrquant.jobs.request import Work
from asrquant.model.presets import PRESETS

QUANTIZED, FLOAT, FORMAT = PRESETS["onnx-int8"], PRESETS["onnx-fp32"], "web"


@dataclass(frozen=True)
class DeviceRequest:
    """The files of such a page; the result is the folder that they are in.

    Attributes:
        model: name of an embedded model.
        folder: of the server's, where a folder of the page's own is made.
    """

    model: str
    folder: Path

    def facts(self) -> Mapping[str, str]:
        """For the log."""
        return {"tab": "device", "model": self.model, "preset": QUANTIZED.name}

    def wants(self) -> Collection[Wanted]:
        """The quantized one, and the float one of the same engine."""
        return (Wanted(self.model), Wanted(self.model, FLOAT), Wanted(self.model, QUANTIZED))

    def run(self, work: Work) -> Path:
        """Export, quantize, and write everything.

        Raises:
            AsrQuantError: the model cannot be had, or ONNX Runtime is not installed.
        """
        original = work.models.quantized(self.model, FLOAT, work.progress)
        quantized = work.models.quantized(self.model, QUANTIZED, work.progress)
        form = get_format(FORMAT, quantized.preset)
        if not isinstance(form, PageFormat):
            raise ExportError(f"The format {FORMAT} is no page.")
        work.progress("writing the page", 0, 1)
        page = Path(tempfile.mkdtemp(prefix=f"{self.model}-", dir=self.folder))
        write_page(form, quantized, original, page)
        return page
