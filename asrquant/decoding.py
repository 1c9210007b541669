"""Log-probs → text, the same for every engine, so that a changed word comes from quantization and nothing else.

The searches are SpeechBrain's own: ``ctc_greedy_decode`` and ``CTCBeamSearcher``, the latter with KenLM as language model
(Graves et al. 2006; Hannun et al. 2014 for the prefix beam search). Both SpeechBrain's searcher and the compiled one,
``ctc-beam-decoder``, follow pyctcdecode; ``examples/decoders.py`` measures how far they agree.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from asrquant.compat import ensure_torchaudio
from asrquant.errors import DecoderError, MissingDependencyError
from asrquant.quiet import kenlm_quietly

DECODERS: dict[str, str] = {
    "greedy": "the best label of every frame, without a search or a language model",
    "beam": "CTC beam search without a language model",
    "ngram": "CTC beam search with the model's n-gram (KenLM)",
    "fast": "the beam search compiled (ctc-beam-decoder), with the n-gram where the model has one",
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


def make_decoder(name: str, vocabulary: Vocabulary) -> Decoder:
    """Build a decoder for a model.

    Args:
        name: one of ``DECODERS``.
        vocabulary: the model's.

    Raises:
        DecoderError: there is no such decoder, or the model has no n-gram.
        MissingDependencyError: its library is not installed.
    """
    if not isinstance(name, str) or name not in DECODERS:
        raise DecoderError(f"There is no decoder {name!r}; there are {', '.join(DECODERS)}.")
    if name not in vocabulary.decoders:
        raise DecoderError(f"This model came without an n-gram; use {' or '.join(vocabulary.decoders)}.")
    if name == "fast":
        return CompiledBeamSearch(vocabulary)
    return Greedy(vocabulary) if name == "greedy" else BeamSearch(name, beam_searcher(name, vocabulary))


def unavailable(name: str) -> str | None:
    """Why a decoder cannot be used here, with the install line; None where it can."""
    if name != "fast" or importlib.util.find_spec("ctc_beam_decoder"):
        return None
    return "The decoder 'fast' needs ctc-beam-decoder; install with: pip install ctc-beam-decoder"


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

    def words(self, log_probs: torch.Tensor) -> tuple[Word, ...]:
        """Log-probs [F, V] of one clip → the words of its text at their place."""
        labels, counts = torch.unique_consecutive(log_probs.argmax(-1), return_counts=True)
        words: list[Word] = []
        current: Word | None = None
        frame = 0
        for label, count in zip(labels.tolist(), counts.tolist(), strict=True):
            for letter in self._vocabulary.texts[label] if label != self._vocabulary.blank_index else "":
                if letter.isspace():
                    words += [current] if current else []
                    current = None
                else:
                    first = current or Word("", frame, frame)
                    current = Word(first.text + letter, first.start, frame + count)
            frame += count
        return (*words, current) if current else tuple(words)


class BeamSearch:
    """SpeechBrain's ``CTCBeamSearcher``."""

    def __init__(self, name: str, search: Any) -> None:
        """Decode with a searcher such as ``beam_searcher`` makes, or a model came with."""
        self.name = name
        self._search = search

    def __call__(self, log_probs: torch.Tensor) -> str:
        """Log-probs [F, V] of one clip → its text."""
        return _tidy(self._best(log_probs).text)

    def words(self, log_probs: torch.Tensor) -> tuple[Word, ...]:
        """Log-probs [F, V] of one clip → the words of its text at their place."""
        return _placed(self._best(log_probs).text_frames)

    def _best(self, log_probs: torch.Tensor) -> Any:
        return self._search(log_probs[None], torch.ones(1))[0][0]


class CompiledBeamSearch:
    """The beam search of ``ctc-beam-decoder``, in C++, with the settings that ``BeamSearch`` would have."""

    name = "fast"

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Decode for the model of this vocabulary, with its n-gram where it has one.

        Raises:
            DecoderError: the n-gram cannot be read.
            MissingDependencyError: the library is not installed.
        """
        if reason := unavailable(self.name):
            raise MissingDependencyError(reason)
        from ctc_beam_decoder import build_ctcdecoder

        search = vocabulary.search
        blank = vocabulary.blank_index
        labels = ["" if index == blank else label for index, label in enumerate(vocabulary.labels)]
        language = {} if vocabulary.ngram is None else {
            "kenlm_model_path": vocabulary.ngram,
            "lm_score_boundary": search.get("score_boundary", True),
            **_renamed(search, {name: name for name in ("unigrams", "alpha", "beta", "unk_score_offset")}),
        }  # fmt: skip
        try:
            with kenlm_quietly():
                self._decoder = build_ctcdecoder(labels, **language)
        except (OSError, ValueError, RuntimeError) as error:
            raise DecoderError(f"KenLM cannot read the n-gram {vocabulary.ngram}: {error}") from error
        self._options = _renamed(
            search,
            {"beam_size": "beam_width", "beam_prune_logp": "beam_prune_logp", "token_prune_min_logp": "token_min_logp"},
        )

    def __call__(self, log_probs: torch.Tensor) -> str:
        """Log-probs [F, V] of one clip → its text."""
        return _tidy(self._decoder.decode(log_probs.numpy(), **self._options))

    def words(self, log_probs: torch.Tensor) -> tuple[Word, ...]:
        """Log-probs [F, V] of one clip → the words of its text at their place."""
        _text, _state, frames, *_scores = self._decoder.decode_beams(log_probs.numpy(), **self._options)[0]
        return _placed(frames)


def _renamed(settings: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {there: settings[here] for here, there in names.items() if settings.get(here) is not None}


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
        with kenlm_quietly():
            return CTCBeamSearcher(**settings, vocab_list=list(vocabulary.labels))
    except (OSError, RuntimeError) as error:
        raise DecoderError(f"KenLM cannot read the n-gram {vocabulary.ngram}: {error}") from error


def _placed(frames: Sequence[tuple[str, tuple[int, int]]]) -> tuple[Word, ...]:
    """What pyctcdecode and its kin call text frames → words."""
    return tuple(Word(text, start, end) for text, (start, end) in frames if text.strip())


def _tidy(text: str) -> str:
    return " ".join(text.split())
