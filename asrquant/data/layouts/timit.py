"""TIMIT's layout: beside each ``SA1.WAV`` a ``SA1.TXT`` with ``first last words``, or a ``SA1.WRD`` with a word a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from asrquant.base.errors import DatasetError
from asrquant.data.dataset import Row, Rows
from asrquant.data.scope import Scope
from asrquant.data.textfile import lines

SUMMARY = "a folder in TIMIT's layout (.TXT or .WRD beside each .WAV)"
_LINE = re.compile(r"\s*[0-9]+[ \t]+[0-9]+(?:[ \t]+(.*\S))?\s*")
"""Samples from and to, and what is said there."""
_LOOKED_AT = 50
"""Texts beside sound files, to find whether they are TIMIT's."""
_TEXTS = (".txt", ".wrd")
"""The sentence is taken before its words one by one."""


def accepts(path: Path, scope: Scope) -> bool:
    """Whether somewhere below there is such a text beside a sound file."""
    if not path.is_dir():
        return False
    texts = (text for text in _texts(path, scope) if scope.sound_beside(text.parent, text.stem))
    return any(_words(text, scope) is not None for text in islice(texts, _LOOKED_AT))


def read(path: Path, scope: Scope) -> Rows:
    """A row for each name with a text."""
    return Rows("TIMIT", _rows(path, scope))


def _texts(path: Path, scope: Scope) -> list[Path]:
    """One for each name, the sentence where there is one."""
    found: dict[Path, Path] = {}
    files = [file for file in scope.files(path).files if file.suffix.lower() in _TEXTS]
    for file in sorted(files, key=lambda file: _TEXTS.index(file.suffix.lower())):
        found.setdefault(file.with_suffix(""), file)
    return list(found.values())


def _rows(path: Path, scope: Scope) -> Iterator[Row]:
    for text in _texts(path, scope):
        words, clip = _words(text, scope), scope.sound_beside(text.parent, text.stem)
        if words is None and clip is None:  # a README
            continue
        if words is None:
            yield Row(text.stem, None, "", f"has no line 'first last words' in its {text.suffix}", "unusable")
            continue
        given = str((clip or text.with_suffix("")).relative_to(path))
        yield Row(text.stem, clip, words, f"has no {text.stem}.WAV beside its {text.suffix}", given=given)


def _words(text: Path, scope: Scope) -> str | None:
    """The words of a .TXT or .WRD; None where it is something else."""
    try:
        found = [_LINE.fullmatch(line) for line in lines(scope.text(text)) if line.strip()]
    except DatasetError:
        return None
    parts = [match[1] or "" for match in found if match]
    return " ".join(parts) if parts and len(parts) == len(found) else None
