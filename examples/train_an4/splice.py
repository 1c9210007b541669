"""New sentences from old ones: words cut out where the model itself hears them, alone or joined in another order.

AN4 has 40 minutes of speech and few sentences, which a transformer learns by heart. What it has to learn is how each
letter and number sounds, whatever stands beside it; so each speaker's words are aligned, cut and shuffled. The feature
extractor looks at 25 ms at a time, so its outputs can be cut and joined without a seam, as waves can.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from corpus import SAMPLE_RATE, Clip, spoken
from model import CtcModel, encode_text

BLANK = 0
HOP = 320
"""Samples of a frame of the feature extractor."""
CONFIDENT = -1.0
"""Mean log-probability of a word's characters under which its cut is not trusted."""
MARGIN = SAMPLE_RATE // 25
"""Samples that are left before a clip's first word and after its last."""


def align(log_probs: npt.NDArray[np.float32], labels: list[int]) -> npt.NDArray[np.int64]:
    """First frame of each label on the best CTC path (Graves et al. 2006, Viterbi instead of the sum).

    Args:
        log_probs: [F, V].
        labels: label indices, without blanks; must fit into F frames.

    Returns:
        [len(labels)] frame indices, increasing.
    """
    states = np.full(2 * len(labels) + 1, BLANK)
    states[1::2] = labels
    can_skip = np.zeros(len(states), bool)
    can_skip[3::2] = states[3::2] != states[1:-2:2]
    score = np.full(len(states), -np.inf)
    score[:2] = log_probs[0, states[:2]]
    steps = np.zeros((len(log_probs), len(states)), np.int8)
    for frame in range(1, len(log_probs)):
        stay, one = score, np.concatenate([[-np.inf], score[:-1]])
        two = np.where(can_skip, np.concatenate([[-np.inf, -np.inf], score[:-2]]), -np.inf)
        options = np.stack([stay, one, two])
        steps[frame] = options.argmax(0)
        score = options.max(0) + log_probs[frame, states]
    state = len(states) - 1 - int(score[-2] > score[-1])
    first = np.zeros(len(states), np.int64)
    for frame in range(len(log_probs) - 1, -1, -1):
        first[state] = frame
        state -= steps[frame, state]
    return first[1::2]


@dataclass(frozen=True)
class Word:
    """A word in a clip: which clip of the list, and from which sample of its wave to which."""

    text: str
    clip: int
    start: int
    end: int


Words = dict[str, list[Word]]
"""Speaker → words that can be cut."""


@torch.inference_mode()
def find_words(model: CtcModel, clips: Sequence[Clip], clean: Sequence[torch.Tensor]) -> Words:
    """Words of each speaker, as the model aligns them in ``clean``, its extractor's features of the clips as they are."""
    model.eval()
    found: Words = defaultdict(list)
    for index, (clip, features) in enumerate(zip(clips, clean, strict=True)):
        labels = encode_text(clip.text)
        if labels and len(labels) + 2 <= len(features):
            with torch.autocast("cpu", torch.bfloat16):
                log_probs = model.behind(features.float()[None])[0][0].numpy()
            found[clip.speaker] += cut(index, clip, align(log_probs, labels), log_probs, labels)
    return found


def cut(
    index: int, clip: Clip, frames: npt.NDArray[np.int64], log_probs: npt.NDArray[np.float32], labels: list[int]
) -> list[Word]:
    """The words of a clip that can be trusted, from the ``frames`` in which its labels begin."""
    sure = log_probs[frames, labels]
    begins, ends = spoken(clip.wave)
    words, cuts, trusted, at = clip.text.split(), [max(0, begins - MARGIN)], [], 0
    for word in words:
        last = at + len(word)
        trusted.append(sure[at:last].mean() > CONFIDENT)
        if last < len(labels):  # between the word's last character and the next one's first
            cuts.append(int(frames[last - 1] + frames[last + 1] + 1) * HOP // 2)
        at = last + 1
    cuts.append(min(len(clip.wave), ends + MARGIN))
    return [
        Word(word, index, start, end)
        for word, start, end, good in zip(words, cuts[:-1], cuts[1:], trusted, strict=True)
        if good and end - start > HOP * (len(word) + 1)
    ]


@dataclass(frozen=True)
class Mix:
    """How often each kind of thing is heard; what is left is a clip as it was spoken.

    Attributes:
        shuffled: as many words as the clip has.
        short: one to three words.
        long: eight to sixteen.
        nothing: silence, hum or noise, whose text is empty.
    """

    shuffled: float = 0.23
    short: float = 0.22
    long: float = 0.06
    nothing: float = 0.05


def draw(clip: Clip, words: list[Word], mix: Mix, rng: np.random.Generator) -> list[Word] | None:
    """Words to be heard in the clip's place, none for nothing, or ``None`` for the clip itself."""
    kind = rng.random()
    if kind < mix.nothing:
        return []
    if not words:
        return None
    if kind < mix.nothing + mix.short:
        return drawn(words, int(rng.choice(3, p=(0.6, 0.25, 0.15))) + 1, rng)
    if kind < mix.nothing + mix.short + mix.long:
        return drawn(words, int(rng.integers(8, 17)), rng)
    if kind < mix.nothing + mix.short + mix.long + mix.shuffled:
        return drawn(words, len(clip.text.split()), rng)
    return None


def drawn(words: list[Word], count: int, rng: np.random.Generator) -> list[Word]:
    """Any of a speaker's words, as often as they were spoken; one alone is as likely to be any that the speaker said."""
    if count == 1 and rng.random() < 0.6:
        kinds = sorted({word.text for word in words})
        kind = kinds[int(rng.integers(len(kinds)))]
        words = [word for word in words if word.text == kind]
    return [words[int(index)] for index in rng.integers(len(words), size=count)]


def text_of(words: Sequence[Word]) -> str:
    """What is said in them."""
    return " ".join(word.text for word in words)
