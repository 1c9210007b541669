"""Clips with references: ``Utterance``, ``Dataset``, and what a layout of data sets has to offer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from asrquant.audio.clip import Audio, read_audio
from asrquant.audio.piece import Piece
from asrquant.audio.recording import Recording, open_audio
from asrquant.base.errors import DatasetError
from asrquant.data.scope import Scope

BAD_TIMES = "bad times"
"""The kind of a row whose times are those of no piece."""


@dataclass(frozen=True)
class Utterance:
    """A clip on disk and what is said in it.

    Attributes:
        id: the name that its data set gives it.
        path: the audio file.
        reference: the words spoken.
        piece: what of the file is the clip; None is the whole.
    """

    id: str
    path: Path
    reference: str
    piece: Piece | None = None

    def audio(self) -> Audio:
        """Read the clip, of up to 60 s.

        Raises:
            AudioError: it cannot be used.
        """
        return read_audio(self.path, piece=self.piece)

    def open(self) -> Audio | Recording:
        """Read the clip, or check it if it is a recording of up to two hours.

        Raises:
            AudioError: it cannot be used.
        """
        return open_audio(self.path, piece=self.piece)


@dataclass(frozen=True)
class BadRow:
    """A row of a data set that cannot be used, and why.

    Attributes:
        id: of the row.
        reason: what is wrong with it; the end of a sentence that begins with the id.
        kind: the same in two words, by which such rows are counted.
    """

    id: str
    reason: str
    kind: str = "unusable"


@dataclass(frozen=True)
class Found:
    """What a data set was taken for, and what there was in it.

    Attributes:
        layout: in which it was read.
        rows: those that are in it, refused ones included.
        refused: of them, why, one a row.
        unlisted: sound files of which no row speaks: in the folder that was given, or beside those of a manifest's rows.
        counted: whether these are all; else there are so many at least.
        folder: whether a folder was given.
    """

    layout: str
    rows: int
    refused: tuple[str, ...] = ()
    unlisted: int = 0
    counted: bool = True
    folder: bool = True

    def __str__(self) -> str:
        """``read as: Kaldi, 4 rows, 1 refused (no words)``."""
        text = f"read as: {self.layout}, {self.rows} row{'s' * (self.rows != 1)}"
        if self.refused:
            kinds = Counter(self.refused).most_common()
            why = kinds[0][0] if len(kinds) == 1 else ", ".join(f"{count} {kind}" for kind, count in kinds)
            text += f", {len(self.refused)} refused ({why})"
        if self.unlisted:
            least = "" if self.counted else "at least "
            what = "without words" if self.folder else "beside them in no row"
            text += f"; {least}{self.unlisted} audio file{'s' * (self.unlisted != 1)} {what}"
        return text


@dataclass(frozen=True)
class Dataset:
    """What was read, and what was refused.

    Attributes:
        name: of the folder or file, never its path.
        utterances: in order of their id.
        bad: rows that cannot be used; unreadable audio is found only when its clip is run.
        found: what it was taken for; None for clips that were not read from a data set.
    """

    name: str
    utterances: tuple[Utterance, ...]
    bad: tuple[BadRow, ...] = ()
    found: Found | None = None

    @property
    def read_as(self) -> str:
        """What it was taken for, for people: ``read as: Kaldi, 4 rows``; empty where it was not read."""
        return str(self.found or "")

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
    """A row as it stands in a data set.

    Attributes:
        id: that it has of its own; empty if none.
        path: the audio file, which may not be there; None if there is none.
        reference: the words spoken; empty if none.
        missing: what is wrong where ``path`` is None or no file.
        kind: the same in two words.
        piece: what of the file is meant.
        given: what the data set calls the file: the row's id, where it has none of its own or others have the same.
        line: where it stands, if in a table; 0 if not.
    """

    id: str
    path: Path | None
    reference: str
    missing: str = "has no audio"
    kind: str = "no audio"
    piece: Piece | None = None
    given: str = ""
    line: int = 0


@dataclass(frozen=True)
class Rows:
    """What a layout found.

    Attributes:
        layout: how it was read, for people.
        rows: all of them.
        name: of the file in which they are, if the data set goes by it.
    """

    layout: str
    rows: Iterable[Row]
    name: str = ""


class Layout(Protocol):
    """What a file in ``asrquant/data/layouts`` offers."""

    SUMMARY: str

    def accepts(self, path: Path, scope: Scope) -> bool:
        """Whether the data set is in this layout."""

    def read(self, path: Path, scope: Scope) -> Rows:
        """Its rows.

        Raises:
            DatasetError: the data set as a whole cannot be read.
            MissingDependencyError: a library that it needs is not installed.
        """
