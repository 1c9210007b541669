"""Clips whose words nobody needs: a data set in any layout, a folder of sound files, or one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from asrquant.audio.containers import ENDINGS
from asrquant.base.errors import DatasetError
from asrquant.base.files import printable_name
from asrquant.data.dataset import Dataset, Utterance
from asrquant.data.reading import LAYOUTS, read_dataset


def read_sounds(path: str | Path, inside: Path | None = None) -> Dataset:
    """Read clips with or without words; of a folder in no known layout, all its sound files, however deep.

    Args:
        path: of a folder, a manifest or a sound file.
        inside: as for ``read_dataset``.

    Raises:
        DatasetError: as ``read_dataset``, or there is no sound file.
        MissingDependencyError: a library that the layout needs is not installed.
    """
    path = Path(path)
    if path.is_file() and path.suffix.lower() in ENDINGS:
        return Dataset(printable_name(path), (Utterance(path.name, path, ""),))
    if path.is_dir() and not any(layout.accepts(path) for layout in LAYOUTS.values()):
        found = sorted(_below(path, inside))
        if not found:
            raise DatasetError(
                f"{printable_name(path)} holds no sound file and is no data set; give a folder of clips, or a data set."
            )
        clips = tuple(Utterance(file.relative_to(path).as_posix(), file, "") for file in found)
        return Dataset(printable_name(path), clips)
    return read_dataset(path, inside, words=False)


def _below(path: Path, inside: Path | None) -> Iterator[Path]:
    """Sound files, but for those that a system or an editor left there. Links are followed, to each folder once."""
    seen: set[Path] = set()
    for folder, inner, names in os.walk(path, followlinks=True):
        whole = Path(folder).resolve()
        if whole in seen or not _is_in(whole, inside):
            inner.clear()
            continue
        seen.add(whole)
        inner[:] = [name for name in inner if name != "__MACOSX" and not name.startswith(".")]
        for name in names:
            file = Path(folder, name)
            if not name.startswith(".") and name.lower().endswith(ENDINGS) and file.is_file() and _is_in(file, inside):
                yield file


def _is_in(path: Path, inside: Path | None) -> bool:
    return inside is None or path.resolve().is_relative_to(inside.resolve())
