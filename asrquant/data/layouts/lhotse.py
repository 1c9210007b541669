"""Lhotse's manifests in JSON Lines: cuts, or supervisions beside their recordings. Read as they stand, without Lhotse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

from asrquant.audio.piece import Piece
from asrquant.base.errors import DatasetError
from asrquant.base.files import printable_name
from asrquant.data.columns import Record, Value
from asrquant.data.dataset import BAD_TIMES, Row, Rows
from asrquant.data.layouts.records import first_object, read_records
from asrquant.data.scope import Scope

SUMMARY = "Lhotse's cuts, or supervisions beside recordings (.jsonl, .jsonl.gz)"
_ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz")
_CUTS = ("MonoCut", "MultiCut", "MixedCut", "PaddingCut", "Cut")
_OTHER = {"recordings": "supervisions", "supervisions": "recordings"}


def accepts(path: Path, scope: Scope) -> bool:
    """Whether its first object is one of Lhotse's."""
    return bool(kind_of(path, scope))


def kind_of(path: Path, scope: Scope) -> str:
    """``cuts``, ``recordings`` or ``supervisions``; empty for what is not Lhotse's."""
    if not path.name.lower().endswith(_ENDINGS) or not path.is_file():
        return ""
    try:
        first = first_object(scope.text(path))
    except DatasetError:
        return ""
    if first.get("type") in _CUTS:
        return "cuts"
    if "sources" in first and "sampling_rate" in first:
        return "recordings"
    return "supervisions" if {"recording_id", "start", "duration"} <= first.keys() else ""


def read(path: Path, scope: Scope) -> Rows:
    """A row for each cut or supervision.

    Raises:
        DatasetError: it is no JSON, or recordings and supervisions do not lie side by side.
    """
    kind, name = kind_of(path, scope), printable_name(path)
    records = read_records(scope.text(path), name).records
    if kind == "cuts":
        return Rows("Lhotse cuts", (_cut(each, path, scope) for each in records))
    other = path.with_name(path.name.replace(kind, _OTHER[kind]))
    if other == path or scope.leads_out(other) or not other.is_file():
        raise DatasetError(f"{name} holds {kind} alone; the {_OTHER[kind]} have to lie beside it, or give cuts.")
    others = read_records(scope.text(other), printable_name(other)).records
    recordings, supervisions = (records, others) if kind == "recordings" else (others, records)
    return Rows("Lhotse supervisions", _supervisions(recordings, supervisions, path, scope))


@dataclass(frozen=True)
class _Sound:
    """The file of a recording, and its channel there; or why there is none."""

    given: str = ""
    channel: int | None = None
    why: str = ""
    kind: str = "no audio"


def _cut(record: Record, path: Path, scope: Scope) -> Row:
    cut = record.fields
    clip_id, said = _text(cut, "id"), ""
    if cut.get("type") not in ("MonoCut", "MultiCut", "Cut"):
        why = f"is a {cut.get('type')}, which is no piece of one recording; save its audio first (save_audios)"
        return Row(clip_id, None, "", why, "no piece of a file", line=record.line)
    spoken = [each for each in _list(cut, "supervisions") if isinstance(each, dict)]
    recording = cut.get("recording")
    if not isinstance(recording, dict):
        return Row(clip_id, None, "", "has no recording, only features", "no audio", line=record.line)
    try:
        spoken.sort(key=lambda each: _number(each, "start"))
        for before, after in pairwise(spoken):
            if _number(after, "start") < _number(before, "start") + _number(before, "duration") - Decimal("0.01"):
                why = "has supervisions that overlap, so their words have no order; cut it with trim_to_supervisions"
                return Row(clip_id, None, "", why, "words at once", line=record.line)
        said = " ".join(_text(each, "text") for each in spoken)
    except InvalidOperation:
        return Row(clip_id, None, "", "has supervisions without times", BAD_TIMES, line=record.line)
    return _row(record, clip_id, said, recording, path, scope)


def _supervisions(
    recordings: Sequence[Record], supervisions: Sequence[Record], path: Path, scope: Scope
) -> Iterator[Row]:
    by_id = {_text(each.fields, "id"): each.fields for each in recordings}
    for record in supervisions:
        recording = by_id.get(_text(record.fields, "recording_id"))
        clip_id, said = _text(record.fields, "id"), _text(record.fields, "text")
        if recording is None:
            yield Row(
                clip_id, None, said, f"has no recording {_text(record.fields, 'recording_id')!r}", line=record.line
            )
        else:
            yield _row(record, clip_id, said, recording, path, scope)


def _row(record: Record, clip_id: str, said: str, recording: Mapping[str, Value], path: Path, scope: Scope) -> Row:
    """The row of a cut or supervision of a recording."""
    sound = _sound(recording, record.fields.get("channel"))
    if sound.why:
        return Row(clip_id, None, said, sound.why, sound.kind, line=record.line)
    try:
        start, duration = _number(record.fields, "start"), _number(record.fields, "duration")
        whole = not start and duration == _number(recording, "duration")
        piece: Piece | None = Piece(float(start), None if whole else float(start + duration), channel=sound.channel)
        piece = None if whole and sound.channel is None else piece
    except (InvalidOperation, ValueError) as error:
        why = "its times are no numbers" if isinstance(error, InvalidOperation) else str(error)
        return Row(clip_id, None, said, f"is no piece of {sound.given!r}: {why}", BAD_TIMES, line=record.line)
    found = scope.find(sound.given, path.parent)
    return Row(clip_id, found, said, f"has no file {sound.given!r}", "no audio", piece, sound.given, record.line)


def _sound(recording: Mapping[str, Value], channel: Value) -> _Sound:
    """The file that holds the channels that are meant."""
    if changes := _list(recording, "transforms"):
        names = ", ".join(_text(each, "name") or "a transform" for each in changes if isinstance(each, dict))
        return _Sound(
            why=f"is changed when Lhotse reads it ({names or 'transforms'}); save its audio first (save_audios)",
            kind="changed",
        )
    meant = [channel] if isinstance(channel, str) else _list({"channel": channel}, "channel")
    sources = [each for each in _list(recording, "sources") if isinstance(each, dict)]
    fitting = [each for each in sources if not meant or set(map(str, meant)) <= set(map(str, _list(each, "channels")))]
    if not fitting:
        return _Sound(why="has no file with the channel that it names, or several of which it needs all")
    source, given = fitting[0], _text(fitting[0], "source")
    if (kind := source.get("type")) != "file" or not given:
        how = {"command": "the output of a command, and no command is run", "url": "an address, and nothing is fetched"}
        return _Sound(why=f"is {how.get(str(kind), f'kept as {kind}')}; write it to a file", kind=f"a {kind}")
    there = list(map(str, _list(source, "channels")))
    if len(meant) <= 1 < len(there) and meant:
        return _Sound(given, there.index(str(meant[0])) + 1)
    if meant and len(meant) not in (1, len(there)):
        return _Sound(why=f"is channels {', '.join(map(str, meant))} of {len(there)}; give one, or all")
    return _Sound(given)


def _text(fields: Mapping[str, Value], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _list(fields: Mapping[str, Value], name: str) -> list[Value]:
    value = fields.get(name)
    return value if isinstance(value, list) else []


def _number(fields: Mapping[str, Value], name: str) -> Decimal:
    return Decimal(_text(fields, name) or "x")
