"""What a NeMo configuration says of a CTC model, checked: names and defaults are NeMo's own.

A setting that is not known here may change the answers, so it is refused; those of training alone are listed and not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from asrquant.base.errors import SourceError
from asrquant.sources.nemo.mel_settings import Features, MelSettings, OnlyTraining, Width

Count = Annotated[int, Field(ge=1, le=1_000)]
MAX_LAYERS = 1_000


@dataclass(frozen=True, kw_only=True)
class BlockSettings:
    """One of ``ConvASREncoder``'s blocks."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    filters: Width
    kernel: Width | list[Width]
    repeat: Count = 1
    stride: Count | list[Count] = 1
    dilation: Count | list[Count] = 1
    dropout: float = 0.0
    residual: bool = False
    residual_dense: bool = False
    residual_mode: Literal["add", "stride_add", "max"] | None = None
    groups: int = 1
    separable: bool = False
    heads: int = -1
    se: bool = False
    se_reduction_ratio: Width = 8
    se_context_size: OnlyTraining = None
    se_interpolation_mode: OnlyTraining = None
    kernel_size_factor: float = 1.0
    stride_last: bool = False
    future_context: int = -1

    def __post_init__(self) -> None:
        """Refuse what nothing here computes."""
        if self.groups != 1 or self.heads != -1:
            raise SourceError("a block has groups or heads, which is not supported here.")
        if self.stride_by > 1 and self.dilated_by > 1:
            raise SourceError("a block has a stride and a dilation at once, which NeMo does not compute either.")

    @property
    def kernel_size(self) -> int:
        """Of its convolutions: scaled, and odd."""
        size = max(int(_first(self.kernel) * self.kernel_size_factor), 1)
        return size + (size % 2 == 0)

    @property
    def stride_by(self) -> int:
        """Frames that one is made of by each convolution, or by the last alone."""
        return _first(self.stride)

    @property
    def dilated_by(self) -> int:
        """Frames between those that a convolution sees."""
        return _first(self.dilation)


def _first(value: int | list[int]) -> int:
    return value[0] if isinstance(value, list) else value


Activation = Literal["identity", "hardtanh", "relu", "selu", "swish", "silu", "gelu"]


@dataclass(frozen=True, kw_only=True)
class ConvSettings:
    """``ConvASREncoder``: Jasper, QuartzNet and Citrinet."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    kind: Literal["ConvASREncoder"] = "ConvASREncoder"
    jasper: Annotated[list[BlockSettings], Field(min_length=1)]
    activation: Activation
    feat_in: Width
    normalization_mode: str = "batch"
    residual_mode: Literal["add", "stride_add", "max"] = "add"
    norm_groups: OnlyTraining = None
    conv_mask: bool = True
    frame_splicing: int = 1
    init_mode: OnlyTraining = None
    quantize: bool = False

    def __post_init__(self) -> None:
        """Refuse what nothing here computes."""
        if self.normalization_mode != "batch":
            raise SourceError(
                f"encoder.normalization_mode is {self.normalization_mode!r:.60}; batch normalisation alone is supported."
            )
        if (layers := sum(block.repeat for block in self.jasper)) > MAX_LAYERS:
            raise SourceError(f"its encoder has {layers} layers; {MAX_LAYERS} are the most that are built here.")
        if self.quantize or self.frame_splicing != 1:
            raise SourceError("encoder.quantize and encoder.frame_splicing are not supported here.")
        if not self.conv_mask and any(block.se or block.future_context >= 0 for block in self.jasper):
            raise SourceError("se and future_context without encoder.conv_mask are not supported here.")

    @property
    def subsampling(self) -> int:
        """Frames of the features in one of the encoder's."""
        total = 1
        for block in self.jasper:
            total *= block.stride_by ** (1 if block.stride_last else block.repeat)
        return total

    @property
    def width(self) -> int:
        """Of what comes out."""
        return self.jasper[-1].filters


@dataclass(frozen=True, kw_only=True)
class ConformerSettings:
    """``ConformerEncoder``: Conformer and FastConformer, run as a whole, not as a stream."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    kind: Literal["ConformerEncoder"] = "ConformerEncoder"
    feat_in: Width
    n_layers: Count
    d_model: Width
    feat_out: int = -1
    causal_downsampling: bool = False
    subsampling: str | None = "striding"
    subsampling_factor: Annotated[int, Field(ge=1, le=64)] = 4
    subsampling_conv_chunking_factor: OnlyTraining = None
    subsampling_conv_channels: int = -1
    reduction: str | None = None
    reduction_position: OnlyTraining = None
    reduction_factor: int = 1
    ff_expansion_factor: Count = 4
    self_attention_model: str = "rel_pos"
    n_heads: Count = 4
    att_context_size: list[int] | list[list[int]] | None = None
    att_context_probs: OnlyTraining = None
    att_context_style: Literal["regular", "chunked_limited"] = "regular"
    xscaling: bool = True
    untie_biases: OnlyTraining = None
    pos_emb_max_len: OnlyTraining = None
    conv_kernel_size: Width = 31
    conv_norm_type: str = "batch_norm"
    conv_context_size: Literal["causal"] | list[int] | None = None
    use_bias: bool = True
    dropout: OnlyTraining = None
    dropout_pre_encoder: OnlyTraining = None
    dropout_emb: OnlyTraining = None
    dropout_att: OnlyTraining = None
    stochastic_depth_drop_prob: OnlyTraining = None
    stochastic_depth_mode: OnlyTraining = None
    stochastic_depth_start_layer: OnlyTraining = None
    global_tokens: int = 0
    global_tokens_spacing: OnlyTraining = None
    global_attn_separate: OnlyTraining = None
    use_pytorch_sdpa: OnlyTraining = None
    use_pytorch_sdpa_backends: OnlyTraining = None
    sync_max_audio_length: OnlyTraining = None

    def __post_init__(self) -> None:
        """Refuse what nothing here computes."""
        known = {
            "subsampling": ("striding", "dw_striding", "stacking", "stacking_norm", None),
            "self_attention_model": ("rel_pos", "abs_pos"),
            "conv_norm_type": ("batch_norm", "layer_norm", "fused_batch_norm"),
        }
        for name, values in known.items():
            if (value := getattr(self, name)) not in values:
                supported = ", ".join(str(each) for each in values)
                raise SourceError(
                    f"encoder.{name} is {value!r:.60}, which is not supported here; supported are {supported}."
                )
        if (self.reduction and self.reduction_factor > 1) or self.global_tokens:
            raise SourceError("encoder.reduction and encoder.global_tokens are not supported here.")
        by_halves = self.subsampling in ("striding", "dw_striding")
        if by_halves and self.subsampling_factor & (self.subsampling_factor - 1):
            raise SourceError(f"encoder.subsampling_factor is {self.subsampling_factor}; it has to be a power of two.")
        if self.d_model % self.n_heads or self.conv_kernel_size % 2 == 0:
            raise SourceError(
                f"encoder.d_model {self.d_model} {self.n_heads} heads, kernels of {self.conv_kernel_size}: no Conformer."
            )
        if len(self.context) != 2 or sum(self.conv_context) + 1 != self.conv_kernel_size:
            raise SourceError("encoder.att_context_size or encoder.conv_context_size is not two numbers that fit.")
        if self.att_context_style == "chunked_limited" and self.context[1] < -1:
            raise SourceError("encoder.att_context_size is less than -1.")

    @property
    def context(self) -> tuple[int, ...]:
        """Frames that attention sees before and after one; -1 for all. Where there are several, NeMo takes the first."""
        sizes = self.att_context_size or [-1, -1]
        first = sizes[0]
        return tuple(first) if isinstance(first, list) else tuple(each for each in sizes if isinstance(each, int))

    @property
    def conv_context(self) -> tuple[int, ...]:
        """Frames that a convolution sees before and after one."""
        if self.conv_context_size == "causal":
            return (self.conv_kernel_size - 1, 0)
        half = (self.conv_kernel_size - 1) // 2
        return tuple(self.conv_context_size) if self.conv_context_size else (half, half)

    @property
    def channels(self) -> int:
        """Of the convolutions that subsample."""
        return self.d_model if self.subsampling_conv_channels == -1 else self.subsampling_conv_channels

    @property
    def width(self) -> int:
        """Of what comes out."""
        return self.feat_out if self.feat_out > 0 else self.d_model


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Everything that a model is built from, but its weights.

    Attributes:
        preprocessor: wave → features.
        encoder: features → hidden states.
        outputs: labels and the blank, which is the last.
        features: of which NeMo.
    """

    preprocessor: MelSettings
    encoder: Annotated[ConvSettings | ConformerSettings, Field(discriminator="kind")]
    outputs: Width
    features: Features

    def __post_init__(self) -> None:
        """Refuse parts that do not fit each other."""
        if self.encoder.feat_in != self.preprocessor.features:
            raise SourceError(
                f"the encoder takes {self.encoder.feat_in} features and the preprocessor gives {self.preprocessor.features}."
            )

    @property
    def frame_samples(self) -> int:
        """Samples from one frame of the log-probs to the next."""
        return self.preprocessor.hop_samples * self.subsampling

    @property
    def subsampling(self) -> int:
        """Frames of the features in one of the log-probs."""
        if isinstance(self.encoder, ConvSettings):
            return self.encoder.subsampling
        return self.encoder.subsampling_factor if self.encoder.subsampling else 1
