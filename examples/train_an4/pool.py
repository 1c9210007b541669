"""What the feature extractor hears in changed copies of the clips; each epoch one of the copies is made anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from augment import Augmenter, level
from corpus import SAMPLE_RATE, Clip, Wave
from model import CtcModel
from splice import HOP, Word, Words, drawn, text_of

Piece = tuple[torch.Tensor, str]
"""Features [F, C], and what is said in them."""
NOTHINGS = 40
LONE = 0.3
"""Words and short phrases that were changed after they had been cut, for each clip."""


@dataclass(frozen=True)
class Copy:
    """One changed copy of the clips, as the extractor hears it.

    Attributes:
        features: of each clip [F, C], float16.
        stretch: of each clip, samples of the copy for a sample of the clip.
        offset: of each clip, sample of the copy at which the clip's first one lies.
        nothing: features of silence and noise.
        lone: words and short phrases that were cut first and then changed.
    """

    features: list[torch.Tensor]
    stretch: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]
    nothing: list[torch.Tensor]
    lone: list[Piece]

    def cut(self, word: Word) -> torch.Tensor:
        """A word's features."""
        features = self.features[word.clip]
        start, end = (
            round(float(at * self.stretch[word.clip] + self.offset[word.clip]) / HOP) for at in (word.start, word.end)
        )
        return features[max(0, start) : max(0, end)]


class Pool:
    """Copies of the clips: the first as they are, the others changed.

    Args:
        model: whose feature extractor hears; it does not learn meanwhile.
        clips: all of them.
        augmenter: changes them.
        copies: how many are kept.
        seed: of the changes.
        folder: a file for each copy, so that a run that was broken off goes on with the same ones.
    """

    def __init__(
        self, model: CtcModel, clips: Sequence[Clip], augmenter: Augmenter, copies: int, seed: int, folder: Path
    ) -> None:
        self.model, self.clips, self.augmenter, self.seed, self.folder = model, clips, augmenter, seed, folder
        self.copies: list[Copy] = []
        self.size = copies
        folder.mkdir(parents=True, exist_ok=True)

    def turn_to(self, epoch: int, words: Words | None) -> None:
        """Make or read the copies as they are in this epoch, in which one of them is new."""
        changed = self.size - 1
        for number in range(self.size):
            made = max(0, epoch - (epoch - number) % changed) if number else 0  # the epoch in which it was made last
            if number >= len(self.copies):
                self.copies.append(self._made(number, made, words))
            elif made == epoch > 0:
                self.copies[number] = self._made(number, made, words)

    def clean(self) -> list[torch.Tensor]:
        """What is heard in the clips as they are."""
        return (self.copies[0] if self.copies else self._made(0, 0, None)).features

    @torch.inference_mode()
    def _made(self, number: int, epoch: int, words: Words | None) -> Copy:
        path = self.folder / f"copy{number}.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            if state["epoch"] == epoch:
                return _read(state)
        self.model.eval()
        features, stretch, offset = [], [], []
        for index, clip in enumerate(self.clips):
            rng = np.random.default_rng([self.seed, 2, number, epoch, index])
            if number:
                heard = self.augmenter(clip.wave, rng)
                features.append(self._hear(heard.wave, level(rng)))
                stretch.append(heard.stretch)
                offset.append(heard.offset)
            else:
                features.append(self._hear(clip.wave, 1.0))
                stretch.append(1.0)
                offset.append(0.0)
        rng = np.random.default_rng([self.seed, 4, number, epoch])
        nothing = [
            self._hear(self.augmenter.background(int(rng.uniform(0.3, 3) * SAMPLE_RATE), rng), level(rng))
            for _ in range(NOTHINGS)
        ]
        lone = self._lone(words, rng) if words and number else []
        state = {
            "epoch": epoch, "features": features, "stretch": torch.tensor(stretch, dtype=torch.float64),
            "offset": torch.tensor(offset, dtype=torch.float64), "nothing": nothing,
            "lone": [each for each, _ in lone], "texts": [text for _, text in lone],
        }  # fmt: skip
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)
        return _read(state)

    def _lone(self, words: Words, rng: np.random.Generator) -> list[Piece]:
        speakers = sorted(name for name, spoken in words.items() if spoken)
        pieces = []
        for _ in range(int(LONE * len(self.clips)) if speakers else 0):
            mine = words[speakers[int(rng.integers(len(speakers)))]]
            chosen = drawn(mine, int(rng.choice(3, p=(0.75, 0.15, 0.1))) + 1, rng)
            wave = self.augmenter(joined(self.clips, chosen, rng), rng).wave
            pieces.append((self._hear(wave, level(rng)), text_of(chosen)))
        return pieces

    def _hear(self, wave: Wave, gain: float) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            heard = self.model.ears(at_least(self.model.normalized(torch.from_numpy(wave)) * gain)[None])[0]
        return heard.to(torch.float16).clone()


def at_least(wave: torch.Tensor, samples: int = 2 * 400) -> torch.Tensor:
    """With silence after it, if it is too short for the extractor."""
    return torch.nn.functional.pad(wave, (0, samples - len(wave))) if len(wave) < samples else wave


def _read(state: dict[str, object]) -> Copy:
    lone = list(zip(state["lone"], state["texts"], strict=True))
    return Copy(state["features"], state["stretch"].numpy(), state["offset"].numpy(), state["nothing"], lone)


def joined(clips: Sequence[Clip], words: Sequence[Word], rng: np.random.Generator) -> Wave:
    """The words' waves one after the other, now and then with a pause between two, without clicks at the seams."""
    fade = SAMPLE_RATE // 200
    parts: list[Wave] = []
    for number, word in enumerate(words):
        wave = clips[word.clip].wave[word.start : word.end].astype(np.float32)
        ramp = np.linspace(0, 1, min(fade, len(wave)), dtype=np.float32)
        wave[: len(ramp)] *= ramp
        wave[len(wave) - len(ramp) :] *= ramp[::-1]
        if number and rng.random() < 0.3:
            parts.append(np.zeros(int(rng.integers(SAMPLE_RATE // 2)), np.float32))
        parts.append(wave)
    return np.concatenate(parts)
