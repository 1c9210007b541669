"""CSV and TSV → records: which character separates them, whether quotation marks quote, and which line is wrong."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from asrquant.base.errors import DatasetError
from asrquant.data.columns import Names, Record, named
from asrquant.data.textfile import lines, wrong

_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons"}
_EXCELS = re.compile(r"sep=(.)(?:\r\n|\r|\n)")
"""The first line by which Excel is told the separator."""


@dataclass(frozen=True)
class Table:
    """A table that was read.

    Attributes:
        layout: for people, such as ``table with semicolons``.
        names: of its columns, as they stand in it.
        records: a row each.
    """

    layout: str
    names: tuple[str, ...]
    records: tuple[Record, ...]


def read_table(text: str, name: str, separator: str) -> Table:
    """A table of which every row has as many fields as the header.

    Args:
        text: of the file.
        name: of the file, for errors.
        separator: what its name promises; the header decides.

    Raises:
        DatasetError: a row has more fields or fewer, or its quotation marks do not fit; with its line.
    """
    skipped = 0
    if told := _EXCELS.match(text):
        separator, text, skipped = told[1], text[told.end() :], 1
    header = next((line for line in lines(text) if line.strip()), "")
    separator = _separator(header, separator)
    quoted = separator != "\t" or _has_quotes(text, header)
    rows = list(_rows(text, name, separator, quoted, skipped))
    if not rows:
        raise DatasetError(f"{name} cannot be read as a manifest: it is empty; its first line has to name the columns.")
    names = tuple(field.strip() for field in rows[0].fields)
    for row in rows[1:]:
        if len(row.fields) != len(names):
            advice = (
                "put words that hold a separator in quotation marks" if quoted else "a tab or a line break is too many"
            )
            fields = f"{len(row.fields)} field{'s' * (len(row.fields) != 1)}"
            raise wrong(name, row.line, f" has {fields} where the first line names {len(names)} columns; {advice}")
    records = tuple(Record(row.line, dict(zip(names, row.fields, strict=True))) for row in rows[1:])
    layout = f"table with {_SEPARATORS.get(separator, repr(separator))}"
    if not quoted:
        layout = "Common Voice (tabs, no quoting)" if "client_id" in named(names) else f"{layout}, no quoting"
    return Table(layout, names, records)


def header_of(line: str, separator: str) -> tuple[str, ...]:
    """The names of the columns in the first line of a table, by the separator that fits."""
    return tuple(_split(line, _separator(line, separator)))


@dataclass(frozen=True)
class _Fields:
    line: int
    fields: Sequence[str]


def _rows(text: str, name: str, separator: str, quoted: bool, skipped: int) -> Iterator[_Fields]:
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        quoting=quoting,
        strict=True,
        skipinitialspace=separator != "\t",
    )
    begun, width = 0, 0
    while True:
        begun = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise wrong(name, begun + skipped, f": {_said(error)}") from None
        if not any(fields):
            continue
        width = width or len(fields)
        if separator == "\t" and quoted and _swallowed(fields, width):
            end = reader.line_num + skipped
            what = (
                f": a quotation mark that opens there closes in line {end}, and each line between is a row of its own"
            )
            raise wrong(name, begun + skipped, f"{what}; take the quotation marks out, or double them")
        yield _Fields(begun + skipped, fields)


def _said(error: csv.Error) -> str:
    said = str(error)
    if "end of data" in said:
        return "a quotation mark opens a field and none closes it; write it twice if it is part of the words"
    if "expected after" in said:
        return "words go on after a closing quotation mark; write quotation marks twice if they are part of the words"
    return f"cannot be read ({said})"


def _swallowed(fields: Sequence[str], width: int) -> bool:
    """Whether a field with line breaks looks like rows that a stray quotation mark joined."""
    for place, field in enumerate(fields):
        parts = lines(field)
        if len(parts) > 1:
            before, after = place, len(fields) - place - 1
            counts = [part.count("\t") + 1 for part in parts]
            counts[0] += before
            counts[-1] += after
            if all(count == width for count in counts):
                return True
    return False


def _has_quotes(text: str, header: str) -> bool:
    """Whether quotation marks quote in a table with tabs: not in Common Voice's, where they are part of the words.

    Where somebody left out its first column, ``client_id``, it takes quotation marks that are such as a CSV writer sets them.
    """
    names = named(_split(header, "\t"))
    if not {"path", "sentence"} <= names or '"' in header:
        return True
    return "client_id" not in names and '"' in text and _is_written_by_csv(text)


def _is_written_by_csv(text: str) -> bool:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True))
    except csv.Error:
        return False
    again = io.StringIO()
    csv.writer(again, delimiter="\t", lineterminator="\n").writerows(rows)
    given = [line for line in lines(text) if line]
    return [line for line in lines(again.getvalue()) if line] == given and len([row for row in rows if row]) == len(
        given
    )


def _separator(header: str, promised: str) -> str:
    """Where it gives most of the columns that are needed; of several, what the file's name promises."""

    def found(separator: str) -> int:
        names = _split(header, separator)
        return bool(Names.PATH.of(names)) + bool(Names.TEXT.of(names))

    return max(dict.fromkeys((promised, *_SEPARATORS)), key=found)


def _split(line: str, separator: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]
    except csv.Error:
        return []
