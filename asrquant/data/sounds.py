"""Clips whose words nobody needs: a data set in any layout, a folder of sound files, or one of them."""

from __future__ import annotations

from pathlib import Path

from asrquant.base.errors import DatasetError
from asrquant.base.files import printable_name
from asrquant.data.dataset import Dataset, Utterance
from asrquant.data.reading import LAYOUTS, read_dataset
from asrquant.data.scope import Scope, is_file, is_sound


def read_sounds(path: str | Path, inside: Path | None = None, data_root: Path | None = None) -> Dataset:
    """Read clips with or without words; of a folder in no known layout, all its sound files, however deep.

    Args:
        path: of a folder, a manifest or a sound file.
        inside: as for ``read_dataset``, with the next.
        data_root: see there.

    Raises:
        DatasetError: as ``read_dataset``, or there is no sound file.
        MissingDependencyError: a library that the layout needs is not installed.
    """
    path, scope = Path(path), Scope(inside, words=False)
    if is_sound(path) and is_file(path):
        return Dataset(printable_name(path), (Utterance(path.name, path, ""),))
    if not path.is_dir() or any(layout.accepts(path, scope) for layout in LAYOUTS.values()):
        return read_dataset(path, inside, words=False, data_root=data_root)
    files = [file for file in scope.files(path).files if is_sound(file) and not scope.leads_out(file) and is_file(file)]
    if not files:
        raise DatasetError(
            f"{printable_name(path)} holds no sound file and is no data set; give a folder of clips, or a data set."
        )
    clips = tuple(Utterance(file.relative_to(path).as_posix(), file, "") for file in files)
    return Dataset(printable_name(path), clips)
