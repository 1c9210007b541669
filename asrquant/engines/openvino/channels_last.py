"""The convolutional feature extractor without its transposes, for OpenVINO.

wav2vec2's feature extractor in its layer-norm variety normalises over channels after every convolution, so PyTorch's
[B, C, T] is transposed to [B, T, C] and back seven times, at the highest frame rates of the model. Here everything stays
in [B, T, C]: each window is gathered and multiplied by the kernel as one matrix. The arithmetic is the same up to the
order of sums.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import nn

from asrquant.model.modules import Roles, get_module, set_module
from asrquant.model.sharing import copy_sharing_weights


class GatheredConv(nn.Linear):
    """A Conv1d as a matrix product of its windows: [B, T, I] → [B, T', O]."""

    def __init__(self, conv: nn.Conv1d) -> None:
        """Take the weights of ``conv``; see ``fits``."""
        weight = conv.weight.detach().permute(0, 2, 1).flatten(1)  # [O, k * I]
        super().__init__(weight.shape[1], weight.shape[0], bias=conv.bias is not None)
        self.kernel, self.stride = conv.kernel_size[0], conv.stride[0]
        with torch.no_grad():
            self.weight.copy_(weight)
            if conv.bias is not None:
                self.bias.copy_(conv.bias)

    @staticmethod
    def fits(conv: nn.Module) -> bool:
        """Whether a module is a convolution that this can stand for."""
        return isinstance(conv, nn.Conv1d) and conv.groups == 1 and conv.dilation == (1,) and conv.padding == (0,)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve."""
        frames = (x.shape[1] - self.kernel) // self.stride + 1
        times = torch.arange(frames)[:, None] * self.stride + torch.arange(self.kernel)
        return super().forward(torch.index_select(x, 1, times.flatten()).reshape(x.shape[0], frames, -1))


class _Layer(nn.Module):
    """One layer, [B, T, I] → [B, T', O]; its parts keep their names, by which presets speak of them."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.conv = GatheredConv(layer.conv)
        self.layer_norm = deepcopy(layer.layer_norm)
        self.activation = deepcopy(layer.activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.activation(self.layer_norm(self.conv(x)))
        return output


class ChannelsLastExtractor(nn.Module):
    """The feature extractor: wave [B, T] → [B, C, F], computed in [B, F, C]."""

    def __init__(self, extractor: nn.Module) -> None:
        """Take the layers of ``extractor``; see ``fits``."""
        super().__init__()
        layers: Any = extractor.conv_layers
        self.conv_layers = nn.ModuleList(_Layer(layer) for layer in layers)

    @staticmethod
    def fits(extractor: nn.Module) -> bool:
        """Whether a module is a feature extractor of the layer-norm variety."""
        layers = getattr(extractor, "conv_layers", None)
        return isinstance(layers, nn.ModuleList) and all(
            GatheredConv.fits(getattr(layer, "conv", nn.Identity()))
            and isinstance(getattr(layer, "layer_norm", None), nn.LayerNorm)
            and isinstance(getattr(layer, "activation", None), nn.Module)
            for layer in layers
        )

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """Features of a wave."""
        x = wave[:, :, None]
        for layer in self.conv_layers:
            x = layer(x)
        return x.transpose(1, 2)


def rewrite(encoder: nn.Module, roles: Roles) -> nn.Module:
    """An encoder with its feature extractor rewritten and its other weights shared, or itself where there is nothing to do."""
    path = roles.feature_extractor
    if path is None or not ChannelsLastExtractor.fits(get_module(_Holder(encoder), path)):
        return encoder
    holder = _Holder(copy_sharing_weights(encoder))
    set_module(holder, path, ChannelsLastExtractor(get_module(holder, path)))
    return holder.encoder.eval()


class _Holder:
    """Where paths that begin with ``encoder`` start."""

    def __init__(self, encoder: nn.Module) -> None:
        self.encoder = encoder
