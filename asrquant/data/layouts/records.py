"""JSON → records: a line each, a list of them, or one object with all of them; numbers stay the text that they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from asrquant.base.errors import DatasetError
from asrquant.data.columns import Names, Record, Value
from asrquant.data.textfile import wrong

_BLANK = " \t\r\n"


@dataclass(frozen=True)
class Records:
    """What was read.

    Attributes:
        layout: for people.
        records: an object each.
    """

    layout: str
    records: tuple[Record, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the fields of all of them."""
        return tuple(dict.fromkeys(name for record in self.records for name in record.fields))


def read_records(text: str, name: str) -> Records:
    """Every object of a JSON or JSON Lines file.

    Args:
        text: of the file.
        name: of the file, for errors.

    Raises:
        DatasetError: a line is no JSON, or no object.
    """
    found = list(_values(text, name))
    if len(found) == 1:
        value = found[0].value
        if isinstance(value, list):
            return Records("JSON", tuple(_record(each, found[0].line, name) for each in value))
        if isinstance(value, dict) and value and all(isinstance(each, dict) for each in value.values()):
            return _of_objects(value, name)
    records = tuple(_record(each.value, each.line, name) for each in found)
    nemo = any("audio_filepath" in record.fields for record in records)
    return Records("NeMo manifest" if nemo else "JSON Lines", records)


def first_object(text: str) -> Mapping[str, Value]:
    """The first record in the beginning of a JSON file; empty if there is none."""
    start = len(text) - len(text.lstrip(_BLANK))
    start += text[start:].startswith("[")
    start += len(text[start:]) - len(text[start:].lstrip(_BLANK))
    try:
        value, _ = _decoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return {}
    if isinstance(value, dict) and value and all(isinstance(each, dict) for each in value.values()):
        if Names.PATH.of(value) and Names.TEXT.of(value):
            return value
        value = next(iter(value.values()))
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class _Found:
    line: int
    value: Value


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=lambda _: None, object_pairs_hook=_object)


def _values(text: str, name: str) -> Iterator[_Found]:
    """One after the other, with or without line breaks between and within them."""
    decoder, at, line, counted = _decoder(), 0, 1, 0
    while True:
        while at < len(text) and text[at] in _BLANK:
            at += 1
        if at == len(text):
            return
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, at = decoder.raw_decode(text, at)
        except _TwiceError as error:
            raise wrong(name, line, f": the field {str(error)!r} occurs twice in one object") from None
        except json.JSONDecodeError as error:
            raise wrong(name, error.lineno, f" is no JSON ({error.msg})") from None
        except RecursionError:
            raise wrong(name, line, ": objects in objects, too many of them") from None
        yield _Found(line, value)


class _TwiceError(ValueError):
    """A field occurs twice in an object; JSON does not say which counts."""


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return made


def _record(value: Value, line: int, name: str, key: str = "") -> Record:
    if not isinstance(value, dict):
        raise wrong(name, line, f": there is {type(value).__name__} where an object is expected")
    return Record(line, value, key)


def _of_objects(value: Mapping[str, Value], name: str) -> Records:
    """SpeechBrain's: an object by id; or pandas' columns, each an object by row."""
    path, text = Names.PATH.of(value), Names.TEXT.of(value)
    if not path or not text:
        return Records("SpeechBrain JSON", tuple(_record(each, 1, name, key) for key, each in value.items()))
    columns = {column: each for column, each in value.items() if isinstance(each, dict)}
    if any(each.keys() != columns[path].keys() for each in columns.values()):
        raise DatasetError(f"{name} has columns of different rows; write it with orient='records'.")
    keys = list(columns[path])
    records = (Record(1, {column: each[key] for column, each in columns.items()}) for key in keys)
    return Records("JSON", tuple(records))
