"""Stage 1: teach the feature extractor to hear log-mel, of what comes through any room, microphone and line."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import torch
from augment import Augmenter, level
from corpus import SAMPLE_RATE, Clip
from model import CtcModel
from torch import nn
from tqdm import tqdm

MELS, FFT, HOP = 80, 400, 160


def log_mel(wave: torch.Tensor) -> torch.Tensor:
    """Normalised wave [B, T] → two stacked 10 ms frames of 80 log-mel for each 20 ms feature frame, [B, F, 160].

    25 ms Hann windows and HTK mel triangles. Window k of the extractor starts at sample 320 k, as its strides multiply to.
    """
    window = torch.hann_window(FFT)
    spectrum = torch.stft(wave, FFT, HOP, FFT, window, center=False, return_complex=True).abs().square()
    mel = torch.log(spectrum.transpose(1, 2) @ _mel_filters() + 1e-3)
    frames = (wave.shape[1] - FFT) // (2 * HOP) + 1
    first, second = mel[:, 0::2][:, :frames], mel[:, 1::2][:, :frames]
    if second.shape[1] < frames:  # the last feature frame may have no second window inside the clip
        second = torch.cat([second, first[:, -1:]], 1)
    return torch.cat([first, second], -1)


def _mel_filters() -> torch.Tensor:
    def hertz_to_mel(f: float) -> float:
        return 2595 * math.log10(1 + f / 700)

    mels = torch.linspace(hertz_to_mel(20), hertz_to_mel(SAMPLE_RATE / 2), MELS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = torch.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0)


def train_ears(
    model: CtcModel, clips: list[Clip], augmenter: Augmenter, steps: int, seed: int, checkpoint: Path
) -> None:
    """Regress log-mel from the wave, in place; 2 s crops, eight a step. Resumes from ``checkpoint``.

    What is regressed is the log-mel of the very wave that is heard, be it narrow, noisy or loud: an extractor that looks at 25 ms
    cannot take a room out again, but it can hear all that is left.
    """
    torch.manual_seed(seed)
    extractor = model.wav2vec2.feature_extractor
    head = nn.Linear(256, 2 * MELS)
    # A mean and deviation per mel band over the corpus make the error a fraction: 1.0 is knowing nothing.
    sample = torch.cat([log_mel(model.normalized(torch.from_numpy(c.wave))[None])[0] for c in clips[::10]])
    mean, std = sample.mean(0), sample.std(0)
    optimizer = torch.optim.AdamW([*extractor.parameters(), *head.parameters()], 2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps, pct_start=0.1)
    done = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        extractor.load_state_dict(state["extractor"])
        head.load_state_dict(state["head"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        done = state["done"]
    extractor.train()
    bar = tqdm(range(done, steps), "feature extractor", steps, initial=done)
    smooth = 1.0
    for step in bar:
        batch = _crops(model, clips, augmenter, np.random.default_rng([seed, 1, step]))
        target = (log_mel(batch) - mean) / std
        with torch.autocast("cpu", torch.bfloat16):
            heard = model.ears(batch)
        error = (head(heard.float()[:, : target.shape[1]]) - target).square().mean()
        optimizer.zero_grad()
        error.backward()
        nn.utils.clip_grad_norm_(extractor.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        smooth += 0.02 * (error.item() - smooth)
        bar.set_postfix(error=f"{smooth:.3f}", refresh=False)
        if (step + 1) % 200 == 0 or step + 1 == steps:
            state = {"extractor": extractor.state_dict(), "head": head.state_dict(), "done": step + 1}
            state |= {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            torch.save(state, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").replace(checkpoint)
            tqdm.write(f"{time.strftime('%H:%M:%S')} feature extractor, step {step + 1}: normalised error {smooth:.3f}")


def _crops(model: CtcModel, clips: list[Clip], augmenter: Augmenter, rng: np.random.Generator) -> torch.Tensor:
    size = 2 * SAMPLE_RATE
    crops = []
    for index in rng.integers(len(clips), size=8):
        wave = clips[index].wave
        start = int(rng.integers(max(1, len(wave) - 3 * SAMPLE_RATE)))
        piece = wave[start : start + 3 * SAMPLE_RATE]
        if rng.random() < 0.05:
            piece = augmenter.background(size, rng)
        elif rng.random() < 0.85:
            piece = augmenter(piece, rng).wave
        heard = model.normalized(torch.from_numpy(np.resize(piece, size)))
        crops.append(heard * level(rng))
    return torch.stack(crops)
