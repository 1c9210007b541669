"""The n-gram that comes with a processor: pyctcdecode's folder ``language_model``, with its settings."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from asrquant.base.errors import SourceError
from asrquant.text.vocabulary import Vocabulary

FOLDER = "language_model"
_ALPHABET, _SETTINGS, _WORDS = "alphabet.json", "attrs.json", "unigrams.txt"
_NAMES = ("alpha", "beta", "unk_score_offset", "score_boundary")
"""pyctcdecode's own names, which SpeechBrain's search has too."""
_log = logging.getLogger(__name__)


def with_ngram(vocabulary: Vocabulary, folder: Path) -> Vocabulary:
    """The vocabulary with the n-gram beside it, if there is one; a note says why it is not used where it is not.

    Args:
        vocabulary: of a model that was loaded from ``folder``.
        folder: where its files are.

    Raises:
        SourceError: its settings cannot be read.
    """
    there = folder / FOLDER
    if not there.is_dir():
        return vocabulary
    files = sorted(path for path in there.iterdir() if path.suffix in (".arpa", ".bin", ".binary"))
    if len(files) != 1:
        _log.warning("%s holds %d KenLM files (.arpa, .bin), not one, so that no n-gram is used.", FOLDER, len(files))
        return vocabulary
    if _settings(folder / _ALPHABET).get("is_bpe"):
        _log.warning(
            "The n-gram in %s is for pieces of words (is_bpe), which no search here does; it is not used.", FOLDER
        )
        return vocabulary
    said = _settings(there / _SETTINGS)
    search = {name: said[name] for name in _NAMES if said.get(name) is not None}
    if (words := there / _WORDS).is_file():
        search["unigrams"] = words.read_text(encoding="utf-8").split()
    return replace(vocabulary, ngram=files[0], search=search)


def _settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        said = json.loads(path.read_bytes())
    except ValueError as error:
        raise SourceError(f"{path.name} cannot be read: {error}; get the model again.") from None
    if not isinstance(said, dict):
        raise SourceError(f"{path.name} is not a JSON object; get the model again.")
    return said
