"""A folder or file → ``Dataset``, in whichever layout it is. A new layout is one new file and one line in ``LAYOUTS``."""

from __future__ import annotations

from pathlib import Path

from asrquant.base.errors import DatasetError
from asrquant.base.files import printable_name
from asrquant.data import huggingface, librispeech, manifest
from asrquant.data.dataset import BadRow, Dataset, Layout, Utterance
from asrquant.text.normalize import has_words

LAYOUTS: dict[str, Layout] = {"huggingface": huggingface, "librispeech": librispeech, "manifest": manifest}
"""In the order in which they are asked whether a data set is theirs."""


def read_dataset(path: str | Path, inside: Path | None = None, words: bool = True) -> Dataset:
    """Read a data set: a folder in LibriSpeech's layout, a CSV, TSV or JSON Lines manifest, or a saved ``datasets`` folder.

    Args:
        path: of the folder or the manifest.
        inside: folder that clips must lie in, for a stranger's data set; nothing outside is looked at, not even
            whether it exists. None allows every path.
        words: whether a row needs words; without, one that has none is as good as the others.

    Raises:
        DatasetError: there is nothing in a known layout, the same id occurs twice, or no row can be used.
        MissingDependencyError: a library that the layout needs is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise DatasetError(f"There is no folder or file {str(path)!r}; give a data set's.")
    layout = next((layout for layout in LAYOUTS.values() if layout.accepts(path)), None)
    if layout is None:
        raise DatasetError(
            f"{path.name} is no data set; it can be {'; '.join(each.SUMMARY for each in LAYOUTS.values())}."
        )
    found: dict[str, Utterance] = {}
    bad: dict[str, BadRow] = {}
    for row in layout.read(path):
        if row.id in found or row.id in bad:
            raise DatasetError(f"{path.name}: the id {row.id!r} occurs twice; ids must be unique.")
        reference = " ".join(row.reference.split())
        if row.path and inside and not row.path.resolve().is_relative_to(inside.resolve()):
            bad[row.id] = BadRow(row.id, "leads out of the data set")
        elif row.path is None or not row.path.is_file():
            bad[row.id] = BadRow(row.id, row.missing)
        elif words and not has_words(reference):  # "..." is no more than nothing
            bad[row.id] = BadRow(row.id, "has no words; every row needs the words spoken")
        else:
            found[row.id] = Utterance(row.id, row.path, reference)
    if not found:
        why = next((f"; the first: {row.id!r} {row.reason}" for row in bad.values()), "")
        raise DatasetError(f"{path.name} has no row that can be used ({len(bad)} rows cannot{why}).")
    return Dataset(
        printable_name(path), tuple(found[key] for key in sorted(found)), tuple(bad[key] for key in sorted(bad))
    )


def read_clips(root: str | Path) -> tuple[Utterance, ...]:
    """The utterances of a data set (``read_dataset``) of which every row must be usable.

    Raises:
        DatasetError: as ``read_dataset``, or a row cannot be used.
    """
    data = read_dataset(root)
    for row in data.bad:
        raise DatasetError(f"{data.name}: {row.id!r} {row.reason}.")
    return data.utterances
