"""CTC's best path: the best label of every frame (Graves et al. 2006), with SpeechBrain's ``ctc_greedy_decode``."""

from __future__ import annotations

import torch

from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.text.vocabulary import Vocabulary, Word


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
        frame = spaces = 0
        for label, count in zip(labels.tolist(), counts.tolist(), strict=True):
            for letter in self._vocabulary.texts[label] if label != self._vocabulary.blank_index else "":
                if letter.isspace():
                    words += [current] if current else []
                    current, spaces = None, spaces + 1
                else:
                    if letter in self._vocabulary.punctuation and spaces == 1 and words:
                        current = words.pop()  # the space before it goes away
                    spaces = 0
                    first = current or Word("", frame, frame)
                    current = Word(first.text + letter, first.start, frame + count)
            frame += count
        return (*words, current) if current else tuple(words)
