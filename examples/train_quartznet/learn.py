"""CTC on log-mel features: augmented copies of the clips, half of them cut into words and joined anew.

CTC alone does not leave its plateau in hours on forty minutes of speech: it has to find out which letter is where. The embedded
wav2vec2 model knows, so it aligns the clips once (``aligned.py``). The first epochs learn these places frame by frame; then the
places only say where words may be cut, and CTC learns the rest by itself.
"""

from __future__ import annotations

import copy
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from aligned import Piece, joined, place_letters, word_bank
from corpus import Clip, augment
from quartznet import BLANK, encode_text, greedy_text, log_mel, normalized
from scipy.signal import resample_poly
from torch import nn
from tqdm import tqdm

from asrquant.sources.nemo.model import NemoCtc
from asrquant.text.metrics import total_errors, word_errors

STRIDE = 2
"""Frames of the features in one of the log-probs."""
HELD = 3
"""Frames of the log-probs for which a letter is to be heard from its place on, while places are learned."""
RARE = 0.3
"""Weight of a frame without a letter, of which there are many, while places are learned."""


@dataclass(frozen=True)
class Plan:
    """Settings of the training.

    Attributes:
        epochs: in all.
        peak: highest learning rate.
        guided: first epochs, in which the letters' places are learned.
        batch_frames: of features in a batch.
        average: of the running average of the weights.
        steps: after which an epoch is left, for a try; None for all.
        stop_after: epoch after which it is left, to be gone on with; None for the last.
    """

    epochs: int
    peak: float = 4e-3
    guided: int = 8
    batch_frames: int = 6000
    average: float = 0.999
    steps: int | None = None
    stop_after: int | None = None


def hear(model: NemoCtc, clips: list[Clip], copies: int, seed: int, folder: Path) -> list[list[torch.Tensor]]:
    """[copy][clip] features before normalization, in float16; the first copy is clean. Kept in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    cache = []
    for number in tqdm(range(copies), "copies", file=sys.stderr):
        path = folder / f"{number}.pt"
        if not path.exists():
            rng = np.random.default_rng([seed, 1, number])
            waves = [clip.wave if number == 0 else _heard(clip.wave, rng) for clip in clips]
            heard = [log_mel(model, torch.from_numpy(wave)).half() for wave in waves]
            torch.save(heard, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        cache.append(torch.load(path, weights_only=True))
    return cache


def _heard(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another speaker, room and microphone, and now and then a telephone's band."""
    out = augment(wave, rng)
    if rng.random() < 0.15:
        band = Fraction(1, 2)
        narrow = resample_poly(out, band.numerator, band.denominator)
        out = resample_poly(narrow, band.denominator, band.numerator)[: len(out)]
    return out.astype(np.float32)


def train(
    model: NemoCtc,
    plan: Plan,
    clips: list[Clip],
    cache: list[list[torch.Tensor]],
    held_out: list[Clip],
    seed: int,
    work: Path,
) -> NemoCtc:
    """Train in place and return the running average of the weights, which is what is kept.

    After each epoch ``work/quartznet.pt`` is written, and a line goes to ``work/log.txt``; a run that was broken off goes on from
    there. ``held_out`` is watched, nothing is chosen by it.
    """
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, plan.peak, betas=(0.9, 0.98), weight_decay=0.01)
    average = copy.deepcopy(model)
    checkpoint, done, step = work / "quartznet.pt", 0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        done, step = state["done"], state["step"]
    heard = place_letters(clips, cache, work / "places.pt")
    bank = word_bank(heard, [clip.speaker for clip in clips])
    for epoch in range(done, plan.epochs if plan.stop_after is None else plan.stop_after):
        begun = time.perf_counter()
        rng = np.random.default_rng([seed, 2, epoch])
        torch.manual_seed(seed * 1000 + epoch)
        items = _items(clips, heard, bank, rng)
        batches = _batches(items, plan.batch_frames, epoch < 2, rng)[: plan.steps]
        model.train()
        losses = []
        for index, batch in enumerate(batches):
            rate = plan.peak * _rate(step, (epoch + index / len(batches)) / plan.epochs)
            losses.append(_step(model, batch, optimizer, learned, rate, rng, epoch < plan.guided))
            step += 1
            _average(average, model, min(plan.average, step / (step + 10)))
        state = {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(state | {"done": epoch + 1, "step": step}, checkpoint.with_suffix(".part"))
        checkpoint.with_suffix(".part").replace(checkpoint)
        line = f"epoch {epoch + 1} of {plan.epochs}: loss {np.mean(losses):.3f}, {time.perf_counter() - begun:.0f} s"
        if (epoch + 1) % 5 == 0 or epoch + 1 == plan.epochs:
            line += f", held-out WER {greedy_wer(average, held_out):.1f} %"
        print(line, flush=True)
        with (work / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    return average.eval()


@torch.no_grad()
def _average(average: NemoCtc, model: NemoCtc, keep: float) -> None:
    for kept, now in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        kept.lerp_(now, 1 - keep) if kept.is_floating_point() else kept.copy_(now)


def _rate(step: int, progress: float) -> float:
    """Warm-up, constant to half-way, then a straight line down to 1 %."""
    return min(1.0, (step + 1) / 500, max(0.01, 1 - 0.99 * max(0.0, progress - 0.5) / 0.5))


def _step(model: NemoCtc, batch: list[Piece], optimizer: torch.optim.Optimizer, learned: list[nn.Parameter], rate: float,
          rng: np.random.Generator, guided: bool) -> float:  # fmt: skip
    frames = [len(piece.features) for piece in batch]
    inputs = nn.utils.rnn.pad_sequence([piece.features for piece in batch], batch_first=True)
    log_probs = model.decoder(model.encoded(_masked(inputs, frames, rng).transpose(1, 2)))
    loss = _frames_loss(log_probs, batch) if guided else _ctc_loss(log_probs, batch)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(learned, 1.0)
    optimizer.step()
    return float(loss.detach())


def _ctc_loss(log_probs: torch.Tensor, batch: list[Piece]) -> torch.Tensor:
    labels = [encode_text(piece.text) for piece in batch]
    return nn.functional.ctc_loss(
        log_probs.transpose(0, 1), torch.tensor([label for each in labels for label in each]),
        torch.tensor([(len(piece.features) - 1) // STRIDE + 1 for piece in batch]),
        torch.tensor([len(each) for each in labels]), blank=BLANK, zero_infinity=True,
    )  # fmt: skip


def _frames_loss(log_probs: torch.Tensor, batch: list[Piece]) -> torch.Tensor:
    """Cross-entropy of log-probs [B, F, V] with the letters at their places and blank elsewhere."""
    wanted = torch.full(log_probs.shape[:2], BLANK)
    weight = torch.zeros(log_probs.shape[:2])
    for row, piece in enumerate(batch):
        weight[row, : (len(piece.features) - 1) // STRIDE + 1] = RARE
        for label, place in zip(encode_text(piece.text), piece.places // STRIDE, strict=True):
            wanted[row, place : place + HELD] = label
            weight[row, place : place + HELD] = 1.0
    losses = nn.functional.nll_loss(log_probs.transpose(1, 2), wanted, reduction="none")
    return (losses * weight).sum() / weight.sum()


def _masked(inputs: torch.Tensor, frames: list[int], rng: np.random.Generator) -> torch.Tensor:
    """Zero some spans of time and some bands of each clip (SpecAugment, Park et al. 2019)."""
    inputs = inputs.clone()
    for row, length in enumerate(frames):
        for _ in range(1 + length // 120):
            start = int(rng.integers(length))
            inputs[row, start : start + int(rng.integers(1, 25))] = 0
        for _ in range(2):
            band = int(rng.integers(inputs.shape[2]))
            inputs[row, :, band : band + int(rng.integers(1, 12))] = 0
    return inputs


def _items(
    clips: list[Clip], heard: list[list[Piece]], bank: dict[str, list[Piece]], rng: np.random.Generator
) -> list[Piece]:
    """Each clip in a random copy; half of them as words of the same speaker, some of them alone."""
    items = []
    for index, clip in enumerate(clips):
        piece = heard[int(rng.integers(len(heard)))][index]
        if bank[clip.speaker] and rng.random() < 0.5:
            words = len(clip.text.split()) if rng.random() < 0.7 else int(rng.integers(1, 4))
            piece = joined([bank[clip.speaker][i] for i in rng.integers(len(bank[clip.speaker]), size=words)])
        if len(piece.text) * STRIDE < len(piece.features):
            items.append(Piece(normalized(piece.features.float()), piece.text, piece.places))
    return items


def _batches(items: list[Piece], frames: int, in_order: bool, rng: np.random.Generator) -> list[list[Piece]]:
    """Clips of like length together, so that there is little padding; short ones first where ``in_order``."""
    items = sorted(items, key=lambda item: len(item.features) * (1 if in_order else rng.uniform(0.95, 1.05)))
    batches: list[list[Piece]] = [[]]
    for item in items:
        if batches[-1] and (len(batches[-1]) + 1) * len(item.features) > frames:
            batches.append([])
        batches[-1].append(item)
    order = range(len(batches)) if in_order else rng.permutation(len(batches))
    return [batches[i] for i in order]


@torch.inference_mode()
def greedy_wer(model: NemoCtc, clips: list[Clip]) -> float:
    """Word error rate in percent of greedy decoding, clip by clip, from the wave."""
    model.eval()
    errors = [word_errors(clip.text, greedy_text(model(torch.from_numpy(clip.wave)[None])[0])) for clip in clips]
    return total_errors(errors).wer or 0.0
