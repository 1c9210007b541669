"""A folder or file → ``Dataset``, in whichever layout it is. A new layout is one new file and one line in ``LAYOUTS``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from asrquant.base.errors import DatasetError
from asrquant.base.files import printable_name
from asrquant.data.dataset import BAD_TIMES, BadRow, Dataset, Found, Layout, Row, Utterance
from asrquant.data.layouts import folder as folders
from asrquant.data.layouts import huggingface, kaldi, lhotse, librispeech, manifest, mls, timit
from asrquant.data.scope import Scope, is_file, is_sound
from asrquant.text.normalize import has_words

LAYOUTS: dict[str, Layout] = {
    "huggingface": huggingface, "kaldi": kaldi, "librispeech": librispeech, "mls": mls, "timit": timit, "folder": folders,
    "lhotse": lhotse, "manifest": manifest,
}  # fmt: skip
"""In the order in which they are asked whether a data set is theirs."""


_NO_FILE = (0, 0)


def read_dataset(
    path: str | Path, inside: Path | None = None, words: bool = True, data_root: Path | None = None
) -> Dataset:
    """Read a data set: a folder or a manifest in one of the layouts that ``docs/data.md`` lists.

    Args:
        path: of the folder or the manifest.
        inside: folder that clips must lie in, for a stranger's data set; nothing outside is looked at, not even
            whether it exists. None allows every path.
        words: whether a row needs words; without, one that has none is as good as the others.
        data_root: what ``$data_root`` in the paths of a manifest means, and where relative paths are looked for first; None
            is the manifest's folder.

    Raises:
        DatasetError: there is nothing in a known layout, the same clip occurs twice, or no row can be used.
        MissingDependencyError: a library that the layout needs is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise DatasetError(f"There is no folder or file {str(path)!r}; give a data set's.")
    if data_root and not data_root.is_dir():
        raise DatasetError(f"There is no folder {str(data_root)!r} for the clips (--data-root).")
    scope = Scope(inside, data_root, words)
    layout = next((layout for layout in LAYOUTS.values() if layout.accepts(path, scope)), None)
    if layout is None:
        raise DatasetError(
            f"{path.name} is no data set; it can be {'; '.join(each.SUMMARY for each in LAYOUTS.values())}."
        )
    read = layout.read(path, scope)
    name = read.name or printable_name(path)
    rows = list(read.rows)
    found: list[Utterance] = []
    bad: list[BadRow] = []
    for row, clip_id in zip(rows, _ids(rows, name), strict=True):
        judged = _judged(row, clip_id, scope, words)
        (found if isinstance(judged, Utterance) else bad).append(judged)  # type: ignore[arg-type]
    if not found:
        why = f"; the first: {bad[0].id!r} {bad[0].reason}" if bad else ""
        raise DatasetError(f"{name} has no row that can be used ({len(bad)} rows cannot{why}).")
    bad.sort(key=lambda row: row.id)
    return Dataset(
        name,
        tuple(sorted(found, key=lambda utterance: utterance.id)),
        tuple(bad),
        _found(read.layout, rows, bad, path, scope),
    )


def read_clips(
    root: str | Path, inside: Path | None = None, words: bool = True, data_root: Path | None = None
) -> tuple[Utterance, ...]:
    """The utterances of a data set (``read_dataset``) of which every row must be usable.

    Raises:
        DatasetError: as ``read_dataset``, or a row cannot be used.
    """
    data = read_dataset(root, inside, words, data_root)
    for row in data.bad:
        raise DatasetError(f"{data.name}: {row.id!r} {row.reason}.")
    return data.utterances


def _ids(rows: Sequence[Row], name: str) -> list[str]:
    """An id for each row, its only one: its own, or where it has none or others have the same, its path and piece.

    Raises:
        DatasetError: two rows are the same piece of the same file.
    """
    own = [row.id or _place(row) for row in rows]
    often = Counter(own)
    ids = [clip_id if often[clip_id] == 1 else _place(row) or clip_id for row, clip_id in zip(rows, own, strict=True)]
    for clip_id, times in Counter(ids).items():
        if times > 1:
            same = [(row, each) for row, each, named in zip(rows, own, ids, strict=True) if named == clip_id]
            lines = ", ".join(str(row.line) for row, _ in same[:3] if row.line)
            where = f" (lines {lines})" if lines else ""
            raise DatasetError(
                f"{name}: the id {same[0][1]!r} occurs twice{where} with the same audio; each clip may be in it once."
            )
    return ids


def _place(row: Row) -> str:
    """The file that a row names, and the piece of it: ``long.flac#4.5-7.3``."""
    given = row.given or (f"line {row.line}" if row.line and not row.id else "")
    piece = row.piece or (f"line {row.line}" if row.kind == BAD_TIMES else "")
    return f"{given}#{piece}" if given and piece else given


def _judged(row: Row, clip_id: str, scope: Scope, words: bool) -> Utterance | BadRow:
    reference = " ".join(row.reference.split())
    if row.path and scope.leads_out(row.path):
        return BadRow(clip_id, "leads out of the data set", "leads out")
    if row.path is None or not is_file(row.path):
        return BadRow(clip_id, row.missing, row.kind)
    if words and not has_words(reference):  # "..." is no more than nothing
        return BadRow(clip_id, "has no words; every row needs the words spoken", "no words")
    return Utterance(clip_id, row.path, reference, row.piece)


def _found(layout: str, rows: Sequence[Row], bad: Sequence[BadRow], path: Path, scope: Scope) -> Found:
    """What was read, with the sound files beside it of which no row speaks."""
    refused = tuple(row.kind for row in bad)
    paths = {row.path for row in rows if row.path and not scope.leads_out(row.path)}
    named = {_identity(path) for path in paths}
    if path.is_dir():
        listing = scope.files(path)
        files, counted = [file for file in listing.files if is_sound(file)], listing.whole
    else:
        around = {each.parent for each in paths}
        files, counted = [file for folder in around for file in scope.sounds_in(folder)], True
    unlisted = len({_identity(file) for file in files if file not in paths} - named - {_NO_FILE})
    return Found(layout, len(rows), refused, unlisted, counted, path.is_dir())


def _identity(path: Path) -> tuple[int, int]:
    """What tells files apart, whatever links lead to them; that of no file where there is none."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return _NO_FILE
    return (state.st_dev, state.st_ino)
