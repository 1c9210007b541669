"""The file that a benchmark writes as it goes, a line a clip, from which it can go on after a crash."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from asrquant.base.errors import DatasetError
from asrquant.measure.report import Row

NAME = "journal.jsonl"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One clip: a row a preset, or why it could not be used; and what people should know of how it was read."""

    utterance: str
    rows: tuple[Row, ...] = ()
    bad: str = ""
    note: str = ""


_ENTRY = TypeAdapter(Entry)


class Journal:
    """Entries of one benchmark; ``done`` are those that an earlier run left."""

    def __init__(self, path: Path, settings: Mapping[str, object], resume: bool) -> None:
        """Begin a journal, or go on with one.

        Args:
            path: of the file.
            settings: what makes two runs the same; they are its first line.
            resume: whether to go on with what is there.

        Raises:
            DatasetError: there is a journal already and ``resume`` was not asked for, or it is of another benchmark.
        """
        self.done: dict[str, Entry] = {}
        first = json.dumps(settings, sort_keys=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        if lines and not resume:
            raise DatasetError(f"{path} holds a benchmark already; go on with it (--resume), or choose another folder.")
        if lines and lines[0] != first:
            raise DatasetError(
                f"{path} is of another benchmark ({_difference(lines[0], settings)}); choose another folder."
            )
        for line in lines[1:]:
            try:
                entry = _ENTRY.validate_json(line)
            except ValidationError:  # what a crash left of the last line
                break
            self.done[entry.utterance] = entry
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [first, *(line for line, _ in zip(lines[1:], self.done, strict=False))]
        beside = path.with_suffix(".new")
        beside.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        beside.replace(path)
        self._file = path.open("a", encoding="utf-8")

    def add(self, entry: Entry) -> None:
        """Write an entry, so that it survives whatever comes."""
        self._file.write(json.dumps(dataclasses.asdict(entry)) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _difference(line: str, settings: Mapping[str, object]) -> str:
    try:
        there = dict(json.loads(line))
    except (ValueError, TypeError):
        return "its first line cannot be read"
    return "other " + ", ".join(name for name in settings if there.get(name) != settings[name])
