"""A Kaldi data directory: ``wav.scp``, ``text``, and ``segments`` where recordings hold several utterances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asrquant.audio.piece import Piece
from asrquant.base.errors import DatasetError
from asrquant.base.files import printable_name
from asrquant.data.dataset import BAD_TIMES, Row, Rows
from asrquant.data.scope import Scope
from asrquant.data.textfile import columns, lines

SUMMARY = "a Kaldi data directory (wav.scp, text, segments)"
_SHOWN = 6
_SOUNDS = "wav.scp"


def accepts(path: Path, scope: Scope) -> bool:
    """Whether there is a ``wav.scp`` in the folder, or somewhere below."""
    return path.is_dir() and bool(_folders(path, scope))


def read(path: Path, scope: Scope) -> Rows:
    """Every utterance of which there is sound or text.

    Raises:
        DatasetError: there is no ``text``, an id occurs twice in a file, or there are several directories.
    """
    found = _folders(path, scope)
    if len(found) > 1:
        names = ", ".join(str(each.relative_to(path)) for each in found[:_SHOWN]) + (
            " …" if len(found) > _SHOWN else ""
        )
        raise DatasetError(f"{printable_name(path)} has {len(found)} Kaldi directories ({names}); give one of them.")
    path = found[0]
    if not (path / "text").is_file():
        raise DatasetError(f"{printable_name(path)} has a wav.scp and no text; a file 'text' has to hold the words.")
    recordings = {each.id: each for each in _table(path / "wav.scp", 2, scope)}
    segments = _table(path / "segments", 5, scope) if (path / "segments").is_file() else None
    texts = _table(path / "text", 2, scope)
    return Rows(
        "Kaldi with segments" if segments is not None else "Kaldi", _rows(path, scope, recordings, segments, texts)
    )


def _folders(path: Path, scope: Scope) -> list[Path]:
    """The folder itself, or else those below that are data directories."""
    if (path / _SOUNDS).is_file():
        return [path]
    return [file.parent for file in scope.files(path).files if file.name == _SOUNDS]


@dataclass(frozen=True)
class _Line:
    id: str
    rest: tuple[str, ...]
    line: int


def _table(path: Path, most: int, scope: Scope) -> list[_Line]:
    """The lines of a file, each with an id that is its only one."""
    found: dict[str, _Line] = {}
    for number, line in enumerate(lines(scope.text(path)), 1):
        if line.strip():
            clip_id, *rest = columns(line, most)
            if clip_id in found:
                raise DatasetError(f"{path.parent.name}/{path.name}, line {number}: the id {clip_id!r} occurs twice.")
            found[clip_id] = _Line(clip_id, tuple(rest), number)
    return list(found.values())


def _rows(
    path: Path, scope: Scope, recordings: dict[str, _Line], segments: list[_Line] | None, texts: list[_Line]
) -> Iterator[Row]:
    words = {each.id: " ".join(each.rest) for each in texts}
    utterances = [_Line(each, (each,), 0) for each in recordings] if segments is None else segments
    for each in utterances:
        said = words.pop(each.id, "")
        if len(each.rest) not in (1, 3, 4):
            yield Row(each.id, None, said, f"has {1 + len(each.rest)} columns in segments, not 4", BAD_TIMES)
            continue
        source = recordings.get(each.rest[0])
        given = " ".join(source.rest) if source else ""
        if why := _unreadable(given, each.rest[0]):
            yield Row(each.id, None, said, why, "a command" if given.endswith("|") else "no audio")
            continue
        try:
            piece = _piece(each.rest[1:])
        except ValueError as error:
            yield Row(each.id, None, said, f"is no piece of {given!r}: {error}", BAD_TIMES)
            continue
        yield Row(each.id, scope.find(given, path), said, f"has no file {given!r}", piece=piece, given=given)
    for clip_id, said in words.items():
        where = "segments" if segments is not None else "wav.scp"
        yield Row(clip_id, None, said, f"is in text and not in {where}")


def _unreadable(given: str, recording: str) -> str:
    """Why what ``wav.scp`` says is no file; empty if it can be one."""
    if not given:
        return f"has no {recording!r} in wav.scp"
    if given.endswith("|") or given.startswith("|"):
        return "is the output of a command in wav.scp, and no command is run; write its output to files"
    if ".ark:" in given:
        return "is in a Kaldi archive (.ark), which is not read; write it to a file (wav-copy)"
    return ""


def _piece(times: tuple[str, ...]) -> Piece | None:
    """From start to end in seconds, in Kaldi's words: an end of -1 is the file's."""
    if not times:
        return None
    try:
        start, end = float(times[0]), float(times[1])
        channel = int(times[2]) + 1 if len(times) > 2 else None
    except ValueError:
        raise ValueError(f"its times are {' '.join(times)!r}, which are no numbers") from None
    return Piece(start, None if end == -1 else end, channel=channel)
