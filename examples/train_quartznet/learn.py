"""CTC on log-mel features: augmented copies of the clips, half of them cut into words and joined anew."""

from __future__ import annotations

import copy
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from corpus import Clip, augment
from quartznet import BLANK, encode_text, greedy_text, log_mel, normalized
from scipy.signal import resample_poly
from torch import nn
from tqdm import tqdm

from asrquant.sources.nemo.model import NemoCtc
from asrquant.text.metrics import total_errors, word_errors

CONFIDENT = -1.0
"""Mean log-probability of a word's letters under which its cut is not trusted."""
STRIDE = 2
"""Frames of the features in one of the log-probs."""
Piece = tuple[torch.Tensor, str]


@dataclass(frozen=True)
class Plan:
    """Settings of the training.

    Attributes:
        epochs: in all.
        peak: highest learning rate.
        splice_from: epoch from which half of the clips are made of cut words.
        realign_every: epochs after which words are cut anew.
        batch_frames: of features in a batch.
        average: of the running average of the weights.
        steps: after which an epoch is left, for a try; None for all.
        stop_after: epoch after which it is left, to be gone on with; None for the last.
    """

    epochs: int
    peak: float = 4e-3
    splice_from: int = 30
    realign_every: int = 20
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
    bank: dict[str, list[Piece]] | None = None
    for epoch in range(done, plan.epochs if plan.stop_after is None else plan.stop_after):
        begun = time.perf_counter()
        rng = np.random.default_rng([seed, 2, epoch])
        torch.manual_seed(seed * 1000 + epoch)
        if epoch >= plan.splice_from and (bank is None or epoch % plan.realign_every == 0):
            bank = word_bank(average, clips, cache)
        items = _items(clips, cache, bank, rng)
        batches = _batches(items, plan.batch_frames, epoch < 2, rng)[: plan.steps]
        model.train()
        losses = []
        for index, batch in enumerate(batches):
            rate = plan.peak * _rate(step, (epoch + index / len(batches)) / plan.epochs)
            losses.append(_step(model, batch, optimizer, learned, rate, rng))
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
          rng: np.random.Generator) -> float:  # fmt: skip
    frames = [len(features) for features, _ in batch]
    inputs = nn.utils.rnn.pad_sequence([features for features, _ in batch], batch_first=True)
    log_probs = model.decoder(model.encoded(_masked(inputs, frames, rng).transpose(1, 2)))
    labels = [encode_text(text) for _, text in batch]
    loss = nn.functional.ctc_loss(
        log_probs.transpose(0, 1), torch.tensor([label for each in labels for label in each]),
        torch.tensor([(length - 1) // STRIDE + 1 for length in frames]), torch.tensor([len(each) for each in labels]),
        blank=BLANK, zero_infinity=True,
    )  # fmt: skip
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(learned, 1.0)
    optimizer.step()
    return float(loss.detach())


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
    clips: list[Clip], cache: list[list[torch.Tensor]], bank: dict[str, list[Piece]] | None, rng: np.random.Generator
) -> list[Piece]:
    """Each clip in a random copy, or, once there is a bank, half of them as words of the same speaker, some of them alone."""
    items = []
    for index, clip in enumerate(clips):
        features, text = cache[int(rng.integers(len(cache)))][index].float(), clip.text
        if bank and bank[clip.speaker] and rng.random() < 0.5:
            words = len(text.split()) if rng.random() < 0.7 else int(rng.integers(1, 4))
            chosen = [bank[clip.speaker][i] for i in rng.integers(len(bank[clip.speaker]), size=words)]
            features, text = torch.cat([piece for piece, _ in chosen]).float(), " ".join(word for _, word in chosen)
        if len(encode_text(text)) * STRIDE < len(features):
            items.append((normalized(features), text))
    return items


def _batches(items: list[Piece], frames: int, in_order: bool, rng: np.random.Generator) -> list[list[Piece]]:
    """Clips of like length together, so that there is little padding; short ones first where ``in_order``."""
    items = sorted(items, key=lambda item: len(item[0]) * (1 if in_order else rng.uniform(0.95, 1.05)))
    batches: list[list[Piece]] = [[]]
    for item in items:
        if batches[-1] and (len(batches[-1]) + 1) * len(item[0]) > frames:
            batches.append([])
        batches[-1].append(item)
    order = range(len(batches)) if in_order else rng.permutation(len(batches))
    return [batches[i] for i in order]


@torch.inference_mode()
def word_bank(model: NemoCtc, clips: list[Clip], cache: list[list[torch.Tensor]]) -> dict[str, list[Piece]]:
    """Speaker → words of that speaker in any copy, cut where the model hears them."""
    from splice import align

    model.eval()
    bank: dict[str, list[Piece]] = defaultdict(list)
    for number, heard in enumerate(cache):
        for clip, features in zip(clips, heard, strict=True):
            if (hash_of(clip.id) + number) % len(cache) > 2:  # three copies of each clip are enough
                continue
            log_probs = model.decoder(model.encoded(normalized(features.float()).T[None]))[0]
            blank_first = torch.cat((log_probs[:, -1:], log_probs[:, :-1]), 1).numpy()
            labels = [label + 1 for label in encode_text(clip.text)]
            if len(labels) + 2 <= len(blank_first):
                first = align(blank_first, labels)
                bank[clip.speaker] += _cut(features, first * STRIDE, blank_first[first, labels], clip.text)
    return bank


def hash_of(name: str) -> int:
    """A number that is the same in every process."""
    return sum(map(ord, name))


def _cut(features: torch.Tensor, first: np.ndarray, spoken: np.ndarray, text: str) -> list[Piece]:
    """The words of a clip, cut between the last letter of one and the first of the next."""
    words, cuts, trusted, at = text.split(), [0], [], 0
    for word in words:
        last = at + len(word)
        trusted.append(spoken[at:last].mean() > CONFIDENT)
        if last < len(first):
            cuts.append(int(first[last - 1] + first[last + 1]) // 2)
        at = last + 1
    cuts.append(len(features))
    return [
        (features[start:end], word)
        for word, start, end, good in zip(words, cuts, cuts[1:], trusted, strict=False)
        if good and end - start > STRIDE * (len(word) + 1)
    ]


@torch.inference_mode()
def greedy_wer(model: NemoCtc, clips: list[Clip]) -> float:
    """Word error rate in percent of greedy decoding, clip by clip, from the wave."""
    model.eval()
    errors = [word_errors(clip.text, greedy_text(model(torch.from_numpy(clip.wave)[None])[0])) for clip in clips]
    return total_errors(errors).wer or 0.0
