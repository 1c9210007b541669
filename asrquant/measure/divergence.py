"""How far two encoders' answers lie apart, frame by frame, and which changed words stand where they do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from asrquant.audio.clip import SAMPLE_RATE, Audio
from asrquant.model.recognizer import Recognizer
from asrquant.text.metrics import Edit, align_tokens
from asrquant.text.normalize import BASIC, Normalization, has_dotless, normalize_text
from asrquant.text.vocabulary import Word

_DIGITS = 6


@dataclass(frozen=True)
class ChangedWord:
    """A word that the two heard differently, and where.

    Attributes:
        edit: what became of it.
        start: in seconds.
        end: in seconds.
        nats: mean divergence between them.
    """

    edit: Edit
    start: float
    end: float
    nats: float

    def __str__(self) -> str:
        """``FIVE→NINE``, ``+OH``, ``-TWO``: changed, added, lost."""
        marks = {"S": "{0}→{1}", "I": "+{1}", "D": "-{0}"}
        return marks[self.edit.operation].format(self.edit.first, self.edit.second)


@dataclass(frozen=True)
class Divergence:
    """Where in a clip a quantized encoder answers otherwise than the original.

    Attributes:
        frame_seconds: length of a frame.
        nats: of each frame, the Kullback-Leibler divergence of the quantized distribution over the labels from the
            original's: 0 where they agree.
        peaks: of each frame, the largest absolute sample in it, 0 to 1: the waveform's outline.
        changes: the words that changed, in order.
    """

    frame_seconds: float
    nats: tuple[float, ...]
    peaks: tuple[float, ...]
    changes: tuple[ChangedWord, ...]

    @property
    def mean(self) -> float:
        """Over the clip, in nats a frame."""
        return sum(self.nats) / len(self.nats)

    @property
    def peak(self) -> tuple[float, float]:
        """The largest divergence in nats, and at which second it is."""
        frame = max(range(len(self.nats)), key=self.nats.__getitem__)
        return self.nats[frame], frame * self.frame_seconds


def kl_divergence(original: torch.Tensor, quantized: torch.Tensor) -> torch.Tensor:
    """KL(original || quantized) of each frame, in nats.

    Args:
        original: [F, V] log-probs.
        quantized: [F, V] log-probs.

    Returns:
        [F] divergences, 0 or more.
    """
    each = torch.nn.functional.kl_div(quantized.float(), original.float(), reduction="none", log_target=True)
    return each.sum(-1).clamp_min(0)


def diverge(
    original: Recognizer,
    quantized: Recognizer,
    audio: Audio,
    answers: tuple[torch.Tensor, torch.Tensor],
    rules: Normalization = BASIC,
) -> Divergence:
    """Lay two recognizers' answers to a clip side by side.

    Args:
        original: whose decoder reads the first of the answers.
        quantized: whose decoder reads the second.
        audio: the clip.
        answers: [F, V] log-probs of each.
        rules: for comparing the words.
    """
    samples = original.frame_samples
    frame = samples / SAMPLE_RATE if samples else audio.seconds / len(answers[0])
    nats = kl_divergence(*answers).numpy()
    words = original.decoder.words(answers[0]), quantized.decoder.words(answers[1])
    changes = tuple(
        ChangedWord(edit, round(start * frame, 3), round(end * frame, 3), float(nats[start:end].mean()))
        for edit, start, end in _placed_edits(*words, rules)
        if edit.operation != "="
    )
    loudness = np.abs(audio.samples)
    at = [index * samples for index in range(1, len(nats))] if samples else len(nats)
    parts = np.split(loudness, at) if isinstance(at, list) else np.array_split(loudness, at)
    return Divergence(
        frame_seconds=frame,
        nats=tuple(round(float(value), _DIGITS) for value in nats),
        peaks=tuple(round(float(part.max(initial=0)), _DIGITS) for part in parts),
        changes=changes,
    )


def _placed_edits(
    first: Sequence[Word], second: Sequence[Word], rules: Normalization
) -> Iterator[tuple[Edit, int, int]]:
    """The alignment of two transcripts, each step with the frames that its words span."""
    # What goes by language makes one word of several ("twenty one", 21), which have no one place.
    rules = BASIC if rules.name == "english" else rules
    dotless = any(has_dotless(" ".join(word.text for word in words)) for words in (first, second))
    left, right = _tokens(first, rules, dotless), _tokens(second, rules, dotless)
    i = j = 0
    for edit in align_tokens([w.text for w in left], [w.text for w in right]):
        here = ([] if edit.operation == "I" else [left[i]]) + ([] if edit.operation == "D" else [right[j]])
        i, j = i + (edit.operation != "I"), j + (edit.operation != "D")
        yield edit, min(word.start for word in here), max(word.end for word in here)


def _tokens(words: Sequence[Word], rules: Normalization, dotless: bool) -> list[Word]:
    """The words as ``align_words`` counts them."""
    return [
        Word(token, word.start, word.end)
        for word in words
        for token in normalize_text(word.text, rules, dotless).split()
    ]
