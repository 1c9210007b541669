"""A 3-gram in ARPA format from plain sentences, smoothed after Witten & Bell (1991), without a compiled toolkit."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

Gram = tuple[str, ...]


def witten_bell(sentences: Iterable[str], order: int = 3) -> str:
    """ARPA text of an interpolated Witten-Bell model.

    P(w | h) = (c(h w) + T(h) P(w | h')) / (c(h) + T(h)), where T(h) is the number of different words seen after h and h'
    is h without its first word; the unigrams fall back on a uniform distribution over the vocabulary and ``<unk>``. The
    back-off weight of h is therefore T(h) / (c(h) + T(h)), exactly.
    """
    counts: list[Counter[Gram]] = [Counter() for _ in range(order)]
    for sentence in sentences:
        words = ("<s>", *sentence.split(), "</s>")
        for n in range(1, order + 1):
            counts[n - 1].update(words[i : i + n] for i in range(len(words) - n + 1))
    del counts[0][("<s>",)]  # never predicted
    total: dict[Gram, int] = defaultdict(int)
    kinds: dict[Gram, int] = defaultdict(int)
    for table in counts:
        for gram, count in table.items():
            total[gram[:-1]] += count
            kinds[gram[:-1]] += 1
    vocabulary = len(counts[0]) + 1  # and <unk>

    def probability(gram: Gram) -> float:
        history = gram[:-1]
        shorter = probability(gram[1:]) if history else 1 / vocabulary
        return (counts[len(gram) - 1][gram] + kinds[history] * shorter) / (total[history] + kinds[history])

    def line(gram: Gram, probability: float) -> str:
        text = f"{math.log10(probability) if probability else -99:.6f}\t{' '.join(gram)}"
        if len(gram) < order and kinds[gram]:
            text += f"\t{math.log10(kinds[gram] / (total[gram] + kinds[gram])):.6f}"
        return text

    tables = [[line(gram, probability(gram)) for gram in sorted(table)] for table in counts]
    tables[0] += [line(("<s>",), 0.0), line(("<unk>",), probability(("<unk>",)))]
    head = "\n".join(["\\data\\", *(f"ngram {n}={len(lines)}" for n, lines in enumerate(tables, 1))])
    body = "\n\n".join("\n".join([f"\\{n}-grams:", *lines]) for n, lines in enumerate(tables, 1))
    return f"{head}\n\n{body}\n\n\\end\\\n"


def unigrams(sentences: Iterable[str]) -> list[str]:
    """The words, sorted."""
    return sorted({word for sentence in sentences for word in sentence.split()})


def write_arpa(path: Path, sentences: Iterable[str]) -> None:
    """Write the 3-gram of the sentences."""
    path.write_text(witten_bell(sentences), encoding="utf-8")


def with_lone(sentences: Iterable[str], times: int) -> list[str]:
    """The sentences, and each of their words as a sentence of its own, ``times`` times: any word may be said alone."""
    sentences = list(sentences)
    return sentences + unigrams(sentences) * times
