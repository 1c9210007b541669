# mypy: disable-error-code="no-untyped-call"
"""One-dimensional convolutions of qnnpack's, whose weights PyTorch 2.13 spoils where it unpacks them.

``quantized::conv1d_unpack`` takes a dimension out of the very tensor that the kernels pack from when they first run: after one
look at a state dict the convolution fails, and one with a kernel of 1 cannot be looked at again.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

from torch import nn
from torch.ao.nn.quantized import Conv1d


def mend(encoder: nn.Module, packing: Callable[[], Any]) -> None:
    """Have each of them packed anew whenever it was unpacked, in place.

    Args:
        encoder: converted.
        packing: a context in which weights are packed for qnnpack.
    """

    def unpacked(conv: Conv1d) -> tuple[Any, Any]:
        weight, bias = Conv1d._weight_bias(conv)
        shape = (conv.out_channels, conv.in_channels // conv.groups, conv.kernel_size[0])
        weight = weight.clone().reshape(shape)
        with packing():
            conv.set_weight_bias(weight.clone(), bias)
        return weight, bias

    for module in encoder.modules():
        if isinstance(module, Conv1d):
            module._weight_bias = MethodType(unpacked, module)  # type: ignore[method-assign]
