"""A manifest: CSV, TSV, JSON or JSON Lines with a column for the audio's path and one for the words spoken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from asrquant.base.errors import DatasetError
from asrquant.base.files import printable_name
from asrquant.data.columns import Names, Record, rows
from asrquant.data.dataset import Rows
from asrquant.data.layouts import tarred
from asrquant.data.layouts.records import first_object, read_records
from asrquant.data.layouts.table import header_of, read_table
from asrquant.data.scope import Scope
from asrquant.data.textfile import lines

SUMMARY = "a .csv, .tsv, .json or .jsonl manifest with columns such as path and text"
SEPARATORS = {".csv": ",", ".tsv": "\t"}
JSON = (".jsonl", ".json", ".jsonl.gz", ".json.gz")


def accepts(path: Path, scope: Scope) -> bool:
    """Whether it is a file with the ending of a manifest."""
    return has_ending(path) and path.is_file()


def has_ending(path: Path) -> bool:
    """Whether a file is called as manifests are."""
    return path.name.lower().endswith((*SEPARATORS, *JSON))


def fits(path: Path, scope: Scope) -> bool:
    """Whether a file's first row has columns for a path and for words."""
    try:
        text = scope.text(path)
    except DatasetError:
        return False
    if path.suffix.lower() in SEPARATORS:
        header = next((line for line in lines(text) if line.strip()), "")
        names = header_of(header, SEPARATORS[path.suffix.lower()])
        return bool(Names.PATH.of(names) and Names.TEXT.of(names))
    first = first_object(text)
    return bool(Names.PATH.of(first) and Names.TEXT.of(first))


def read(path: Path, scope: Scope) -> Rows:
    """Every row; paths are taken from the manifest's folder unless they are absolute.

    Raises:
        DatasetError: it cannot be parsed, or has no column for the path or the words.
    """
    name, text = printable_name(path), scope.text(path)
    if path.suffix.lower() in SEPARATORS:
        table = read_table(text, name, SEPARATORS[path.suffix.lower()])
        layout = table.layout
        if "file_name" in table.names and path.stem.lower() == "metadata":
            layout = f"Hugging Face audiofolder, {layout}"
        return Rows(layout, rows(table.records, table.names, _finder(path, scope), name, scope.words))
    found = read_records(text, name)
    if not found.records:
        raise DatasetError(f"{name} cannot be read as a manifest: it is empty; it needs a line for each clip.")
    if tarred.accepts(found.names):
        return Rows(
            "NeMo tarred",
            rows(found.records, found.names, tarred.finder(path, found.records, scope), name, scope.words),
        )
    layout = found.layout
    if "file_name" in found.names and path.stem.lower() == "metadata":
        layout = "Hugging Face audiofolder, JSON Lines"
    return Rows(layout, rows(found.records, found.names, _finder(path, scope), name, scope.words))


def _finder(path: Path, scope: Scope) -> Callable[[str, Record], Path]:
    """Beside the manifest, or what it links to; Common Voice's clips are in a folder beside it."""
    there = str(path.resolve().parent)

    def find(given: str, record: Record) -> Path:
        return scope.find(given, path.parent, *(("clips",) if "sentence" in record.fields else ()), there)

    return find
