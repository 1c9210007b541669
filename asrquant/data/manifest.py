"""A manifest: CSV, TSV or JSON Lines with a column for the audio's path and one for the words spoken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from asrquant.base.errors import DatasetError
from asrquant.data.dataset import Row

SUMMARY = "a .csv, .tsv or .jsonl manifest with the columns path and text"
SEPARATORS = {".csv": ",", ".tsv": "\t"}
PATH = ("path", "wav", "audio", "audio_filepath", "file")
TEXT = ("text", "wrd", "sentence", "transcript", "transcription", "reference")
ID = ("id", "ID", "utt_id")
"""Names of columns in use: ours first, then those of SpeechBrain, Common Voice, NeMo and Hugging Face."""


def accepts(path: Path) -> bool:
    """Whether it is a file with the ending of a manifest."""
    return path.is_file() and path.suffix.lower() in (*SEPARATORS, ".jsonl")


def read(path: Path) -> Iterator[Row]:
    """Every row; paths are taken from the manifest's folder unless they are absolute.

    Raises:
        DatasetError: it cannot be parsed, or has no column for the path or the words.
    """
    table = _table(path)
    audio, text, name = (_column(table, names) for names in (PATH, TEXT, ID))
    if audio is None or text is None:
        raise DatasetError(
            f"{path.name} has the columns {', '.join(map(str, table.columns)) or 'none'}; it needs one of "
            f"{', '.join(PATH)} and one of {', '.join(TEXT)}."
        )
    for values in table.to_dict("records"):
        given = str(values[audio]).strip()
        clip = path.parent / given
        missing = f"has no file {given!r}" if given else "has no path"
        yield Row(
            str(values[name]).strip() if name else given,
            clip if given else None,
            str(values[text]),
            missing,
        )


def _table(path: Path) -> pd.DataFrame:
    try:
        if path.suffix.lower() == ".jsonl":
            return pd.read_json(path, lines=True, dtype=False, convert_dates=False).fillna("")
        return pd.read_csv(path, sep=SEPARATORS[path.suffix.lower()], dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise DatasetError(f"{path.name} cannot be read as a manifest: {str(error).splitlines()[0]}.") from None


def _column(table: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in table.columns), None)
