"""New sentences from old ones: words cut out where the model itself hears them, joined in another order.

AN4 has 40 minutes of speech and few sentences, which a transformer learns by heart. What it has to learn is how each
letter and number sounds, whatever stands beside it; so each speaker's words are aligned, cut and shuffled. The feature
extractor looks at 25 ms at a time, so its outputs can be cut and joined without a seam.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt
import torch
from corpus import Clip
from model import CtcModel, encode_text
from tqdm import tqdm

BLANK = 0
CONFIDENT = -1.0  # mean log-probability of a word's characters under which its cut is not trusted


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


Piece = tuple[torch.Tensor, str]
Bank = dict[tuple[str, int], list[Piece]]


@torch.inference_mode()
def word_bank(model: CtcModel, clips: list[Clip], cache: list[list[torch.Tensor]]) -> Bank:
    """(speaker, copy) → the words of that speaker in that copy, each as (features [F, C], word)."""
    model.eval()
    bank: Bank = defaultdict(list)
    for copy, heard in enumerate(tqdm(cache, "cutting words", leave=False)):
        for clip, features in zip(clips, heard, strict=True):
            with torch.autocast("cpu", torch.bfloat16):
                log_probs = model.behind(features.float()[None])[0][0].numpy()
            bank[clip.speaker, copy] += _cut(features, log_probs, clip.text)
    return bank


def _cut(features: torch.Tensor, log_probs: npt.NDArray[np.float32], text: str) -> list[Piece]:
    labels = encode_text(text)
    if len(labels) + 2 > len(features):
        return []
    frames = align(log_probs, labels)
    spoken = log_probs[frames, labels]
    words, cuts, trusted, at = text.split(), [0], [], 0
    for word in words:
        last = at + len(word)
        trusted.append(spoken[at:last].mean() > CONFIDENT)
        if last < len(labels):  # between the word's last character and the next one's first
            cuts.append(int(frames[last - 1] + frames[last + 1] + 1) // 2)
        at = last + 1
    cuts.append(len(features))
    return [
        (features[start:end], word)
        for word, start, end, good in zip(words, cuts, cuts[1:], trusted, strict=False)
        if good and end - start > len(word)
    ]


def splice(bank: list[Piece], words: int, rng: np.random.Generator) -> Piece:
    """``words`` random words of one bank, joined: (features [F, C], text)."""
    chosen = [bank[i] for i in rng.integers(len(bank), size=words)]
    return torch.cat([features for features, _ in chosen]), " ".join(word for _, word in chosen)
