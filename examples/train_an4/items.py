"""What is learned from in an epoch: clips, words alone and in another order, and nothing at all, as features or as waves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from augment import Augmenter, level
from corpus import SAMPLE_RATE, Clip
from model import CtcModel, encode_text
from pool import Copy, at_least, joined
from splice import Mix, Words, draw, text_of

Item = tuple[torch.Tensor, list[int]]
"""Features [F, C] or a normalized wave [T], and the labels."""
SYNTHETIC = "synth"
"""What the names of synthesizers' voices begin with."""


@dataclass(frozen=True)
class Plan:
    """Settings of one CTC phase.

    Attributes:
        name: for people.
        epochs: in all.
        peak: highest learning rate.
        warmup: steps until it is reached.
        batch_frames: of features in a batch.
        splice_from: epoch from which words are cut.
        realign_every: epochs after which they are cut anew.
        average: of the running average of the weights.
        consistency: weight of the divergence between what is said of the same clips under two masks (CR-CTC).
        synthetic: clips of synthesizers' voices in an epoch, for each clip of a human.
        mix: how often words are heard alone, in another order, or not at all.
        stop_after: epoch after which it is left, to be gone on with; None for the last.
    """

    name: str
    epochs: int
    peak: float
    warmup: int = 300
    batch_frames: int = 2000
    splice_from: int = 10**9
    realign_every: int = 20
    average: float = 0.999
    consistency: float = 0.0
    synthetic: float = 0.3
    mix: Mix = field(default_factory=Mix)
    stop_after: int | None = None


def _chosen(clips: Sequence[Clip], plan: Plan, rng: np.random.Generator) -> list[int]:
    """Every human's clip, and some of the synthesizers'."""
    humans = [index for index, clip in enumerate(clips) if not clip.speaker.startswith(SYNTHETIC)]
    others = [index for index, clip in enumerate(clips) if clip.speaker.startswith(SYNTHETIC)]
    some = rng.permutation(others)[: int(plan.synthetic * len(humans))] if others else []
    return humans + [int(index) for index in some]


def cached(clips: Sequence[Clip], copies: list[Copy], words: Words, plan: Plan, rng: np.random.Generator) -> list[Item]:
    """Each clip in a random copy, or words of its speaker in that copy, or nothing; and the words that were changed alone."""
    pieces = []
    for index in _chosen(clips, plan, rng):
        clip, copy = clips[index], copies[int(rng.integers(len(copies)))]
        chosen = draw(clip, words.get(clip.speaker, []), plan.mix, rng) if words else None
        if chosen is None:
            pieces.append((copy.features[index], clip.text))
        elif not chosen:
            pieces.append((copy.nothing[int(rng.integers(len(copy.nothing)))], ""))
        else:
            parts = [copy.cut(word) for word in chosen]
            pieces.append((torch.cat(_with_pauses(parts, copy, rng)), text_of(chosen)))
    for copy in copies:
        some = rng.permutation(len(copy.lone))[: len(copy.lone) // max(1, len(copies) - 1) + 1]
        pieces += [copy.lone[int(index)] for index in some]
    return [(x.float(), encode_text(text)) for x, text in pieces if len(x) > 2 + len(text)]


def _with_pauses(parts: list[torch.Tensor], copy: Copy, rng: np.random.Generator) -> list[torch.Tensor]:
    """Now and then with what nothing sounds like between two words, or at the edges."""
    out = []
    for place in range(len(parts) + 1):
        if rng.random() < (0.3 if place in (0, len(parts)) else 0.15):
            pause = copy.nothing[int(rng.integers(len(copy.nothing)))]
            out.append(pause[: int(rng.integers(2, 30))])
        out += parts[place : place + 1]
    return out


def fresh(
    model: CtcModel, clips: Sequence[Clip], words: Words, augmenter: Augmenter, plan: Plan, rng: np.random.Generator
) -> list[Item]:
    """The same in waves."""
    items = []
    for index in _chosen(clips, plan, rng):
        clip = clips[index]
        chosen = draw(clip, words.get(clip.speaker, []), plan.mix, rng) if words else None
        if chosen is None:
            wave, text = clip.wave, clip.text
        elif chosen:
            wave, text = joined(clips, chosen, rng), text_of(chosen)
        else:
            wave, text = augmenter.background(int(rng.uniform(0.3, 3) * SAMPLE_RATE), rng), ""
        if text and rng.random() < 0.9:
            wave = augmenter(wave, rng).wave
        items.append((at_least(model.normalized(torch.from_numpy(wave)) * level(rng)), encode_text(text)))
    return items


def batches(
    items: list[Item], batch_frames: int, cached: bool, in_order: bool, rng: np.random.Generator
) -> list[list[Item]]:
    """Clips of like length together (little padding), batches in random order; short ones first where ``in_order``."""
    per_frame = 1 if cached else 320
    items = sorted(items, key=lambda item: len(item[0]) * (1 if in_order else rng.uniform(0.9, 1.1)))
    found: list[list[Item]] = [[]]
    for item in items:
        if found[-1] and (len(found[-1]) + 1) * len(item[0]) > batch_frames * per_frame:
            found.append([])
        found[-1].append(item)
    order = range(len(found)) if in_order else rng.permutation(len(found))
    return [found[i] for i in order]
