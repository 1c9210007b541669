"""The comparison that the page begins with: measured at its start, on this machine, while nobody waits."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from asrquant.data.bundled import example_clips
from asrquant.data.dataset import Utterance
from asrquant.engines.registry import unavailable
from asrquant.export import raced
from asrquant.jobs.models import Wanted
from asrquant.jobs.request import Work
from asrquant.measure.compare import Comparison, compare
from asrquant.measure.winner import to_begin_with
from asrquant.model.presets import PRESETS

FIRST = ("onnx-int8", "openvino-int8", "dynamic-int8")
"""Presets to begin with where no race was run here, the first that this machine can carry out."""
RUNS = 11
"""Of each model: enough for an interval."""
_TRIES = 4
"""Where something else keeps the machine busy; after the last the page says that the times are not to be relied on."""
_CLIP = "mjwl-1-an391"
"""A sentence that the original hears as it was said, so that what changes is quantization's doing."""


@dataclass(frozen=True)
class Showcase:
    """A finished comparison of a bundled clip.

    Attributes:
        found: the comparison.
        example: the clip's id.
        preset: name of the preset.
        at: when it was measured, in seconds since 1970.
    """

    found: Comparison
    example: str
    preset: str
    at: float

    @property
    def mark(self) -> str:
        """Tells it from others of the same server."""
        return f"showcase {self.preset} {self.at:.3f}"


def clip() -> Utterance:
    """The bundled clip that the page begins with."""
    examples = example_clips()
    return next((each for each in examples if each.id == _CLIP), examples[-1])


@dataclass(frozen=True)
class ShowcaseRequest:
    """The comparison of ``clip`` with the preset that a race's record begins with; the result is a ``Showcase``.

    Attributes:
        model: name of the model.
        decoder: name of the decoder.
    """

    model: str
    decoder: str

    def facts(self) -> Mapping[str, str]:
        """For the log."""
        return {"tab": "showcase", "model": self.model}

    def wants(self) -> Collection[Wanted]:
        """The original."""
        return (Wanted(self.model),)

    def run(self, work: Work) -> Showcase:
        """Compare; raises ``Cancelled`` where somebody has to be served, and begins again the next time."""
        original = work.models.original(self.model, work.progress, self.decoder).with_decoder(self.decoder)
        known = raced.find(original)
        usable = [name for name in FIRST if not unavailable(PRESETS[name], original)]
        name = (known and to_begin_with(known)) or usable[0]
        quantized = work.models.quantized(self.model, PRESETS[name], work.progress).with_decoder(self.decoder)
        said = clip()
        for _ in range(_TRIES):
            found = compare(original, quantized, said.path, said.reference, RUNS, work.progress)
            if found.steady:
                break
        return Showcase(found, said.id, name, time.time())
