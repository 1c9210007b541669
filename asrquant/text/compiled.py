"""The beam search of ``ctc-beam-decoder``: SpeechBrain's and this one both follow pyctcdecode.

``examples/decoders.py`` measures how far they agree.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import torch

from asrquant.base.errors import DecoderError, MissingDependencyError
from asrquant.base.quiet import kenlm_quietly
from asrquant.text.vocabulary import Vocabulary, Word, placed, tidy


def missing() -> str | None:
    """Which library is not installed, with the install line; None where the decoder can be used."""
    if importlib.util.find_spec("ctc_beam_decoder"):
        return None
    return "The decoder 'fast' needs ctc-beam-decoder; install with: pip install ctc-beam-decoder"


class CompiledBeamSearch:
    """The beam search of ``ctc-beam-decoder``, in C++, with the settings that ``BeamSearch`` would have."""

    name = "fast"

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Decode for the model of this vocabulary, with its n-gram where it has one.

        Raises:
            DecoderError: the n-gram cannot be read.
            MissingDependencyError: the library is not installed.
        """
        if reason := missing():
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
            if vocabulary.ngram is None:
                raise DecoderError(
                    f"ctc-beam-decoder cannot search these labels: {error}; use the decoder beam."
                ) from error
            raise DecoderError(f"KenLM cannot read the n-gram {vocabulary.ngram}: {error}") from error
        self._options = _renamed(
            search,
            {"beam_size": "beam_width", "beam_prune_logp": "beam_prune_logp", "token_prune_min_logp": "token_min_logp"},
        )

    def __call__(self, log_probs: torch.Tensor) -> str:
        """Log-probs [F, V] of one clip → its text."""
        return tidy(self._decoder.decode(log_probs.numpy(), **self._options))

    def words(self, log_probs: torch.Tensor) -> tuple[Word, ...]:
        """Log-probs [F, V] of one clip → the words of its text at their place."""
        _text, _state, frames, *_scores = self._decoder.decode_beams(log_probs.numpy(), **self._options)[0]
        return placed(frames)


def _renamed(settings: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {there: settings[here] for here, there in names.items() if settings.get(here) is not None}
