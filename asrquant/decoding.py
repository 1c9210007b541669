"""Log-probs → text, the same for every engine, so that a changed word comes from quantization and nothing else.

The searches are SpeechBrain's own: ``ctc_greedy_decode`` and ``CTCBeamSearcher``, the latter with KenLM as language model
(Graves et al. 2006; Hannun et al. 2014 for the prefix beam search).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from asrquant.compat import ensure_torchaudio
from asrquant.errors import DecoderError

DECODERS: dict[str, str] = {
    "greedy": "the best label of every frame; fastest, no language model",
    "beam": "CTC beam search without a language model",
    "ngram": "CTC beam search with the model's n-gram (KenLM); the fewest errors, the slowest",
}


@dataclass(frozen=True)
class Vocabulary:
    """What a decoder has to know of a model.

    Attributes:
        labels: [V] the name of each output, as the model's tokenizer has it.
        texts: [V] what each output adds to a transcript; in SentencePiece's pieces, ``▁`` has become a space.
        blank_index: which of them is CTC's blank.
        ngram: KenLM file (ARPA or binary), or None.
        search: settings of the beam search that came with the model, such as ``beam_size``, ``alpha``, ``beta``.
    """

    labels: tuple[str, ...]
    texts: tuple[str, ...]
    blank_index: int
    ngram: Path | None = None
    search: Mapping[str, Any] = field(default_factory=dict)

    @property
    def decoders(self) -> tuple[str, ...]:
        """Names of the decoders that this model can use."""
        return tuple(name for name in DECODERS if name != "ngram" or self.ngram)

    def to_text(self, ids: Sequence[int]) -> str:
        """Indices of outputs, repeats and blanks removed → text with single spaces."""
        return _tidy("".join(self.texts[index] for index in ids))


class Decoder(Protocol):
    """A named function from log-probs to text."""

    @property
    def name(self) -> str:
        """Its name in ``DECODERS``."""

    def __call__(self, log_probs: torch.Tensor) -> str:
        """Log-probs [F, V] of one clip → its text."""


def make_decoder(name: str, vocabulary: Vocabulary) -> Decoder:
    """Build a decoder for a model.

    Args:
        name: one of ``DECODERS``.
        vocabulary: the model's.

    Raises:
        DecoderError: there is no such decoder, or the model has no n-gram.
    """
    if name not in DECODERS:
        raise DecoderError(f"There is no decoder {name!r}; there are {', '.join(DECODERS)}.")
    if name not in vocabulary.decoders:
        raise DecoderError(f"This model came without an n-gram; use {' or '.join(vocabulary.decoders)}.")
    return Greedy(vocabulary) if name == "greedy" else BeamSearch(name, beam_searcher(name, vocabulary))


class Greedy:
    """Best path: the best label of every frame, repeats and blanks removed."""

    name = "greedy"

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Decode for the model of this vocabulary."""
        ensure_torchaudio()
        from speechbrain.decoders.ctc import ctc_greedy_decode

        self._decode = ctc_greedy_decode
        self._vocabulary = vocabulary

    def __call__(self, log_probs: torch.Tensor) -> str:
        """Log-probs [F, V] of one clip → its text."""
        (ids,) = self._decode(log_probs[None], torch.ones(1), blank_id=self._vocabulary.blank_index)
        return self._vocabulary.to_text(ids)


class BeamSearch:
    """SpeechBrain's ``CTCBeamSearcher``."""

    def __init__(self, name: str, search: Any) -> None:
        """Decode with a searcher such as ``beam_searcher`` makes, or a model came with."""
        self.name = name
        self._search = search

    def __call__(self, log_probs: torch.Tensor) -> str:
        """Log-probs [F, V] of one clip → its text."""
        hypotheses = self._search(log_probs[None], torch.ones(1))
        return _tidy(hypotheses[0][0].text)


def beam_searcher(name: str, vocabulary: Vocabulary) -> Any:
    """A ``CTCBeamSearcher`` with the model's own settings, and its n-gram for the decoder ``ngram``.

    Raises:
        DecoderError: KenLM cannot read the n-gram.
    """
    ensure_torchaudio()
    from speechbrain.decoders.ctc import CTCBeamSearcher

    settings = {k: v for k, v in vocabulary.search.items() if k not in ("kenlm_model_path", "topk", "vocab_list")}
    settings["blank_index"] = vocabulary.blank_index
    if name == "ngram":
        settings["kenlm_model_path"] = str(vocabulary.ngram)
    try:
        return CTCBeamSearcher(**settings, vocab_list=list(vocabulary.labels))
    except (OSError, RuntimeError) as error:
        raise DecoderError(f"KenLM cannot read the n-gram {vocabulary.ngram}: {error}") from error


def _tidy(text: str) -> str:
    return " ".join(text.split())
