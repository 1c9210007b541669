"""What a toolkit has to offer to be a source of float recognizers, and what is known of a model before it is parsed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from torch import nn

from asrquant.base.errors import AsrQuantError, SourceError
from asrquant.model.recognizer import Origin, Recognizer
from asrquant.sources.nemo.mel_settings import Features


@contextmanager
def in_one_sentence(source: str, what: str) -> Iterator[None]:
    """Whatever a toolkit raises while it loads a model, as a sentence; what is a sentence already stays as it is.

    Args:
        source: as it was asked for.
        what: it was to be loaded as.

    Raises:
        SourceError: something else than an error of asrquant's was raised.
    """
    try:
        yield
    except AsrQuantError:
        raise
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), "")
        raise SourceError(f"{source} could not be loaded as {what}: {type(error).__name__}: {first}") from error


@dataclass(frozen=True)
class Found:
    """A model's files, before any of them is parsed.

    Attributes:
        source: as it was asked for.
        folder: absolute; or a file, for a toolkit that saves a model in one.
        origin: what an artifact has to know; the architecture is for the toolkit to add.
        repositories: Hub id → folder of a pinned repository that loading may read too, its own included.
        trusted: whether code may run; otherwise nothing is asked of the network either.
        nemo_features: of which NeMo the features of a model of NeMo's shall be; None for those of the NeMo that wrote the file.
    """

    source: str
    folder: Path
    origin: Origin
    repositories: Mapping[str, Path] = field(default_factory=dict)
    trusted: bool = False
    nemo_features: Features | None = None


@dataclass(frozen=True)
class Wanted:
    """What loading a model reads of a repository.

    Attributes:
        needed: names of files that must be there.
        besides: names, with wildcards, of those that are read if they are there.
        weights: whether it reads the weights of transformers' model, too, in the form that it prefers.
        ngrams: n-grams, which are left out where they are large and nobody asks for them.
    """

    needed: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
    weights: bool = False
    ngrams: tuple[str, ...] = ()


class Source(Protocol):
    """What a toolkit's file offers."""

    def accepts(self, folder: Path) -> bool:
        """Whether this toolkit can load the folder."""

    def wanted(self, folder: Path, hub_id: str) -> Mapping[str, Wanted]:
        """What loading a model reads, by repository, from the one file of it that is in ``folder``; raises as ``vet``."""

    def repositories(self, found: Found) -> tuple[str, ...]:
        """Ids of the repositories that loading it would ask the Hub for; raises as ``vet``."""

    def vet(self, found: Found) -> None:
        """Check that loading it runs no code and reads nothing else; says what would."""

    def load(self, found: Found) -> Recognizer:
        """Load it."""

    def skeleton(self, folder: Path) -> nn.Module:
        """The float encoder with random weights, from the files of an ``Origin.architecture``."""
