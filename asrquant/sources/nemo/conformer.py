"""Conformer and FastConformer: NeMo's ``ConformerEncoder`` (Gulati et al. 2020, Rekesh et al. 2023).

Modules have the names that NeMo's checkpoints give them. A model that was made for streams answers here as NeMo does when it is
given the whole clip: what a frame may see is limited, nothing is kept from call to call.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from asrquant.sources.nemo.attention import Attention, RelativeAttention, hidden_frames, positions
from asrquant.sources.nemo.mel_settings import Features
from asrquant.sources.nemo.settings import ConformerSettings
from asrquant.sources.nemo.subsampling import subsampling


class FeedForward(nn.Module):
    """Two linear layers."""

    def __init__(self, settings: ConformerSettings) -> None:
        """Build it with random weights."""
        super().__init__()
        inner = settings.d_model * settings.ff_expansion_factor
        self.linear1 = nn.Linear(settings.d_model, inner, bias=settings.use_bias)
        self.activation = nn.SiLU()
        self.linear2 = nn.Linear(inner, settings.d_model, bias=settings.use_bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, F, width] → the same."""
        out: torch.Tensor = self.linear2(self.activation(self.linear1(x)))
        return out


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of [B, C, F]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class FusedNorm(nn.Module):
    """A batch norm whose statistics have gone into a scale and a shift."""

    def __init__(self, width: int) -> None:
        """Build it with random weights."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale and shift [B, C, F]."""
        return x * self.weight[:, None] + self.bias[:, None]


_NORMS = {"batch_norm": nn.BatchNorm1d, "layer_norm": ChannelNorm, "fused_batch_norm": FusedNorm}


class Convolution(nn.Module):
    """The convolution module: gated, depthwise over time, normalized. Its norm is called ``batch_norm`` whatever it is."""

    def __init__(self, settings: ConformerSettings) -> None:
        """Build it with random weights."""
        super().__init__()
        width, bias = settings.d_model, settings.use_bias
        before, after = settings.conv_context
        self.sides = None if before == after else (before, after)
        self.pointwise_conv1 = nn.Conv1d(width, 2 * width, 1, bias=bias)
        self.depthwise_conv = nn.Conv1d(
            width, width, settings.conv_kernel_size, padding=0 if self.sides else before, groups=width, bias=bias
        )
        self.batch_norm = _NORMS[settings.conv_norm_type](width)
        self.activation = nn.SiLU()
        self.pointwise_conv2 = nn.Conv1d(width, width, 1, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, F, width] → the same."""
        x = nn.functional.glu(self.pointwise_conv1(x.transpose(1, 2)), 1)
        if self.sides:
            x = nn.functional.pad(x, self.sides)
        x = self.activation(self.batch_norm(self.depthwise_conv(x)))
        out: torch.Tensor = self.pointwise_conv2(x).transpose(1, 2)
        return out


class ConformerLayer(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward, each added to what went in."""

    def __init__(self, settings: ConformerSettings) -> None:
        """Build it with random weights."""
        super().__init__()
        width = settings.d_model
        self.norm_feed_forward1, self.feed_forward1 = nn.LayerNorm(width), FeedForward(settings)
        self.norm_conv, self.conv = nn.LayerNorm(width), Convolution(settings)
        self.norm_self_att = nn.LayerNorm(width)
        self.self_attn = (RelativeAttention if settings.self_attention_model == "rel_pos" else Attention)(settings)
        self.norm_feed_forward2, self.feed_forward2 = nn.LayerNorm(width), FeedForward(settings)
        self.norm_out = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor, places: torch.Tensor, hidden: torch.Tensor | None) -> torch.Tensor:
        """[B, F, width] → the same; for the others see ``Attention``."""
        x = x + 0.5 * self.feed_forward1(self.norm_feed_forward1(x))
        x = x + self.self_attn(self.norm_self_att(x), places, hidden)
        x = x + self.conv(self.norm_conv(x))
        x = x + 0.5 * self.feed_forward2(self.norm_feed_forward2(x))
        out: torch.Tensor = self.norm_out(x)
        return out


class ConformerEncoder(nn.Module):
    """Features [B, mels, frames] → [B, width, F]."""

    def __init__(self, settings: ConformerSettings, features: Features) -> None:
        """Build it with random weights."""
        super().__init__()
        self.settings = settings
        # From 2.5 on NeMo sets what is behind the clip to 0 before each convolution, so that it need not be there.
        self.sees_padding = features == "2.4" or "stacking" in (settings.subsampling or "")
        self.pre_encode = subsampling(settings)
        self.layers = nn.ModuleList(ConformerLayer(settings) for _ in range(settings.n_layers))
        widens = settings.width != settings.d_model
        self.out_proj = nn.Linear(settings.d_model, settings.width) if widens else None

    def forward(self, features: torch.Tensor, padded: torch.Tensor) -> torch.Tensor:
        """Encode features; ``padded`` has behind them what NeMo has there."""
        x = features.transpose(1, 2)
        x = self.pre_encode(x, padded.transpose(1, 2) if self.sees_padding else x)
        if self.settings.xscaling:
            x = x * math.sqrt(self.settings.d_model)
        frames = x.shape[1]
        if self.settings.self_attention_model == "abs_pos":
            places = positions(torch.arange(frames), self.settings.d_model)
            x = x + places
        else:
            places = positions(torch.arange(2 * frames - 1).flip(0) - (frames - 1), self.settings.d_model)
        hidden = hidden_frames(frames, self.settings)
        for layer in self.layers:
            x = layer(x, places, hidden)
        if self.out_proj is not None:
            x = self.out_proj(x)
        encoded: torch.Tensor = x.transpose(1, 2)
        return encoded
