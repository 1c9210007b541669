"""Stage 2 and 3: CTC on what the extractor hears, then everything together on fresh waves."""

from __future__ import annotations

import time
from dataclasses import astuple
from pathlib import Path

import numpy as np
import torch
from augment import Augmenter
from conditions import CONDITIONS, under
from corpus import Clip
from items import Item, Plan, batches, cached, fresh
from model import CtcModel, greedy_text
from pool import Pool
from speechbrain.utils.edit_distance import accumulatable_wer_stats
from splice import Word, Words, find_words
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

PACE = 12
"""Frames that a label takes in AN4, about."""
WATCH = 10
"""Epochs between two looks at the held-out speakers."""


def train_ctc(
    model: CtcModel,
    plan: Plan,
    pool: Pool,
    held_out: list[Clip],
    seed: int,
    checkpoint: Path,
    augmenter: Augmenter | None = None,
) -> CtcModel:
    """Train in place and return the running average of the weights, which is what is kept.

    Args:
        model: with a feature extractor that already hears.
        plan: the phase.
        pool: the training clips, and what the extractor hears in copies of them.
        held_out: clips of other speakers, to watch; nothing is chosen by them here.
        seed: every epoch draws from (seed, epoch), so that a resumed run sees what an unbroken one would.
        checkpoint: written after each epoch, and resumed from.
        augmenter: changes the waves of every epoch anew, from which the feature extractor learns too; None keeps the extractor
            as it is and takes what it hears from the pool.

    Returns:
        The averaged model, in eval mode.
    """
    torch.manual_seed(seed)
    model.wav2vec2.feature_extractor.requires_grad_(augmenter is not None)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, plan.peak, betas=(0.9, 0.98), weight_decay=0.01)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(plan.average), use_buffers=True)
    done, step, words = _resumed(checkpoint, model, average, optimizer)
    watched = {name: under(held_out, name) for name in CONDITIONS}
    last = plan.epochs if plan.stop_after is None else plan.stop_after
    for epoch in range(done, last):
        begun = time.perf_counter()
        rng = np.random.default_rng([seed, 3, epoch])
        torch.manual_seed(seed * 1000 + epoch)
        if epoch >= plan.splice_from and (words is None or epoch % plan.realign_every == 0):
            words = find_words(average.module, pool.clips, pool.clean())
        if augmenter:
            items = fresh(model, pool.clips, words or {}, augmenter, plan, rng)
        else:
            pool.turn_to(epoch, words)
            items = cached(pool.clips, pool.copies, words or {}, plan, rng)
        model.train()
        losses = []
        found = batches(items, plan.batch_frames, augmenter is None, epoch < 2, rng)
        for index, batch in enumerate(found):
            rate = plan.peak * _rate(step, plan.warmup, (epoch + index / len(found)) / plan.epochs)
            losses.append(_step(model, batch, plan.consistency, augmenter is None, optimizer, learned, rate, rng))
            average.update_parameters(model)
            step += 1
        _save(checkpoint, model, average, optimizer, epoch + 1, step, words)
        line = f"{plan.name}, epoch {epoch + 1} of {plan.epochs}: loss {np.mean(losses):.3f}"
        if (epoch + 1) % WATCH == 0 or epoch + 1 == plan.epochs:
            rates = [f"{name.split()[0]} {greedy_wer(average.module, clips):.1f}" for name, clips in watched.items()]
            line += f", held-out WER (%): {', '.join(rates)}"
        tqdm.write(f"{time.strftime('%H:%M:%S')} {line} ({time.perf_counter() - begun:.0f} s)")
    return average.module.eval()


def _save(
    checkpoint: Path,
    model: CtcModel,
    average: AveragedModel,
    optimizer: torch.optim.Optimizer,
    done: int,
    step: int,
    words: Words | None,
) -> None:
    plain = {name: [astuple(word) for word in mine] for name, mine in (words or {}).items()}
    state = {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
    part = checkpoint.with_suffix(".part")
    torch.save(state | {"done": done, "step": step, "words": plain}, part)
    part.replace(checkpoint)


def _resumed(
    checkpoint: Path, model: CtcModel, average: AveragedModel, optimizer: torch.optim.Optimizer
) -> tuple[int, int, Words | None]:
    """Epochs and steps that are done, and the words that were cut, with everything else set as the checkpoint has it."""
    if not checkpoint.exists():
        return 0, 0, None
    state = torch.load(checkpoint, weights_only=True)
    model.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    words = {name: [Word(*each) for each in mine] for name, mine in state["words"].items()}
    return state["done"], state["step"], words or None


def _rate(step: int, warmup: int, progress: float) -> float:
    """Warm-up, constant to half-way, then a straight line down to 2 %."""
    return min(1.0, (step + 1) / warmup, max(0.02, 1 - 0.98 * max(0.0, progress - 0.5) / 0.5))


def _step(
    model: CtcModel,
    batch: list[Item],
    consistency: float,
    cached: bool,
    optimizer: torch.optim.Optimizer,
    learned: list[nn.Parameter],
    rate: float,
    rng: np.random.Generator,
) -> float:
    inputs = nn.utils.rnn.pad_sequence([x for x, _ in batch], batch_first=True)
    labels = [y for _, y in batch]
    with torch.autocast("cpu", torch.bfloat16):
        features = inputs if cached else model.ears(inputs)
        lengths = [len(x) if cached else min(features.shape[1], (len(x) - 80) // 320) for x, _ in batch]
        views = 2 if consistency else 1
        masked = torch.cat([_masked(features, lengths, views, rng) for _ in range(views)])
        final, middle = model.behind(masked)
    lengths, labels = lengths * views, labels * views
    losses = [_ctc_loss(x, lengths, labels) for x in (final, middle)]
    loss = 0.7 * losses[0] + 0.3 * losses[1]
    if consistency:
        loss = loss + consistency * _disagreement(final, lengths)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(learned, 1.0)
    optimizer.step()
    return float(losses[0].detach())


def _ctc_loss(log_probs: torch.Tensor, lengths: list[int], labels: list[list[int]]) -> torch.Tensor:
    """CTC for each label, and where there are few labels for the time, silence above all, for each ``PACE`` frames."""
    wanted = torch.tensor([i for y in labels for i in y], dtype=torch.long)
    sizes = torch.tensor(lengths), torch.tensor([len(y) for y in labels])
    each = nn.functional.ctc_loss(log_probs.transpose(0, 1), wanted, *sizes, reduction="none", zero_infinity=True)
    return (each / torch.maximum(sizes[1], sizes[0] / PACE).clamp(min=1)).mean()


def _disagreement(log_probs: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """How far the two halves of a batch, the same clips under two masks, are apart: each learns from the other (Yao et al. 2024).

    Args:
        log_probs: [2 B, F, V].
        lengths: frames of each that count.

    Returns:
        The mean of both Kullback-Leibler divergences of a frame, times ``PACE``: for each label, as the other loss is.
    """
    one, two = log_probs.chunk(2)
    counted = torch.arange(one.shape[1])[None] < torch.tensor(lengths[: len(one)])[:, None]
    apart = torch.zeros(())
    for mine, other in ((one, two), (two, one)):
        kind = nn.functional.kl_div(mine, other.detach(), log_target=True, reduction="none").sum(-1)
        apart = apart + (kind * counted).sum() / counted.sum()
    return apart * PACE / 2


def _masked(features: torch.Tensor, lengths: list[int], often: int, rng: np.random.Generator) -> torch.Tensor:
    """Zero some spans of time and some channels of each clip (SpecAugment, Park et al. 2019)."""
    keep = torch.ones(features.shape, dtype=torch.bool)
    for row, length in enumerate(lengths):
        for _ in range(1 + often * length // 60):
            start = int(rng.integers(max(1, length)))
            keep[row, start : start + int(rng.integers(1, 1 + min(12, max(1, length // 4))))] = False
        keep[row, :, torch.from_numpy(rng.random(features.shape[2]) < rng.uniform(0, 0.2))] = False
    return torch.where(keep, features, 0.0)


@torch.inference_mode()
def greedy_wer(model: CtcModel, clips: list[Clip]) -> float:
    """Word error rate in percent of greedy decoding, clip by clip, as SpeechBrain counts it."""
    model.eval()
    heard = [
        greedy_text(model.behind(model.ears(model.normalized(torch.from_numpy(c.wave))[None]))[0][0]) for c in clips
    ]
    stats = accumulatable_wer_stats([c.text.split() for c in clips], [h.split() for h in heard])
    return float(stats["WER"])
