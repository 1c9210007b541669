from __future__ import annotations

import random

import jiwer
import pytest

from asrquant.text.metrics import agreement, align_words, compute_wer, normalize_text, spread, word_errors


def test_counts_each_kind_of_error() -> None:
    errors = word_errors("A B C D", "A X C D E")
    assert (errors.substitutions, errors.deletions, errors.insertions, errors.reference_words) == (1, 0, 1, 4)
    assert errors.wer == 50.0


def test_empty_hypothesis_is_all_deletions() -> None:
    errors = word_errors("ONE TWO", "")
    assert (errors.deletions, errors.wer) == (2, 100.0)


def test_empty_reference_has_no_wer() -> None:
    assert word_errors("", "ONE").wer is None
    assert word_errors("", "ONE").insertions == 1
    assert word_errors(" ?! ", "").wer is None


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("enter five", "ENTER FIVE"),
        ("Don't stop, go!", "DON'T STOP GO"),
        ("it’s", "IT'S"),
        ("  two\tspaces \n", "TWO SPACES"),
        ("'quoted'", "QUOTED"),
        ("snake_case-word", "SNAKE CASE WORD"),
        ("Ünïcode", "ÜNÏCODE"),
        ("...", ""),
    ],
)
def test_normalization(text: str, normal: str) -> None:
    assert normalize_text(text) == normal


def test_case_and_punctuation_do_not_count() -> None:
    assert word_errors("Enter, five!", "ENTER FIVE").wer == 0


def test_agrees_with_an_independent_implementation() -> None:
    rng = random.Random(3)
    words = ["A", "B", "C", "ONE", "TWO", "THREE"]
    for _ in range(200):
        reference = " ".join(rng.choices(words, k=rng.randint(1, 9)))
        hypothesis = " ".join(rng.choices(words, k=rng.randint(0, 9)))
        assert word_errors(reference, hypothesis).wer == pytest.approx(100 * jiwer.wer(reference, hypothesis))
        assert compute_wer([reference], [hypothesis]) == pytest.approx(100 * jiwer.wer(reference, hypothesis))


def test_alignment_names_the_words() -> None:
    edits = align_words("RUBOUT G FIVE", "RUBOUT T OH FIVE")
    assert next(e.first for e in edits if e.operation == "S") == "G"
    assert [e.operation for e in edits].count("I") == 1
    assert " ".join(e.first for e in edits if e.first) == "RUBOUT G FIVE"
    assert " ".join(e.second for e in edits if e.second) == "RUBOUT T OH FIVE"


def test_agreement_is_symmetric_and_bounded() -> None:
    assert agreement("", "") == 100
    assert agreement("A B", "A B") == 100
    assert agreement("A B", "") == 0
    assert agreement("A B C", "A C") == agreement("A C", "A B C") == pytest.approx(200 / 3)


def test_the_tutorials_wer_takes_texts_as_they_are() -> None:
    assert compute_wer("a b", "A b") == 50
    with pytest.raises(ValueError, match="2 references and 1 hypotheses"):
        compute_wer(["a", "b"], ["a"])


def test_spread() -> None:
    assert (spread([3.0, 1.0, 2.0]).median, spread([3.0, 1.0, 2.0]).low, spread([3.0, 1.0, 2.0]).high) == (2, 1, 3)
