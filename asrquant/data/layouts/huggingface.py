"""A folder that Hugging Face's ``datasets`` saved (``save_to_disk``), with the library installed."""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asrquant.base.errors import DatasetError, MissingDependencyError
from asrquant.data.columns import Names
from asrquant.data.dataset import Row, Rows
from asrquant.data.scope import Scope

SUMMARY = "a folder that Hugging Face's datasets saved (save_to_disk)"


def accepts(path: Path, scope: Scope) -> bool:
    """Whether it is one data set, saved; of a dictionary of splits, each split's folder is one."""
    return path.is_dir() and (path / "dataset_info.json").is_file()


def read(path: Path, scope: Scope) -> Rows:
    """Every row, its audio taken out of the table where it lies inside.

    Raises:
        DatasetError: the folder cannot be read, or has no column of audio or of words.
        MissingDependencyError: ``datasets`` is not installed.
    """
    if importlib.util.find_spec("datasets") is None:
        raise MissingDependencyError(f"{path.name} is a folder of datasets; install with: pip install datasets")
    import datasets

    try:
        table = datasets.load_from_disk(str(path))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path.name} cannot be read by datasets: {str(error).splitlines()[0]}.") from None
    audio = next((name for name, kind in table.features.items() if isinstance(kind, datasets.Audio)), None)
    text, name = (kind.of(table.column_names) for kind in (Names.TEXT, Names.ID))
    if audio is None or (scope.words and not text):
        raise DatasetError(
            f"{path.name} has the columns {', '.join(table.column_names)}; it needs one of type Audio and one of "
            f"{', '.join(Names.TEXT.value)}."
        )
    return Rows(
        "saved datasets folder", _rows(table.cast_column(audio, datasets.Audio(decode=False)), audio, text, name, scope)
    )


def _rows(table: Any, audio: str, text: str, name: str, scope: Scope) -> Iterator[Row]:
    for index, values in enumerate(table):
        clip_id = str(values[name]) if name and values[name] is not None else f"{index:06d}"
        said, sound = values[text] if text else None, values[audio] or {}
        given = f"{index:06d} {Path(sound.get('path') or '').name}".strip()
        yield Row(clip_id, _file(sound, scope), "" if said is None else str(said), given=given)


def _file(audio: dict[str, Any], scope: Scope) -> Path | None:
    """The clip as a file; bytes from within the table are kept under their digest."""
    if audio.get("bytes"):
        suffix = Path(audio.get("path") or "").suffix
        room = scope.room()
        kept = room / f"{hashlib.sha256(audio['bytes']).hexdigest()}{suffix}"
        if not kept.is_file():
            with tempfile.NamedTemporaryFile(dir=room, delete=False) as beside:
                beside.write(audio["bytes"])
            Path(beside.name).replace(kept)
        return kept
    path = Path(audio["path"]) if audio.get("path") else None
    return path if path and path.is_file() else None
