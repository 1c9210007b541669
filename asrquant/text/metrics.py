"""Word errors with their alignment, agreement of two transcripts, and spread. Pure functions.

Counting and alignment are SpeechBrain's (``speechbrain.utils.edit_distance``, Levenshtein distance over words).
"""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from asrquant.base.torchaudio_stand_in import ensure_torchaudio

Operation = Literal["=", "S", "I", "D"]


@dataclass(frozen=True)
class Edit:
    """One step of an alignment: ``=`` the same word, ``S`` another, ``I`` only in the second text, ``D`` only in the first."""

    operation: Operation
    first: str
    second: str


@dataclass(frozen=True)
class WordErrors:
    """Errors of a hypothesis against a reference.

    Attributes:
        substitutions: words heard as another.
        deletions: words not heard.
        insertions: words heard that nobody said.
        reference_words: number of words in the reference.
    """

    substitutions: int
    deletions: int
    insertions: int
    reference_words: int

    @property
    def errors(self) -> int:
        """All of them."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def wer(self) -> float | None:
        """Word error rate in percent; None where the reference has no words, for which it is not defined."""
        return 100 * self.errors / self.reference_words if self.reference_words else None

    def __add__(self, other: WordErrors) -> WordErrors:
        """Errors of both."""
        return WordErrors(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.reference_words + other.reference_words,
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


def normalize_text(text: str) -> str:
    """Capitals, no punctuation but apostrophes within words, single spaces: what WER compares.

    ``"Don't stop, go!"`` becomes ``"DON'T STOP GO"``.
    """
    text = unicodedata.normalize("NFKC", text).upper().replace("’", "'")
    text = re.sub(r"[^\w\s']|_", " ", text)
    return " ".join(stripped for word in text.split() if (stripped := word.strip("'")))


def word_errors(reference: str, hypothesis: str) -> WordErrors:
    """Count the word errors of a hypothesis, after ``normalize_text`` of both."""
    ensure_torchaudio()
    from speechbrain.utils.edit_distance import accumulatable_wer_stats

    stats = accumulatable_wer_stats([normalize_text(reference).split()], [normalize_text(hypothesis).split()])
    return WordErrors(*(int(stats[name]) for name in ("substitutions", "deletions", "insertions", "num_ref_tokens")))


def align_words(first: str, second: str) -> tuple[Edit, ...]:
    """The word-level alignment with the fewest edits that turns ``first`` into ``second``, both normalized."""
    ensure_torchaudio()
    from speechbrain.utils.edit_distance import EDIT_SYMBOLS, alignment, op_table

    a, b = normalize_text(first).split(), normalize_text(second).split()
    names: dict[str, Operation] = {
        EDIT_SYMBOLS["eq"]: "=",
        EDIT_SYMBOLS["sub"]: "S",
        EDIT_SYMBOLS["ins"]: "I",
        EDIT_SYMBOLS["del"]: "D",
    }
    return tuple(
        Edit(names[symbol], a[i] if i is not None else "", b[j] if j is not None else "")
        for symbol, i, j in alignment(op_table(a, b))
    )


def agreement(first: str, second: str) -> float:
    """Share of words, in percent, that two transcripts have in common: 100 for two empty ones.

    100 x equal words / length of their alignment. It is no WER: neither text is a reference.
    """
    edits = align_words(first, second)
    return 100 * sum(edit.operation == "=" for edit in edits) / len(edits) if edits else 100.0


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
