"""Stage 1 and 2: teach the feature extractor to hear log-mel, then write down what it hears."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import torch
from corpus import SAMPLE_RATE, Clip, augment
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


def train_ears(model: CtcModel, clips: list[Clip], steps: int, seed: int, checkpoint: Path) -> None:
    """Regress log-mel from the wave, in place; 3 s crops, eight a step. Resumes from ``checkpoint``."""
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
        batch = _crops(model, clips, np.random.default_rng([seed, 1, step]))
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
            torch.save(state, checkpoint)
            tqdm.write(f"{time.strftime('%H:%M:%S')} feature extractor, step {step + 1}: normalised error {smooth:.3f}")


def _crops(model: CtcModel, clips: list[Clip], rng: np.random.Generator) -> torch.Tensor:
    size = 2 * SAMPLE_RATE
    crops = []
    for index in rng.integers(len(clips), size=8):
        wave = clips[index].wave
        start = int(rng.integers(max(1, len(wave) - 3 * SAMPLE_RATE)))
        piece = wave[start : start + 3 * SAMPLE_RATE]
        piece = augment(piece, rng) if rng.random() < 0.7 else piece
        crops.append(model.normalized(torch.from_numpy(np.resize(piece, size))))
    return torch.stack(crops)


@torch.inference_mode()
def hear(model: CtcModel, clips: list[Clip], copies: int, seed: int, path: Path) -> list[list[torch.Tensor]]:
    """The extractor's outputs for each copy and clip, [copy][clip] → float16 [F, C]; copy 0 is the clean one.

    Kept in ``path``, one file a copy, so that a broken run resumes.
    """
    model.eval()
    path.mkdir(exist_ok=True)
    cache = []
    for copy in tqdm(range(copies), "what it hears"):
        file = path / f"copy{copy}.pt"
        if not file.exists():
            features = []
            for index, clip in enumerate(clips):
                wave = augment(clip.wave, np.random.default_rng([seed, 2, copy, index])) if copy else clip.wave
                features.append(model.ears(model.normalized(torch.from_numpy(wave))[None])[0].half())
            torch.save(features, file)
        cache.append(torch.load(file, weights_only=True))
    return cache
