"""Attention of the Conformer: with relative positions (Dai et al. 2019, appendix B), and with absolute ones."""

from __future__ import annotations

import math

import torch
from torch import nn

from asrquant.sources.nemo.settings import ConformerSettings

_BASE = 10_000.0
"""Of the positions' wave lengths; and what NeMo takes for minus infinity is its negative."""


def positions(numbers: torch.Tensor, width: int) -> torch.Tensor:
    """Sines and cosines of positions [N], interleaved → [1, N, width]."""
    rates = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * -(math.log(_BASE) / width))
    angles = numbers[:, None].to(torch.float32) * rates
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)[None]


def hidden_frames(frames: int, settings: ConformerSettings) -> torch.Tensor | None:
    """[F, F], true where the frame of a row does not see that of a column; None where each sees all.

    In chunks, the frames of one see each other and some chunks before.
    """
    before, after = settings.context
    if before < 0 and after < 0:
        return None
    here = torch.arange(frames)
    if settings.att_context_style == "chunked_limited" and after >= 0:
        chunk = here // (after + 1)
        apart = chunk[:, None] - chunk[None]
        hidden = apart < 0
        return hidden | (apart > before // (after + 1)) if before >= 0 else hidden
    apart = here[:, None] - here[None]
    hidden = torch.zeros_like(apart, dtype=torch.bool)
    if before >= 0:
        hidden = hidden | (apart > before)
    if after >= 0 and settings.att_context_style == "regular":
        hidden = hidden | (apart < -after)
    return hidden


class Attention(nn.Module):
    """Attention with several heads; positions are in what goes in."""

    def __init__(self, settings: ConformerSettings) -> None:
        """Build it with random weights."""
        super().__init__()
        width, bias = settings.d_model, settings.use_bias
        self.heads, self.head_width = settings.n_heads, width // settings.n_heads
        self.linear_q = nn.Linear(width, width, bias=bias)
        self.linear_k = nn.Linear(width, width, bias=bias)
        self.linear_v = nn.Linear(width, width, bias=bias)
        self.linear_out = nn.Linear(width, width, bias=bias)

    def forward(self, x: torch.Tensor, places: torch.Tensor, hidden: torch.Tensor | None) -> torch.Tensor:
        """Attend to each other: [B, F, width].

        Args:
            x: [B, F, width].
            places: of the frames; see ``positions``.
            hidden: what does not see what; see ``hidden_frames``.
        """
        scores = self._scores(x, places) / math.sqrt(self.head_width)
        if hidden is not None:
            scores = scores.masked_fill(hidden, -_BASE)
        weights = scores.softmax(-1)
        if hidden is not None:
            weights = weights.masked_fill(hidden, 0.0)
        seen = torch.matmul(weights, self._split(self.linear_v(x)))
        out: torch.Tensor = self.linear_out(seen.transpose(1, 2).flatten(2))
        return out

    def _scores(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        return torch.matmul(self._split(self.linear_q(x)), self._split(self.linear_k(x)).transpose(-2, -1))

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """[B, F, width] → [B, heads, F, width of a head]."""
        return x.reshape(*x.shape[:2], self.heads, self.head_width).transpose(1, 2)


class RelativeAttention(Attention):
    """Attention by what frames hold and by how far they are apart."""

    def __init__(self, settings: ConformerSettings) -> None:
        """Build it with random weights."""
        super().__init__(settings)
        self.linear_pos = nn.Linear(settings.d_model, settings.d_model, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(self.heads, self.head_width))
        self.pos_bias_v = nn.Parameter(torch.zeros(self.heads, self.head_width))

    def _scores(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        asked = self._split(self.linear_q(x))
        held = self._split(self.linear_k(x)).transpose(-2, -1)
        apart = self._split(self.linear_pos(places)).transpose(-2, -1)
        by_content = torch.matmul(asked + self.pos_bias_u[:, None], held)
        by_distance = torch.matmul(asked + self.pos_bias_v[:, None], apart)
        return by_content + _shifted(by_distance)


def _shifted(scores: torch.Tensor) -> torch.Tensor:
    """Scores by distance [B, heads, F, 2 F - 1], from the farthest before to the farthest behind → by frame [B, heads, F, F]."""
    frames, distances = scores.shape[2], scores.shape[3]
    padded = nn.functional.pad(scores, (1, 0)).flatten(2)
    return padded[:, :, frames:].reshape(*scores.shape[:2], frames, distances)[..., :frames]
