"""Clips with references: the bundled ones, and data sets in the layouts that the files of this folder know.

A layout is a file here with ``accepts(path)`` and ``read(path) → Rows``; a new one is one new file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from asrquant.audio import Audio, read_audio
from asrquant.errors import DatasetError
from asrquant.files import printable_name
from asrquant.recording import Recording, open_audio

CLIPS = Path(__file__).parents[2] / "examples" / "clips"
BUNDLED = "bundled clips (AN4 eval)"
"""What reports call ``example_clips``."""
CALIBRATION_CLIPS = 10
CALIBRATION_SEED = 1337
"""The number and the seed of the SpeechBrain tutorial."""


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


def layouts() -> dict[str, Layout]:
    """The layouts by name."""
    names = (info.name for info in pkgutil.iter_modules(__path__))
    return {name: cast(Layout, importlib.import_module(f"{__name__}.{name}")) for name in names}


def read_dataset(path: str | Path, inside: Path | None = None) -> Dataset:
    """Read a data set: a folder in LibriSpeech's layout, a CSV, TSV or JSON Lines manifest, or a saved ``datasets`` folder.

    Args:
        path: of the folder or the manifest.
        inside: folder that clips must lie in, for a stranger's data set; nothing outside is looked at, not even
            whether it exists. None allows every path.

    Raises:
        DatasetError: there is nothing in a known layout, the same id occurs twice, or no row can be used.
        MissingDependencyError: a library that the layout needs is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise DatasetError(f"There is no folder or file {str(path)!r}; give a data set's.")
    known = layouts()
    layout = next((layout for layout in known.values() if layout.accepts(path)), None)
    if layout is None:
        raise DatasetError(
            f"{path.name} is no data set; it can be {'; '.join(each.SUMMARY for each in known.values())}."
        )
    found: dict[str, Utterance] = {}
    bad: dict[str, BadRow] = {}
    for row in layout.read(path):
        if row.id in found or row.id in bad:
            raise DatasetError(f"{path.name}: the id {row.id!r} occurs twice; ids must be unique.")
        reference = " ".join(row.reference.split())
        if row.path and inside and not row.path.resolve().is_relative_to(inside.resolve()):
            bad[row.id] = BadRow(row.id, "leads out of the data set")
        elif row.path is None or not row.path.is_file():
            bad[row.id] = BadRow(row.id, row.missing)
        elif not reference:
            bad[row.id] = BadRow(row.id, "has no words; every row needs the words spoken")
        else:
            found[row.id] = Utterance(row.id, row.path, reference)
    if not found:
        why = next((f"; the first: {row.id!r} {row.reason}" for row in bad.values()), "")
        raise DatasetError(f"{path.name} has no row that can be used ({len(bad)} rows cannot{why}).")
    return Dataset(
        printable_name(path), tuple(found[key] for key in sorted(found)), tuple(bad[key] for key in sorted(bad))
    )


def read_clips(root: str | Path) -> tuple[Utterance, ...]:
    """The utterances of a data set (``read_dataset``) of which every row must be usable.

    Raises:
        DatasetError: as ``read_dataset``, or a row cannot be used.
    """
    data = read_dataset(root)
    for row in data.bad:
        raise DatasetError(f"{data.name}: {row.id!r} {row.reason}.")
    return data.utterances


def example_clips() -> tuple[Utterance, ...]:
    """The bundled examples: two clips of each of AN4's five ``eval`` speakers."""
    return read_clips(CLIPS / "eval")


def validation_clips() -> tuple[Utterance, ...]:
    """Clips for accuracy control: 36 of six speakers that the embedded model was not trained on and who are not in ``eval``."""
    return read_clips(CLIPS / "validation")


def calibration_clips(count: int = CALIBRATION_CLIPS, seed: int = CALIBRATION_SEED) -> tuple[Utterance, ...]:
    """``count`` of the bundled calibration clips (AN4 ``train``), drawn with ``seed`` and without repetition.

    Raises:
        DatasetError: ``count`` is under 1 or above the number of bundled clips.
    """
    bundled = read_clips(CLIPS / "calibration")
    if not 1 <= count <= len(bundled):
        raise DatasetError(
            f"{count} calibration clips were asked for and {len(bundled)} are bundled; pass your own as calibration=."
        )
    chosen = np.random.default_rng(seed).permutation(len(bundled))[:count]
    return tuple(bundled[index] for index in chosen)
