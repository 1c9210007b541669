"""Where each letter of a clip is, as the embedded wav2vec2 model hears it, and the words that can be cut there."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from corpus import Clip
from splice import align
from tqdm import tqdm

from asrquant.audio.clip import from_samples
from asrquant.sources.loading import load

TEACHER = "an4"
CONFIDENT = -1.0
"""Mean log-probability of a word's letters under which its cut is not trusted."""
COPIES = 3
"""Copies of a clip whose words are kept."""


@dataclass(frozen=True)
class Piece:
    """Features, and what is said in them.

    Attributes:
        features: [frames, mels], 10 ms a frame.
        text: in capitals.
        places: [characters of the text], the frame from which each is heard, increasing.
        sure: [characters], the aligning model's log-probability of each.
    """

    features: torch.Tensor
    text: str
    places: npt.NDArray[np.int64]
    sure: npt.NDArray[np.float32] | None = None


@torch.inference_mode()
def place_letters(clips: list[Clip], cache: list[list[torch.Tensor]], path: Path) -> list[list[Piece]]:
    """[copy][clip]: the places are found in the clean waves, once, and stretched as the copy was. Kept in ``path``.

    The aligning model was trained on these clips too, and never on the speakers who are held out here: both recipes hold the same
    ones out with the same seed.
    """
    if not path.exists():
        teacher = load(TEACHER)
        found = []
        for clip in tqdm(clips, "places", file=sys.stderr):
            log_probs = teacher.log_probs(from_samples(clip.wave, 16_000)).numpy()
            labels = [teacher.vocabulary.labels.index(character) for character in clip.text]
            first = align(log_probs, labels)
            seconds = first * len(clip.wave) / 16_000 / len(log_probs)
            found.append((torch.from_numpy(seconds), torch.from_numpy(log_probs[first, labels])))
        torch.save(found, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
    found = torch.load(path, weights_only=True)
    heard = []
    for copy in cache:
        pieces = []
        for clip, features, (seconds, sure) in zip(clips, copy, found, strict=True):
            stretch = len(features) / (len(clip.wave) / 16_000)
            places = np.minimum((seconds.numpy() * stretch).round().astype(np.int64), len(features) - 1)
            pieces.append(Piece(features, clip.text, places, sure.numpy()))
        heard.append(pieces)
    return heard


def word_bank(heard: list[list[Piece]], speakers: Sequence[str]) -> dict[str, list[Piece]]:
    """Speaker → words of that speaker in any copy."""
    bank: dict[str, list[Piece]] = defaultdict(list)
    for number, pieces in enumerate(heard):
        for index, (piece, speaker) in enumerate(zip(pieces, speakers, strict=True)):
            if (index + number) % len(heard) < COPIES:
                bank[speaker] += _cut(piece)
    return bank


def _cut(piece: Piece) -> list[Piece]:
    """The words of a clip, cut between the last letter of one and the first of the next."""
    assert piece.sure is not None
    words, cuts, letters, at = piece.text.split(), [0], [], 0
    for word in words:
        last = at + len(word)
        letters.append(slice(at, last))
        if last < len(piece.places):
            cuts.append(int(piece.places[last - 1] + piece.places[last + 1]) // 2)
        at = last + 1
    cuts.append(len(piece.features))
    return [
        Piece(piece.features[start:end], word, piece.places[those] - start)
        for word, start, end, those in zip(words, cuts[:-1], cuts[1:], letters, strict=True)
        if piece.sure[those].mean() > CONFIDENT and end - start > 2 * (len(word) + 1)
    ]


def joined(words: list[Piece]) -> Piece:
    """Words one after the other; the space between two begins with the second's first frame."""
    places: list[int] = []
    begins = 0
    for word in words:
        places += ([begins] if places else []) + [int(place) + begins for place in word.places]
        begins += len(word.features)
    return Piece(torch.cat([word.features for word in words]), " ".join(word.text for word in words), np.array(places))
