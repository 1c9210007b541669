"""What a toolkit has to offer to be a source of float recognizers, and what is known of a model before it is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from torch import nn

from asrquant.model.recognizer import Origin, Recognizer


@dataclass(frozen=True)
class Found:
    """A model's files, before any of them is parsed.

    Attributes:
        source: as it was asked for.
        folder: absolute.
        origin: what an artifact has to know; the architecture is for the toolkit to add.
        repositories: Hub id → folder of a pinned repository that loading may read too, its own included.
        trusted: whether code may run; otherwise nothing is asked of the network either.
    """

    source: str
    folder: Path
    origin: Origin
    repositories: Mapping[str, Path] = field(default_factory=dict)
    trusted: bool = False


class Source(Protocol):
    """What a toolkit's file offers."""

    def accepts(self, folder: Path) -> bool:
        """Whether this toolkit can load the folder."""

    def repositories(self, found: Found) -> tuple[str, ...]:
        """Ids of the repositories that loading it would ask the Hub for; raises as ``vet``."""

    def vet(self, found: Found) -> None:
        """Check that loading it runs no code and reads nothing else; says what would."""

    def load(self, found: Found) -> Recognizer:
        """Load it."""

    def skeleton(self, folder: Path) -> nn.Module:
        """The float encoder with random weights, from the files of an ``Origin.architecture``."""
