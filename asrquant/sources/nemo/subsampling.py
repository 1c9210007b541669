"""The Conformer's first part, which makes one frame of several: convolutions over time and frequency, or frames side by side."""

from __future__ import annotations

import math

import torch
from torch import nn

from asrquant.sources.nemo.settings import ConformerSettings

_KERNEL, _STRIDE = 3, 2


class CausalConv2d(nn.Conv2d):
    """A convolution that sees what was before, in time and in frequency: zeros are put before, and one behind."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve [B, C, F, mels]."""
        before, behind = self.kernel_size[0] - 1, self.stride[0] - 1
        return super().forward(nn.functional.pad(x, (before, behind, before, behind)))


class ConvSubsampling(nn.Module):
    """Halves frames and mels again and again; ``dw_striding`` with separable convolutions after the first.

    Attributes:
        conv: convolutions and their activations, each of which makes half as many frames.
        out: what is left of the mels, all channels → width.
    """

    def __init__(self, settings: ConformerSettings) -> None:
        """Build it with random weights."""
        super().__init__()
        self.causal = settings.causal_downsampling
        self.turns = round(math.log2(settings.subsampling_factor))
        channels = settings.channels
        layers: list[nn.Module] = []
        for turn in range(self.turns):
            if turn == 0 or settings.subsampling == "striding":
                layers.append(self._halve(1 if turn == 0 else channels, channels))
            else:
                layers += [self._halve(channels, channels, channels), nn.Conv2d(channels, channels, 1)]
            layers.append(nn.ReLU())
        self.conv = nn.Sequential(*layers)
        mels = settings.feat_in
        for _ in range(self.turns):
            mels = self._halved(mels)
        self.out = nn.Linear(channels * mels, settings.d_model)

    def _halve(self, width: int, channels: int, groups: int = 1) -> nn.Conv2d:
        kind, padding = (CausalConv2d, 0) if self.causal else (nn.Conv2d, (_KERNEL - 1) // 2)
        return kind(width, channels, _KERNEL, _STRIDE, padding, groups=groups)

    def _halved(self, frames: int) -> int:
        """How many frames are made of that many; a half is rounded up, and where nothing behind is seen, one is added."""
        return frames // 2 + 1 if self.causal else (frames - 1) // 2 + 1

    def forward(self, features: torch.Tensor, padded: torch.Tensor) -> torch.Tensor:
        """Features and the same with what NeMo has behind them, both [B, frames, mels] → [B, F, width]."""
        frames = features.shape[1]
        for _ in range(self.turns):
            frames = self._halved(frames)
        x = self.conv(padded[:, None])[:, :, :frames]
        subsampled: torch.Tensor = self.out(x.transpose(1, 2).flatten(2))
        return subsampled


class StackingSubsampling(nn.Module):
    """Several frames side by side, and a projection."""

    def __init__(self, settings: ConformerSettings) -> None:
        """Build it with random weights."""
        super().__init__()
        self.factor = settings.subsampling_factor
        self.pre_norm = nn.LayerNorm(settings.feat_in) if settings.subsampling == "stacking_norm" else None
        self.proj_out = nn.Linear(self.factor * settings.feat_in, settings.d_model)

    def forward(self, features: torch.Tensor, padded: torch.Tensor) -> torch.Tensor:
        """Features and the same with what NeMo has behind them, both [B, frames, mels] → [B, F, width]."""
        there = padded.shape[1]
        added = (there + self.factor - 1) // self.factor * self.factor - there
        x = nn.functional.pad(padded, (0, 0, 0, added))
        if self.pre_norm is not None:
            x = self.pre_norm(x)
        x = x.reshape(x.shape[0], x.shape[1] // self.factor, self.factor * x.shape[2])
        stacked: torch.Tensor = self.proj_out(x)
        return stacked[:, : (features.shape[1] + added) // self.factor]


class NoSubsampling(nn.Linear):
    """A projection of each frame."""

    def forward(self, features: torch.Tensor, padded: torch.Tensor | None = None) -> torch.Tensor:
        """Features [B, frames, mels] → [B, frames, width]."""
        return super().forward(features)


def subsampling(settings: ConformerSettings) -> nn.Module:
    """The one that the settings ask for."""
    if not settings.subsampling or settings.subsampling_factor == 1:
        return NoSubsampling(settings.feat_in, settings.d_model)
    return (StackingSubsampling if "stacking" in settings.subsampling else ConvSubsampling)(settings)
