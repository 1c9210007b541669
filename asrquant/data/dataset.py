"""Clips with references: ``Utterance``, ``Dataset``, and what a layout of data sets has to offer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from asrquant.audio.clip import Audio, read_audio
from asrquant.audio.recording import Recording, open_audio
from asrquant.base.errors import DatasetError


@dataclass(frozen=True)
class Utterance:
    """A clip on disk and what is said in it.

    Attributes:
        id: the name that its data set gives it.
        path: the audio file.
        reference: the words spoken.
    """

    id: str
    path: Path
    reference: str

    def audio(self) -> Audio:
        """Read the clip, of up to 60 s.

        Raises:
            AudioError: it cannot be used.
        """
        return read_audio(self.path)

    def open(self) -> Audio | Recording:
        """Read the clip, or check it if it is a recording of up to two hours.

        Raises:
            AudioError: it cannot be used.
        """
        return open_audio(self.path)


@dataclass(frozen=True)
class BadRow:
    """A row of a data set that cannot be used, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """What was read, and what was refused.

    Attributes:
        name: of the folder or file, never its path.
        utterances: in order of their id.
        bad: rows that cannot be used; unreadable audio is found only when its clip is run.
    """

    name: str
    utterances: tuple[Utterance, ...]
    bad: tuple[BadRow, ...] = ()

    def take(self, limit: int | None, seed: int | None = None) -> Dataset:
        """At most ``limit`` clips: the first, or with ``seed`` drawn without repetition; in order of their id.

        Raises:
            DatasetError: ``limit`` is under 1.
        """
        if limit is None or limit >= len(self.utterances):
            return self
        if limit < 1:
            raise DatasetError(f"The limit is {limit}; at least 1 clip is needed.")
        chosen: Sequence[int] = range(limit)
        if seed is not None:
            chosen = sorted(np.random.default_rng(seed).permutation(len(self.utterances))[:limit])
        return replace(self, utterances=tuple(self.utterances[index] for index in chosen))


@dataclass(frozen=True)
class Row:
    """A row as it stands in a data set; ``missing`` says what is wrong where ``path`` is None or no file."""

    id: str
    path: Path | None
    reference: str
    missing: str = ""


class Layout(Protocol):
    """What a file in this folder offers."""

    SUMMARY: str

    def accepts(self, path: Path) -> bool:
        """Whether the data set is in this layout."""

    def read(self, path: Path) -> Iterable[Row]:
        """Its rows.

        Raises:
            DatasetError: the data set as a whole cannot be read.
            MissingDependencyError: a library that it needs is not installed.
        """
