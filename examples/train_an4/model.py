"""The model of ``hyperparams.yaml`` in the two halves that are trained apart: ears (feature extractor) and the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from asrquant.base.torchaudio_stand_in import ensure_torchaudio

ensure_torchaudio()
from hyperpyyaml import load_hyperpyyaml  # noqa: E402  (SpeechBrain classes are named in the YAML)

LABELS = ["<blank>", " ", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
TEMPLATE = Path(__file__).with_name("hyperparams.yaml")


class CtcModel(nn.Module):
    """Wave → log-probs, from the very YAML that is shipped, so that training and inference are the same graph.

    ``behind`` runs from the feature extractor's outputs [B, F, C]; it also returns log-probs of an auxiliary head on the
    middle transformer layer (intermediate CTC, Lee & Watanabe 2021), which is used in training only.
    """

    def __init__(self) -> None:
        super().__init__()
        parts: dict[str, Any] = load_hyperpyyaml(TEMPLATE.read_text(encoding="utf-8").split("# --- inference ---")[0])
        self.normalize = parts["normalize"]
        self.wav2vec2 = parts["wav2vec2"]["model"]
        self.enc = parts["enc"]
        self.ctc_lin = parts["ctc_lin"]
        hidden = self.wav2vec2.config.hidden_size
        self.aux = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, len(LABELS)))
        layers = self.wav2vec2.encoder.layers
        layers[len(layers) // 2 - 1].register_forward_hook(self._keep_middle)

    def _keep_middle(self, _layer: nn.Module, _inputs: object, output: Any) -> None:
        self._middle: torch.Tensor = output[0] if isinstance(output, tuple) else output

    def ears(self, wave: torch.Tensor) -> torch.Tensor:
        """Normalised wave [B, T] → features [B, F, C] at 50 Hz."""
        return self.wav2vec2.feature_extractor(wave).transpose(1, 2)

    def normalized(self, wave: torch.Tensor) -> torch.Tensor:
        """One clip [T] at zero mean and unit variance, by the module that the shipped model uses."""
        return self.normalize(wave[None], torch.ones(1))[0]

    def behind(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features [B, F, C] → (log-probs, auxiliary log-probs), each [B, F, V] in float32.

        No attention mask: transformers zeroes masked frames by boolean indexing, which costs most of a CPU's backward pass;
        batches are sorted by length instead, so that there is little to mask.
        """
        hidden, _ = self.wav2vec2.feature_projection(features)
        hidden = self.wav2vec2.encoder(hidden)[0]
        out = self.ctc_lin(self.enc(hidden))
        return out.float().log_softmax(-1), self.aux(self._middle).float().log_softmax(-1)


class PooledDropout(nn.Module):
    """Dropout that cuts its mask from a pool at a random place: drawing fresh bits takes a third of a step on a CPU."""

    pool: torch.Tensor | None = None

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x of any shape, some entries zeroed and the rest scaled up (training only)."""
        if not self.training or self.p == 0:
            return x
        if PooledDropout.pool is None:
            PooledDropout.pool = torch.rand(1 << 24, generator=torch.Generator().manual_seed(0))
        start = int(torch.randint(len(PooledDropout.pool) - x.numel(), ()))
        kept = PooledDropout.pool[start : start + x.numel()].view(x.shape) >= self.p
        return x * kept.to(x.dtype).mul_(1 / (1 - self.p))


def pool_dropout(module: nn.Module) -> None:
    """Replace every ``nn.Dropout`` below ``module`` by a pooled one."""
    for name, child in module.named_children():
        if isinstance(child, nn.Dropout):
            setattr(module, name, PooledDropout(child.p))
        else:
            pool_dropout(child)


def encode_text(text: str) -> list[int]:
    """Text in capitals → label indices."""
    return [LABELS.index(character) for character in text]


def greedy_text(log_probs: torch.Tensor) -> str:
    """Log-probs [F, V] → text: best label a frame, repeats and blanks removed."""
    best = torch.unique_consecutive(log_probs.argmax(-1)).tolist()
    return " ".join("".join(LABELS[i] for i in best if i).split())
