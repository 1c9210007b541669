"""What a decoder has to know of a model, and what it has to be: log-probs → text, and the words at their place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from asrquant.text.confidence import Calibration


@dataclass(frozen=True)
class Vocabulary:
    """What a decoder has to know of a model.

    Attributes:
        labels: [V] the name of each output, as the model's tokenizer has it.
        texts: [V] what each output adds to a transcript; in SentencePiece's pieces, ``▁`` has become a space.
        blank_index: which of them is CTC's blank.
        ngram: KenLM file (ARPA or binary), or None.
        search: settings of the beam search that came with the model, such as ``beam_size``, ``alpha``, ``beta``.
        punctuation: characters before which one space goes away when a text is joined.
        calibration: from its log-probs to how sure it is; None where nobody has found that out.
    """

    labels: tuple[str, ...]
    texts: tuple[str, ...]
    blank_index: int
    ngram: Path | None = None
    search: Mapping[str, Any] = field(default_factory=dict)
    punctuation: str = ""
    calibration: Calibration | None = None

    def to_text(self, ids: Sequence[int]) -> str:
        """Indices of outputs, repeats and blanks removed → text with single spaces."""
        joined = "".join(self.texts[index] for index in ids)
        if self.punctuation:
            joined = re.sub(rf"\s([{re.escape(self.punctuation)}])", r"\1", joined)
        return tidy(joined)


@dataclass(frozen=True)
class Word:
    """A word of a transcript and where its labels were heard: from frame ``start`` up to, not including, ``end``."""

    text: str
    start: int
    end: int


class Decoder(Protocol):
    """A named function from log-probs to text."""

    @property
    def name(self) -> str:
        """Its name in ``DECODERS``."""

    def __call__(self, log_probs: torch.Tensor) -> str:
        """Log-probs [F, V] of one clip → its text."""

    def words(self, log_probs: torch.Tensor) -> tuple[Word, ...]:
        """Log-probs [F, V] of one clip → the words of its text at their place."""


def placed(frames: Sequence[tuple[str, tuple[int, int]]]) -> tuple[Word, ...]:
    """What pyctcdecode and its kin call text frames → words."""
    return tuple(Word(text, start, end) for text, (start, end) in frames if text.strip())


def tidy(text: str) -> str:
    """Words with single spaces between them."""
    return " ".join(text.split())
