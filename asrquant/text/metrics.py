"""Errors in words and characters with their alignment, agreement of two transcripts, and spread. Pure functions.

Counting and alignment of words are SpeechBrain's (``speechbrain.utils.edit_distance``, Levenshtein distance over words). The
distance over characters is RapidFuzz's, which stays fast where a recording of two hours has 100,000 of them.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rapidfuzz.distance import Levenshtein

from asrquant.base.errors import DatasetError
from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.text.normalize import (
    BASIC,
    Normalization,
    characters,
    fits,
    normalization,
    normalize_pair,
    normalize_text,
    unspaced,
)

__all__ = [
    "Edit", "Measure", "Spread", "WordErrors", "agreement", "align_tokens", "align_words", "compute_wer", "main_measure",
    "normalize_text", "refuse_foreign", "spread", "total_errors", "word_errors",
]  # fmt: skip

Operation = Literal["=", "S", "I", "D"]
Measure = Literal["WER", "CER"]


@dataclass(frozen=True)
class Edit:
    """One step of an alignment: ``=`` the same word, ``S`` another, ``I`` only in the second text, ``D`` only in the first."""

    operation: Operation
    first: str
    second: str


@dataclass(frozen=True)
class WordErrors:
    """Errors of a hypothesis against a reference, in words and in characters.

    Attributes:
        substitutions: words heard as another.
        deletions: words not heard.
        insertions: words heard that nobody said.
        reference_words: number of words in the reference.
        character_errors: characters to substitute, delete or insert.
        reference_characters: number of characters in the reference, see ``normalize.characters``.
        unspaced_characters: of them, those of scripts that put no spaces between words.
    """

    substitutions: int
    deletions: int
    insertions: int
    reference_words: int
    character_errors: int = 0
    reference_characters: int = 0
    unspaced_characters: int = 0

    @property
    def errors(self) -> int:
        """All of them, in words."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def wer(self) -> float | None:
        """Word error rate in percent; None where the reference has no words, for which it is not defined."""
        return 100 * self.errors / self.reference_words if self.reference_words else None

    @property
    def cer(self) -> float | None:
        """Character error rate in percent; None where the reference has no characters."""
        return 100 * self.character_errors / self.reference_characters if self.reference_characters else None

    @property
    def measure(self) -> Measure:
        """The main figure: CER where most of what was said is in a script without spaces, whose words nobody can count."""
        return _main(self.unspaced_characters, self.reference_characters)

    @property
    def rate(self) -> float | None:
        """The main figure in percent."""
        return self.cer if self.measure == "CER" else self.wer

    def __add__(self, other: WordErrors) -> WordErrors:
        """Errors of both."""
        return WordErrors(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.reference_words + other.reference_words,
            self.character_errors + other.character_errors,
            self.reference_characters + other.reference_characters,
            self.unspaced_characters + other.unspaced_characters,
        )


def total_errors(errors: Iterable[WordErrors]) -> WordErrors:
    """The errors of several clips together; their ``wer`` is the data set's."""
    return sum(errors, WordErrors(0, 0, 0, 0))


@dataclass(frozen=True)
class Spread:
    """Median and range of repeated measurements, in the unit of what was measured."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median, smallest and largest of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def word_errors(reference: str, hypothesis: str, rules: Normalization | str = BASIC) -> WordErrors:
    """Count the errors of a hypothesis, in words and in characters, after the normalization of both.

    Raises:
        ValueError: there is no such normalization.
        DatasetError: the reference is in another language than the normalization.
    """
    ensure_torchaudio()
    from speechbrain.utils.edit_distance import accumulatable_wer_stats

    refuse_foreign([reference], normalization(rules))
    said, heard = normalize_pair(reference, hypothesis, rules)
    stats = accumulatable_wer_stats([said.split()], [heard.split()])
    signs = characters(said)
    return WordErrors(
        substitutions=int(stats["substitutions"]),
        deletions=int(stats["deletions"]),
        insertions=int(stats["insertions"]),
        reference_words=int(stats["num_ref_tokens"]),
        character_errors=Levenshtein.distance(signs, characters(heard)),
        reference_characters=len(signs),
        unspaced_characters=unspaced(signs),
    )


def refuse_foreign(references: Iterable[str], rules: Normalization) -> None:
    """Refuse references in another language than the normalization.

    Raises:
        DatasetError: one is.
    """
    for reference in references:
        if not fits(reference, rules):
            raise DatasetError(
                f"The normalization {rules.name!r} is for one language, and {reference[:40]!r} is in another script; "
                "take 'basic'."
            )


def align_words(first: str, second: str, rules: Normalization | str = BASIC) -> tuple[Edit, ...]:
    """The word-level alignment with the fewest edits that turns ``first`` into ``second``, both normalized."""
    a, b = normalize_pair(first, second, rules)
    return align_tokens(a.split(), b.split())


def align_tokens(first: Sequence[str], second: Sequence[str]) -> tuple[Edit, ...]:
    """The same for words that are normalized already."""
    ensure_torchaudio()
    from speechbrain.utils.edit_distance import EDIT_SYMBOLS, alignment, op_table

    names: dict[str, Operation] = {
        EDIT_SYMBOLS["eq"]: "=",
        EDIT_SYMBOLS["sub"]: "S",
        EDIT_SYMBOLS["ins"]: "I",
        EDIT_SYMBOLS["del"]: "D",
    }
    return tuple(
        Edit(names[symbol], first[i] if i is not None else "", second[j] if j is not None else "")
        for symbol, i, j in alignment(op_table(first, second))
    )


def agreement(first: str, second: str, rules: Normalization | str = BASIC) -> float:
    """Share of words, in percent, that two transcripts have in common: 100 for two empty ones.

    100 x equal words / length of their alignment; of characters where the first text is in a script without spaces. It is no
    WER: neither text is a reference.
    """
    left, right = normalize_pair(first, second, rules)
    whole = main_measure(left) == "CER"
    edits = align_tokens(*((characters(left), characters(right)) if whole else (left.split(), right.split())))
    return 100 * sum(edit.operation == "=" for edit in edits) / len(edits) if edits else 100.0


def main_measure(text: str) -> Measure:
    """The main figure for a text: CER where most of it is in a script that puts no spaces between words."""
    signs = characters(text)
    return _main(unspaced(signs), len(signs))


def _main(unspaced_characters: int, all_characters: int) -> Measure:
    return "CER" if 2 * unspaced_characters > all_characters else "WER"


def compute_wer(references: str | Sequence[str], hypotheses: str | Sequence[str]) -> float:
    """The tutorial's function: WER in percent over texts as they are, case and punctuation included.

    Raises:
        ValueError: the two have different lengths.
    """
    ensure_torchaudio()
    from speechbrain.utils.edit_distance import accumulatable_wer_stats

    refs = [references] if isinstance(references, str) else list(references)
    hyps = [hypotheses] if isinstance(hypotheses, str) else list(hypotheses)
    if len(refs) != len(hyps):
        raise ValueError(
            f"There are {len(refs)} references and {len(hyps)} hypotheses; pass as many of one as the other."
        )
    stats = accumulatable_wer_stats([r.split() for r in refs], [h.split() for h in hyps])
    return float(stats["WER"])
