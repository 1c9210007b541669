"""Stage 3 and 4: CTC on the cached features, then everything together on fresh waves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from corpus import Clip, augment
from model import CtcModel, encode_text, greedy_text
from speechbrain.utils.edit_distance import accumulatable_wer_stats
from splice import Bank, splice, word_bank
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

Item = tuple[torch.Tensor, list[int]]


@dataclass(frozen=True)
class Plan:
    """Settings of one CTC phase."""

    name: str
    epochs: int
    peak: float
    warmup: int = 300
    batch_frames: int = 2000
    splice_from: int = 10**9
    realign_every: int = 30
    average: float = 0.999
    stop_after: int | None = None


def train_ctc(
    model: CtcModel,
    plan: Plan,
    clips: list[Clip],
    cache: list[list[torch.Tensor]] | None,
    held_out: list[Clip],
    seed: int,
    checkpoint: Path,
) -> CtcModel:
    """Train in place and return the running average of the weights, which is what is kept.

    Args:
        model: with a feature extractor that already hears.
        plan: the phase.
        clips: the training clips.
        cache: [copy][clip] features; None trains the feature extractor too, on freshly augmented waves.
        held_out: clips of other speakers, to watch; nothing is chosen by them.
        seed: every epoch draws from (seed, epoch), so that a resumed run sees what an unbroken one would.
        checkpoint: written after each epoch, and resumed from.

    Returns:
        The averaged model, in eval mode.
    """
    torch.manual_seed(seed)
    model.wav2vec2.feature_extractor.requires_grad_(cache is None)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, plan.peak, betas=(0.9, 0.98), weight_decay=0.01)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(plan.average), use_buffers=True)
    done = step = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        done, step = state["done"], state["step"]
    bank: Bank | None = None
    last = plan.epochs if plan.stop_after is None else plan.stop_after
    for epoch in tqdm(range(done, last), plan.name, plan.epochs, initial=done):
        rng = np.random.default_rng([seed, 3, epoch])
        torch.manual_seed(seed * 1000 + epoch)
        if cache and epoch >= plan.splice_from and (bank is None or epoch % plan.realign_every == 0):
            bank = word_bank(average.module, clips, cache)
        items = _cached(clips, cache, bank, rng) if cache else _fresh(model, clips, rng)
        model.train()
        losses = []
        batches = _batches(items, plan.batch_frames, cache is not None, epoch < 2, rng)
        for index, batch in enumerate(batches):
            rate = plan.peak * _rate(step, plan.warmup, (epoch + index / len(batches)) / plan.epochs)
            losses.append(_step(model, batch, cache is not None, optimizer, learned, rate, rng))
            average.update_parameters(model)
            step += 1
        state = {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(state | {"done": epoch + 1, "step": step}, checkpoint)
        line = f"{time.strftime('%H:%M:%S')} {plan.name}, epoch {epoch + 1}: loss {np.mean(losses):.3f}"
        if (epoch + 1) % 5 == 0 or epoch + 1 == plan.epochs:
            line += f", held-out WER {greedy_wer(average.module, held_out):.1f} %"
        tqdm.write(line)
    return average.module.eval()


def _rate(step: int, warmup: int, progress: float) -> float:
    """Warm-up, constant to half-way, then a straight line down to 2 %."""
    return min(1.0, (step + 1) / warmup, max(0.02, 1 - 0.98 * max(0.0, progress - 0.5) / 0.5))


def _step(
    model: CtcModel,
    batch: list[Item],
    cached: bool,
    optimizer: torch.optim.Optimizer,
    learned: list[nn.Parameter],
    rate: float,
    rng: np.random.Generator,
) -> float:
    inputs = nn.utils.rnn.pad_sequence([x for x, _ in batch], batch_first=True)
    with torch.autocast("cpu", torch.bfloat16):
        features = inputs if cached else model.ears(inputs)
        lengths = [len(x) if cached else min(features.shape[1], (len(x) - 80) // 320) for x, _ in batch]
        final, middle = model.behind(_masked(features, lengths, rng))
    labels = torch.tensor([i for _, y in batch for i in y])
    sizes = torch.tensor(lengths), torch.tensor([len(y) for _, y in batch])
    losses = [nn.functional.ctc_loss(x.transpose(0, 1), labels, *sizes, zero_infinity=True) for x in (final, middle)]
    loss = 0.7 * losses[0] + 0.3 * losses[1]
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(learned, 1.0)
    optimizer.step()
    return float(losses[0].detach())


def _masked(features: torch.Tensor, lengths: list[int], rng: np.random.Generator) -> torch.Tensor:
    """Zero some spans of time and some channels of each clip (SpecAugment, Park et al. 2019)."""
    keep = torch.ones(features.shape, dtype=torch.bool)
    for row, length in enumerate(lengths):
        for _ in range(1 + length // 60):
            start = int(rng.integers(length))
            keep[row, start : start + int(rng.integers(1, 13))] = False
        keep[row, :, torch.from_numpy(rng.random(features.shape[2]) < rng.uniform(0, 0.2))] = False
    return torch.where(keep, features, 0.0)


def _cached(
    clips: list[Clip], cache: list[list[torch.Tensor]], bank: Bank | None, rng: np.random.Generator
) -> list[Item]:
    """Each clip in a random copy, or, once there is a bank, half of them as a new sentence of the same speaker."""
    items = []
    for index, clip in enumerate(clips):
        copy = int(rng.integers(len(cache)))
        features, text = cache[copy][index], clip.text
        if bank is not None and rng.random() < 0.5 and bank[clip.speaker, copy]:
            features, text = splice(bank[clip.speaker, copy], len(text.split()), rng)
        items.append((features.float(), encode_text(text)))
    return items


def _fresh(model: CtcModel, clips: list[Clip], rng: np.random.Generator) -> list[Item]:
    waves = [augment(c.wave, rng) if rng.random() < 0.85 else c.wave for c in clips]
    return [(model.normalized(torch.from_numpy(w)), encode_text(c.text)) for w, c in zip(waves, clips, strict=True)]


def _batches(
    items: list[Item], batch_frames: int, cached: bool, in_order: bool, rng: np.random.Generator
) -> list[list[Item]]:
    """Clips of like length together (little padding), batches in random order; short ones first where ``in_order``."""
    per_frame = 1 if cached else 320
    items = sorted(items, key=lambda item: len(item[0]) * (1 if in_order else rng.uniform(0.9, 1.1)))
    batches: list[list[Item]] = [[]]
    for item in items:
        if batches[-1] and (len(batches[-1]) + 1) * len(item[0]) > batch_frames * per_frame:
            batches.append([])
        batches[-1].append(item)
    order = range(len(batches)) if in_order else rng.permutation(len(batches))
    return [batches[i] for i in order]


@torch.inference_mode()
def greedy_wer(model: CtcModel, clips: list[Clip]) -> float:
    """Word error rate in percent of greedy decoding, clip by clip, as SpeechBrain counts it."""
    model.eval()
    heard = [
        greedy_text(model.behind(model.ears(model.normalized(torch.from_numpy(c.wave))[None]))[0][0]) for c in clips
    ]
    stats = accumulatable_wer_stats([c.text.split() for c in clips], [h.split() for h in heard])
    return float(stats["WER"])
