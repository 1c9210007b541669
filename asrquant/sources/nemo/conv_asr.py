"""Jasper, QuartzNet and Citrinet: NeMo's ``ConvASREncoder`` (Li et al. 2019, Kriman et al. 2020, Majumdar et al. 2021).

Modules have the names that NeMo's checkpoints give them. A clip is alone in its batch, or all are of one length, and the features
end where they do: so the masks that NeMo puts before each convolution have nothing to do, and are not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import nn

from asrquant.sources.nemo.settings import Activation, BlockSettings, ConvSettings

EPSILON = 1e-3
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "identity": nn.Identity, "hardtanh": nn.Hardtanh, "relu": nn.ReLU, "selu": nn.SELU, "swish": nn.SiLU, "silu": nn.SiLU,
    "gelu": nn.GELU,
}  # fmt: skip


class HeldConv(nn.Module):
    """A convolution under the name ``conv``, as NeMo's masked ones are; what sees more before than after is padded first."""

    def __init__(self, conv: nn.Conv1d, before_after: tuple[int, int] | None) -> None:
        """Hold ``conv``; ``before_after`` is zeros to add, None where it adds its own."""
        super().__init__()
        self.conv = conv
        self.before_after = before_after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve [B, C, F]."""
        if self.before_after is not None:
            x = nn.functional.pad(x, self.before_after)
        convolved: torch.Tensor = self.conv(x)
        return convolved


class SqueezeExcite(nn.Module):
    """Channels weighed by what they are on average, over the whole clip."""

    def __init__(self, channels: int, reduction: int, activation: nn.Module) -> None:
        """Weigh ``channels``."""
        super().__init__()
        inner = channels // reduction
        self.fc = nn.Sequential(
            nn.Linear(channels, inner, bias=False), activation, nn.Linear(inner, channels, bias=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Weigh the channels of [B, C, F]."""
        weights: torch.Tensor = self.fc(x.mean(-1))
        return x * torch.sigmoid(weights)[..., None]


class Sum(nn.Module):
    """A residual addition; a module of its own, so that it can be quantized."""

    def forward(self, x: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """Add."""
        return x + residual


class Largest(nn.Module):
    """The larger of two, for ``residual_mode: max``."""

    def forward(self, x: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """Compare."""
        return torch.maximum(x, residual)


class JasperBlock(nn.Module):
    """Convolutions with their norms, repeated; residual branches that are added; an activation.

    Attributes:
        mconv: the layers in their order.
        res: one branch a residual, each a convolution of 1 and its norm; None for a block without.
        joins: what joins the branches, one after the other, to what comes out of ``mconv``.
        mout: the last activation.
    """

    def __init__(
        self, settings: BlockSettings, width: int, panes: list[int], mode: str, activation: Activation, held: bool
    ) -> None:
        """Build it.

        Args:
            settings: of the block.
            width: of what goes in.
            panes: widths of what earlier blocks gave, for dense residuals.
            mode: how residuals are joined.
            activation: by name; each place has its own.
            held: whether convolutions are held as NeMo's masked ones are.
        """
        super().__init__()
        self.held = held
        act, entering = ACTIVATIONS[activation], width
        layers: list[nn.Module] = []
        for turn in range(settings.repeat):
            last = turn == settings.repeat - 1
            stride = settings.stride_by if last or not settings.stride_last else 1
            layers += self._convolved(width, settings, stride)
            if not last:
                layers += [act(), nn.Dropout(settings.dropout)]
            width = settings.filters
        if settings.se:
            layers.append(SqueezeExcite(settings.filters, settings.se_reduction_ratio, act()))
        self.mconv = nn.ModuleList(layers)
        self.dense = settings.residual and bool(panes)
        self.res: nn.ModuleList | None = None
        if settings.residual:
            stride = settings.stride_by if mode == "stride_add" else 1
            self.res = nn.ModuleList(self._branch(pane, settings.filters, stride) for pane in panes or [entering])
            join = Largest if mode == "max" else Sum
            self.joins = nn.ModuleList(join() for _ in self.res)
        self.mout = nn.Sequential(act(), nn.Dropout(settings.dropout))

    def _convolved(self, width: int, settings: BlockSettings, stride: int) -> Iterable[nn.Module]:
        kernel, dilation, filters = settings.kernel_size, settings.dilated_by, settings.filters
        sides = _sides(settings)
        padding = dilation * (kernel - 1) // 2 if sides is None else 0
        groups, out = (width, width) if settings.separable else (1, filters)
        conv = nn.Conv1d(width, out, kernel, stride, padding, dilation, groups, bias=False)
        yield self._hold(conv, sides)
        if settings.separable:
            yield self._hold(nn.Conv1d(width, filters, 1, bias=False))
        yield nn.BatchNorm1d(filters, eps=EPSILON)

    def _branch(self, width: int, filters: int, stride: int) -> nn.ModuleList:
        conv = nn.Conv1d(width, filters, 1, stride, bias=False)
        return nn.ModuleList([self._hold(conv), nn.BatchNorm1d(filters, eps=EPSILON)])

    def _hold(self, conv: nn.Conv1d, sides: tuple[int, int] | None = None) -> nn.Module:
        return HeldConv(conv, sides) if self.held else conv

    def forward(self, panes: list[torch.Tensor]) -> list[torch.Tensor]:
        """What earlier blocks gave, the last at the end → the same with this block's, or this block's alone."""
        x = panes[-1]
        for layer in self.mconv:
            x = layer(x)
        if self.res is not None:
            branches = cast(Iterable[nn.ModuleList], self.res)
            for pane, branch, join in zip(panes, branches, self.joins, strict=False):
                for layer in branch:
                    pane = layer(pane)
                x = join(x, pane)
        x = self.mout(x)
        return [*panes, x] if self.dense else [x]


def _sides(settings: BlockSettings) -> tuple[int, int] | None:
    """Zeros before and after for a convolution that shall see less after than before; None for one that sees as much."""
    after, kernel, dilation = settings.future_context, settings.kernel_size, settings.dilated_by
    if after < 0 or kernel <= after:
        return None
    return (dilation * kernel - 1 - dilation * after, dilation * after) if dilation > 1 else (kernel - 1 - after, after)


class ConvAsrEncoder(nn.Module):
    """Features [B, mels, frames] → [B, width, F].

    Attributes:
        stub: where features would become int8; it does nothing until something else is put there.
        encoder: the blocks.
    """

    def __init__(self, settings: ConvSettings) -> None:
        """Build it with random weights."""
        super().__init__()
        self.masked = settings.conv_mask
        blocks: list[nn.Module] = []
        width, panes, mode = settings.feat_in, [], settings.residual_mode
        for said in settings.jasper:
            if said.residual_dense:
                panes.append(width)
            mode = said.residual_mode or mode  # NeMo keeps it for the blocks that follow
            blocks.append(
                JasperBlock(
                    said, width, panes.copy() if said.residual_dense else [], mode, settings.activation, self.masked
                )
            )
            width = said.filters
        self.stub: nn.Module = nn.Identity()
        self.encoder = nn.Sequential(*blocks)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Encode."""
        panes: list[torch.Tensor] = [self.stub(features)]
        for block in self.encoder:
            panes = block(panes)
        return panes[-1]
