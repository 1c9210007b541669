"""A folder that Hugging Face's ``datasets`` saved (``save_to_disk``), with the library installed."""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asrquant.base.account import cache_folder
from asrquant.base.errors import DatasetError, MissingDependencyError
from asrquant.data.dataset import Row
from asrquant.data.manifest import ID, TEXT

SUMMARY = "a folder that Hugging Face's datasets saved (save_to_disk)"
_passing: tempfile.TemporaryDirectory[str] | None = None


def accepts(path: Path) -> bool:
    """Whether it is one data set, saved; of a dictionary of splits, each split's folder is one."""
    return path.is_dir() and (path / "dataset_info.json").is_file()


def read(path: Path) -> Iterator[Row]:
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
    text, name = (next((n for n in names if n in table.column_names), None) for names in (TEXT, ID))
    if audio is None or text is None:
        raise DatasetError(
            f"{path.name} has the columns {', '.join(table.column_names)}; it needs one of type Audio and one of "
            f"{', '.join(TEXT)}."
        )
    table = table.cast_column(audio, datasets.Audio(decode=False))
    for index, values in enumerate(table):
        clip_id = str(values[name]) if name else f"{index:06d}"
        yield Row(clip_id, _file(values[audio] or {}), str(values[text] or ""), "has no audio")


def _file(audio: dict[str, Any]) -> Path | None:
    """The clip as a file; bytes from within the table are kept under their digest."""
    if audio.get("bytes"):
        suffix = Path(audio.get("path") or "").suffix
        room = _room()
        kept = room / f"{hashlib.sha256(audio['bytes']).hexdigest()}{suffix}"
        if not kept.is_file():
            with tempfile.NamedTemporaryFile(dir=room, delete=False) as beside:
                beside.write(audio["bytes"])
            Path(beside.name).replace(kept)
        return kept
    path = Path(audio["path"]) if audio.get("path") else None
    return path if path and path.is_file() else None


def _room() -> Path:
    """The cache; where there is none, a folder that goes with this process, or with the job whose folder it lies in."""
    global _passing
    if folder := cache_folder("datasets"):
        return folder
    if _passing is None or not Path(_passing.name).is_dir():
        _passing = tempfile.TemporaryDirectory()
    return Path(_passing.name)
