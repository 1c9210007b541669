"""The convolutional feature extractor without its transposes, for OpenVINO.

wav2vec2's feature extractor in its layer-norm variety normalises over channels after every convolution, so PyTorch's
[B, C, T] is transposed to [B, T, C] and back seven times, at the highest frame rates of the model. A convolution whose
kernel is at most twice its stride is a matrix product of windows that are there already when [B, T, C] is reshaped, and
one of the rest; so everything stays in [B, T, C]. The arithmetic is the same up to the order of sums.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import nn

from asrquant.modules import Roles, get_module, set_module


class WindowedConv(nn.Module):
    """A Conv1d as matrix products: [B, T, I] → [B, T', O]."""

    def __init__(self, conv: nn.Conv1d) -> None:
        """Take the weights of ``conv``; see ``fits``."""
        super().__init__()
        weight = conv.weight.detach().permute(0, 2, 1)  # [O, k, I]
        self.kernel, self.inputs = weight.shape[1:]
        self.stride = conv.stride[0]
        self.rest = self.kernel - self.stride
        self.whole = self._linear(weight[:, : self.stride], conv.bias)
        self.overlap = self._linear(weight[:, self.stride :], None) if self.rest else None

    @staticmethod
    def fits(conv: nn.Module) -> bool:
        """Whether a module is a convolution that this can stand for."""
        return (
            isinstance(conv, nn.Conv1d)
            and conv.groups == 1
            and conv.dilation == (1,)
            and conv.padding == (0,)
            and conv.stride[0] <= conv.kernel_size[0] <= 2 * conv.stride[0]
        )

    @staticmethod
    def _linear(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Linear:
        flat = weight.reshape(weight.shape[0], -1)
        linear = nn.Linear(flat.shape[1], flat.shape[0], bias=bias is not None)
        with torch.no_grad():
            linear.weight.copy_(flat)
            if bias is not None:
                linear.bias.copy_(bias)
        return linear

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve."""
        frames = (x.shape[1] - self.kernel) // self.stride + 1
        windows = x[:, : frames * self.stride].reshape(x.shape[0], frames, self.stride * self.inputs)
        output: torch.Tensor = self.whole(windows)
        if self.overlap is None:
            return output
        if self.rest == 1:  # the first frame of each next window
            following = x[:, self.stride :: self.stride][:, :frames]
        else:
            shifted = nn.functional.pad(x, (0, 0, 0, self.stride))[:, self.stride : (frames + 1) * self.stride]
            following = shifted.reshape(windows.shape)[..., : self.rest * self.inputs]
        added: torch.Tensor = self.overlap(following)
        return output + added


class ChannelsLastExtractor(nn.Module):
    """The feature extractor: wave [B, T] → [B, C, F], computed in [B, F, C]."""

    def __init__(self, extractor: nn.Module) -> None:
        """Take the layers of ``extractor``; see ``fits``."""
        super().__init__()
        layers: Any = extractor.conv_layers
        self.convs = nn.ModuleList(WindowedConv(layer.conv) for layer in layers)
        self.norms = nn.ModuleList(deepcopy(layer.layer_norm) for layer in layers)
        self.activations = nn.ModuleList(deepcopy(layer.activation) for layer in layers)

    @staticmethod
    def fits(extractor: nn.Module) -> bool:
        """Whether a module is a feature extractor of the layer-norm variety."""
        layers = getattr(extractor, "conv_layers", None)
        return isinstance(layers, nn.ModuleList) and all(
            WindowedConv.fits(getattr(layer, "conv", nn.Identity()))
            and isinstance(getattr(layer, "layer_norm", None), nn.LayerNorm)
            and isinstance(getattr(layer, "activation", None), nn.Module)
            for layer in layers
        )

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """Features of a wave."""
        x = wave[:, :, None]
        for conv, norm, activation in zip(self.convs, self.norms, self.activations, strict=True):
            x = activation(norm(conv(x)))
        return x.transpose(1, 2)


def rewrite(encoder: nn.Module, roles: Roles) -> nn.Module:
    """A copy of an encoder with its feature extractor rewritten, or the encoder itself where there is nothing to do."""
    path = roles.feature_extractor
    if path is None or not ChannelsLastExtractor.fits(get_module(_Holder(encoder), path)):
        return encoder
    holder = _Holder(deepcopy(encoder))
    set_module(holder, path, ChannelsLastExtractor(get_module(holder, path)))
    return holder.encoder.eval()


class _Holder:
    """Where paths that begin with ``encoder`` start."""

    def __init__(self, encoder: nn.Module) -> None:
        self.encoder = encoder
