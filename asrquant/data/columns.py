"""Records of a table or of JSON → rows: which column is what, in the names that toolkits and corpora give them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import Path
from typing import TypeAlias

from asrquant.audio.piece import Piece
from asrquant.base.errors import DatasetError
from asrquant.data.dataset import BAD_TIMES, Row

Value: TypeAlias = "str | bool | list[Value] | dict[str, Value] | None"
"""Of a field: in JSON, numbers stay the text that they are."""


class Names(Enum):
    """Names of columns in use, in capitals or not; of several, the first is taken."""

    PATH = (
        "path", "wav", "audio", "audio_filepath", "file", "file_name", "audio_file", "audio_path", "filename", "file_path",
        "filepath", "wav_path", "wav_filename",
    )  # fmt: skip
    TEXT = ("text", "wrd", "words", "sentence", "transcript", "transcription", "reference", "txt")
    ID = ("id", "utt_id", "utterance_id", "uttid", "key")
    START = ("start", "begin", "start_time")
    END = ("end", "end_time")
    STOP = ("stop",)
    OFFSET = ("offset",)
    DURATION = ("duration",)

    def of(self, names: Iterable[str]) -> str:
        """The column of that kind, as it stands in the table; empty if there is none."""
        there = {name.strip().casefold(): name for name in reversed(list(names))}
        return next((there[each] for each in self.value if each in there), "")


def named(names: Iterable[str]) -> set[str]:
    """Names of columns, without what does not count."""
    return {name.strip().casefold() for name in names}


@dataclass(frozen=True)
class Record:
    """A row of a table or of JSON: its fields by the columns' names, and the line in which it begins."""

    line: int
    fields: Mapping[str, Value] = field(default_factory=dict)
    key: str = ""


Find = Callable[[str, Record], Path]
"""Where the file lies that a record names."""


def rows(records: Sequence[Record], names: Sequence[str], find: Find, name: str, words: bool = True) -> Iterator[Row]:
    """A row for each record.

    Args:
        records: of the manifest.
        names: of all their columns.
        find: the place of a file.
        name: of the manifest, for errors.
        words: whether there must be a column for the words.

    Raises:
        DatasetError: there is no column for the path or the words, two columns have one name, or the times are ambiguous.
    """
    path, text = Names.PATH.of(names), Names.TEXT.of(names)
    if not path or (words and not text):
        raise DatasetError(
            f"{name} has the columns {', '.join(names) or 'none'}; it needs one of {', '.join(Names.PATH.value)} and one of "
            f"{', '.join(Names.TEXT.value)}."
        )
    for kind in Names:
        same = [each for each in names if each.strip().casefold() == kind.of(names).strip().casefold()]
        if kind.of(names) and len(same) > 1:
            raise DatasetError(f"{name} has the column {same[0]!r} {len(same)} times; give each its own name.")
    times = _Times.of(names, name)
    return (_row(record, path, text, Names.ID.of(names), times, find) for record in records)


def _row(record: Record, path: str, text: str, clip_id: str, times: _Times, find: Find) -> Row:
    fields, line = record.fields, record.line
    given, inner = _path(fields.get(path))
    own = (_text(fields.get(clip_id)) if clip_id else "") or record.key
    said = _text(fields.get(text))
    called = own or given or f"line {line}"
    if said is None and not isinstance(fields.get(text), bool | None):
        return Row(
            called, None, "", "has no text for its words, but a list or an object", "unusable", line=line, given=given
        )
    if not given:
        return Row(own or called, None, said or "", "has no path", "no audio", line=line)
    try:
        piece = times.piece({**fields, **inner})
    except (ValueError, InvalidOperation) as error:
        why = str(error) if not isinstance(error, InvalidOperation) else "its times are no numbers"
        return Row(own, None, said or "", f"is no piece of {given!r}: {why}", BAD_TIMES, given=given, line=line)
    missing = f"has no file {given!r}" + ("; --data-root says where that is" if "data_root" in given else "")
    return Row(own, find(given, record), said or "", missing, "no audio", piece, given, line)


def _path(value: Value) -> tuple[str, Mapping[str, Value]]:
    """The path, and what stands beside it: SpeechBrain's ``{"file": …, "start": …, "stop": …}``, or datasets' ``{"path": …}``."""
    if isinstance(value, dict):
        given = _text(value.get("file") or value.get("path")) or ""
        return given.strip(), {key: each for key, each in value.items() if key in ("start", "stop")}
    return (_text(value) or "").strip(), {}


def _text(value: Value) -> str | None:
    """A field as text; None where there is none."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else None


@dataclass(frozen=True)
class _Times:
    """The columns that say which piece of a file a row is; empty where there are none."""

    start: str = ""
    end: str = ""
    duration: str = ""
    in_samples: bool = False

    @classmethod
    def of(cls, names: Sequence[str], name: str) -> _Times:
        start, end, stop, offset, duration = (
            kind.of(names) for kind in (Names.START, Names.END, Names.STOP, Names.OFFSET, Names.DURATION)
        )
        if (offset and start) or (end and stop):
            both = f"{offset!r} and {start!r}" if offset and start else f"{end!r} and {stop!r}"
            raise DatasetError(f"{name} has the columns {both}, which may say two things; leave one out.")
        if offset:
            return cls(offset, "", duration)
        if stop:
            return cls(start, stop, in_samples=True)
        if end:
            return cls(start, end)
        if start and not duration:
            raise DatasetError(
                f"{name} has the column {start!r} and none for where a piece ends; it needs 'stop' (both in samples), or "
                "'end' or 'duration' (in seconds)."
            )
        return cls(start, "", duration if start else "")

    def piece(self, fields: Mapping[str, Value]) -> Piece | None:
        """The piece of a row; raises ``ValueError`` or ``InvalidOperation`` where the times are none."""
        if isinstance(fields.get("stop"), str) and not self.start:  # SpeechBrain's, beside the path
            return _Times("start", "stop", in_samples=True).piece(fields)
        start, end, duration = (
            Decimal(text) if (text := (_text(fields.get(column)) or "").strip()) and column else None
            for column in (self.start, self.end, self.duration)
        )
        start = start or Decimal(0)
        if duration is not None:
            if not duration > 0:
                raise ValueError(f"its duration is {duration}; it must be more than 0")
            end = start + duration
        if not start and end is None:
            return None
        return Piece(float(start), None if end is None else float(end), self.in_samples)
