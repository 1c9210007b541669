# mypy: disable-error-code="no-untyped-call"
"""PyTorch's post-training static quantization of NeMo's convolutional models, in the six steps that its users know.

1. Take a pre-trained model.
2. ``prepare_model``: a copy of it, in which nothing is left that only training needs.
3. ``fuse_modules``: convolution, norm and ReLU become one module, block by block.
4. ``insert_stubs``: where numbers become int8 and float again, and observers.
5. ``calibrate``.
6. ``convert_model``.

The steps as they are usually written convert and then cannot run; what each does otherwise is said where it is done.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.ao import quantization as ao
from torch.ao.nn.quantized import FloatFunctional

from asrquant.base.errors import PresetError
from asrquant.base.progress import Progress, silent
from asrquant.base.quiet import quietly
from asrquant.engines.torch_eager.recipe import mend_packed, use_backend
from asrquant.sources.nemo.conv_asr import ConvAsrEncoder, HeldConv, JasperBlock, SqueezeExcite, Sum
from asrquant.sources.nemo.model import NemoCtc


class FusedSum(nn.Module):
    """A residual addition that can be quantized, with the ReLU after it where there is one."""

    def __init__(self, relu: bool) -> None:
        """``relu`` says whether one follows."""
        super().__init__()
        self.relu = relu
        self.sum = FloatFunctional()

    def forward(self, x: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """Add."""
        added: torch.Tensor = (self.sum.add_relu if self.relu else self.sum.add)(x, residual)
        return added


class FloatIsland(nn.Module):
    """A module that stays float among quantized ones."""

    qconfig: Any = None

    def __init__(self, module: nn.Module, qconfig: ao.QConfig) -> None:
        """Leave ``module`` as it is, and observe what comes out of it as ``qconfig`` says."""
        super().__init__()
        self.dequant = ao.DeQuantStub()
        self.module = module
        self.quant = ao.QuantStub()
        self.dequant.qconfig = self.quant.qconfig = qconfig

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Int8 in, float in between, int8 out."""
        out: torch.Tensor = self.quant(self.module(self.dequant(x)))
        return out


def unfit(encoder: nn.Module) -> str | None:
    """Why the steps are not for a model; None where they are."""
    if not isinstance(encoder, NemoCtc) or not isinstance(encoder.encoder, ConvAsrEncoder):
        return (
            "it fuses blocks of convolution, norm and ReLU (NeMo's QuartzNet, Citrinet and Jasper), and this model has none; use "
            "dynamic-int8 or an openvino preset"
        )
    for block in _blocks(encoder):
        if type(block.mout[0]) is not nn.ReLU or any(type(join) is not Sum for join in getattr(block, "joins", ())):
            return "its blocks end in something else than an addition and a ReLU, for which PyTorch has no int8 form"
        if any(isinstance(layer, HeldConv) and layer.before_after for layer in block.mconv):
            return "its convolutions see more before than after, and PyTorch cannot pad int8 so"
    return None


def prepare_model(model: NemoCtc) -> NemoCtc:
    """Step 2: a copy in evaluation mode, without dropout.

    NeMo leaves modules in training mode after ``transcribe``, and a norm in that mode cannot be fused. NeMo's masks, which fail
    on int8 (``promoteTypes``), do nothing for a clip that is alone, and are not in these modules; nor is one ReLU for all blocks,
    which fusing it once would take from the others.

    Raises:
        PresetError: the steps are not for this model.
    """
    if reason := unfit(model):
        raise PresetError(f"The model cannot be prepared: {reason}.")
    prepared = copy.deepcopy(model).eval()
    for module in list(prepared.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout):
                setattr(module, name, nn.Identity())
    return prepared


def fuse_modules(model: NemoCtc) -> None:
    """Step 3, in place: convolution + norm (+ ReLU) become one, block by block, and additions take their ReLU in.

    A norm that is not fused has no int8 form (``native_batch_norm``), and no more has ``+``.
    """
    for block in _blocks(model):
        ao.fuse_modules(block, [*_chains(block)], inplace=True)
        if block.res is not None:
            last = len(block.joins) - 1
            block.joins = nn.ModuleList(FusedSum(relu=index == last) for index in range(len(block.joins)))
            block.mout[0] = nn.Identity()  # the last addition has it


def _chains(block: JasperBlock) -> Iterable[list[str]]:
    """Names of the modules that become one."""
    layers = list(block.mconv)
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.BatchNorm1d):
            chain = [_conv(f"mconv.{index - 1}", layers[index - 1]), f"mconv.{index}"]
            if index + 1 < len(layers) and isinstance(layers[index + 1], nn.ReLU):
                chain.append(f"mconv.{index + 1}")
            elif index + 1 == len(layers) and block.res is None:
                chain.append("mout.0")
            yield chain
    for number, branch in enumerate(block.res or ()):
        yield [_conv(f"res.{number}.0", branch[0]), f"res.{number}.1"]  # type: ignore[index]


def _conv(name: str, layer: nn.Module) -> str:
    return f"{name}.conv" if isinstance(layer, HeldConv) else name


def insert_stubs(model: NemoCtc, backend: str = "fbgemm") -> None:
    """Step 4, in place: stubs that are called, and observers as the backend's default qconfig has them.

    A stub that is but an attribute of the model is called by nobody, and the first int8 convolution meets a float tensor. The
    features stay float, before the stub, and the log-softmax behind the other; squeeze-and-excitation stays float as well.

    Args:
        model: as ``fuse_modules`` left it.
        backend: ``fbgemm`` for servers, ``qnnpack`` for ARM.
    """
    qconfig = ao.get_default_qconfig(backend)
    for block in _blocks(model):
        for index, layer in enumerate(block.mconv):
            if isinstance(layer, SqueezeExcite):
                block.mconv[index] = FloatIsland(layer, qconfig)
    model.encoder.stub = ao.QuantStub()
    model.decoder.decoder_layers.append(ao.DeQuantStub())
    stubbed: tuple[Any, ...] = (model.encoder, model.decoder)
    for part in stubbed:
        part.qconfig = qconfig
    with quietly():
        ao.prepare(model, inplace=True)


def calibrate(model: nn.Module, waves: Sequence[torch.Tensor], progress: Progress = silent) -> None:
    """Step 5: run clips, whose ranges the observers note.

    Args:
        model: as ``insert_stubs`` left it.
        waves: [T] each, at 16 kHz.
        progress: called before each.
    """
    with torch.no_grad():
        for index, wave in enumerate(waves):
            progress("calibrating", index, len(waves))
            model(wave[None])


def convert_model(model: nn.Module, backend: str = "fbgemm") -> None:
    """Step 6, in place: int8 modules for those that were observed, their weights packed for a backend.

    Raises:
        PresetError: this build of PyTorch does not have it.
    """
    with use_backend(backend), quietly():  # of observers that no clip ran through
        ao.convert(model, inplace=True)
    mend_packed(model, backend)


def _blocks(model: NemoCtc) -> list[JasperBlock]:
    return [module for module in model.modules() if isinstance(module, JasperBlock)]
