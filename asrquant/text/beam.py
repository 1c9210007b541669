"""CTC beam search, with KenLM as language model where the model has an n-gram: SpeechBrain's ``CTCBeamSearcher``.

See Graves et al. 2006 for CTC and Hannun et al. 2014 for the prefix beam search.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch

from asrquant.base.errors import DecoderError
from asrquant.base.quiet import kenlm_quietly
from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.text.vocabulary import Vocabulary, Word, placed, tidy


class BeamSearch:
    """SpeechBrain's ``CTCBeamSearcher``."""

    def __init__(self, name: str, search: Any) -> None:
        """Decode with a searcher such as ``beam_searcher`` makes, or a model came with."""
        self.name = name
        self._search = search

    def __call__(self, log_probs: torch.Tensor) -> str:
        """Log-probs [F, V] of one clip → its text."""
        return tidy(self._best(log_probs).text)

    def words(self, log_probs: torch.Tensor) -> tuple[Word, ...]:
        """Log-probs [F, V] of one clip → the words of its text at their place."""
        return placed(self._best(log_probs).text_frames)

    def _best(self, log_probs: torch.Tensor) -> Any:
        return self._search(log_probs[None], torch.ones(1))[0][0]


def beam_searcher(name: str, vocabulary: Vocabulary) -> Any:
    """A ``CTCBeamSearcher`` with the model's own settings, and its n-gram for the decoder ``ngram``.

    Raises:
        DecoderError: KenLM cannot read the n-gram.
    """
    ensure_torchaudio()
    from speechbrain.decoders.ctc import CTCBeamSearcher

    known = inspect.signature(CTCBeamSearcher).parameters.keys() - {"kenlm_model_path", "topk", "vocab_list"}
    settings = {name: value for name, value in vocabulary.search.items() if name in known}
    settings["blank_index"] = vocabulary.blank_index
    if name == "ngram":
        settings["kenlm_model_path"] = str(vocabulary.ngram)
    try:
        with kenlm_quietly():
            return CTCBeamSearcher(**settings, vocab_list=list(vocabulary.labels))
    except (OSError, RuntimeError) as error:
        raise DecoderError(f"KenLM cannot read the n-gram {vocabulary.ngram}: {error}") from error
