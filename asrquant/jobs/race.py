"""What the page does at its start while nobody waits: look which preset is first on this machine, or have them race."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from asrquant.engines.quantize import quantize
from asrquant.export import raced
from asrquant.export.built import BuiltModels
from asrquant.export.room import make_room
from asrquant.jobs import memory
from asrquant.jobs.models import Wanted
from asrquant.jobs.request import Work
from asrquant.measure.race import Racing, race
from asrquant.measure.winner import Race, verdict

_log = logging.getLogger(__name__)
_racing: dict[str, Racing] = {}
"""By model: what was done until somebody had to be served, for as long as the worker lives."""


@dataclass(frozen=True)
class RaceRequest:
    """The record of a model on this machine; the result is a ``Race``, or None where there is none that can be kept.

    Attributes:
        model: name of the model.
        run_it: whether a race is run where there is no record.
    """

    model: str
    run_it: bool

    def facts(self) -> Mapping[str, str]:
        """For the log."""
        return {"tab": "race", "model": self.model}

    def wants(self) -> Collection[Wanted]:
        """The original."""
        return (Wanted(self.model),)

    def run(self, work: Work) -> Race | None:
        """Find the record, or make it; raises ``Cancelled`` where somebody has to be served, and goes on the next time."""
        original = work.models.original(self.model, work.progress)
        if (known := raced.find(original)) or not self.run_it:
            return known
        shelf, racing = BuiltModels(make_room), _racing.setdefault(self.model, Racing())
        found = race(
            original,
            lambda preset: quantize(original, preset, progress=work.progress, shelf=shelf),
            progress=work.progress,
            racing=racing,
        )
        del _racing[self.model], racing
        memory.give_back()
        if not found.steady:
            _log.info("%s", verdict(found))
            return None
        raced.keep(original, found)
        return found
