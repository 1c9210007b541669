"""Whether an n-gram's words can be written with a model's labels: a search with others scores every word as unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from asrquant.base.errors import DecoderError
from asrquant.text.vocabulary import Vocabulary

_MOST = 50_000
"""Words that are looked at; an n-gram can have millions."""
_SHARE = 0.5
"""Of words that have to be writable: large n-grams hold numbers and words of other languages, too."""
_EXAMPLES = 3


def refuse_unspellable(vocabulary: Vocabulary) -> None:
    """Check the words of a model's n-gram, and those that its search is told of.

    KenLM's binary form does not list its words; nothing is known of them then.

    Raises:
        DecoderError: most of them cannot be written with the labels; names some.
    """
    labels = [label for index, label in enumerate(vocabulary.labels) if index != vocabulary.blank_index]
    letters = set("".join(label for label in labels if not _is_special(label)))
    for words in (_words(vocabulary.ngram), vocabulary.search.get("unigrams") or ()):
        _refuse(list(islice((word for word in words if not _is_special(word)), _MOST)), letters)


def _refuse(words: list[str], letters: set[str]) -> None:
    foreign = [word for word in words if not letters.issuperset(word)]
    if len(foreign) <= _SHARE * len(words):
        return
    examples = ", ".join(repr(word) for word in foreign[:_EXAMPLES])
    raise DecoderError(
        f"The n-gram is not for this model: {len(foreign)} of {len(words)} of its words cannot be spelled with the model's "
        f"labels (such as {examples}; upper and lower case differ); use the decoder greedy or beam, or an n-gram in the "
        "model's letters."
    )


def _is_special(word: str) -> bool:
    """Such as ``<s>`` and ``[UNK]``."""
    return len(word) > 1 and (word[0], word[-1]) in (("<", ">"), ("[", "]"))


def _words(ngram: Path | None) -> Iterable[str]:
    """The unigrams of an ARPA file; none of a file in another form."""
    if ngram is None:
        return
    with ngram.open(encoding="utf-8", errors="replace") as file:
        if not _goes_to_unigrams(iter(lambda: file.readline(10_000), "")):
            return
        for line in file:
            if line.startswith("\\"):
                return
            if len(parts := line.split()) > 1:
                yield parts[1]


def _goes_to_unigrams(lines: Iterator[str]) -> bool:
    """Whether the head of an ARPA file was read up to its unigrams; it is a few lines."""
    return any(line.strip() == "\\1-grams:" for line in islice(lines, 100))
