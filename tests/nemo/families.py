"""Small models of each family, as configurations of NeMo's; ``make.py`` has NeMo itself build and answer them."""

from __future__ import annotations

import copy
from typing import Any

LABELS = [" ", *"abcdefghijklmnopqrstuvwxyz", "'"]
_MODULES = "nemo.collections.asr.modules."
_MODELS = "nemo.collections.asr.models."
_BLOCK = {"repeat": 1, "stride": [1], "dilation": [1], "dropout": 0.0, "residual": False, "separable": True}


def _mel(features: int, window: float = 0.025, pad_to: int = 16, **others: Any) -> dict[str, Any]:
    return {
        "_target_": _MODULES + "AudioToMelSpectrogramPreprocessor", "sample_rate": 16000, "normalize": "per_feature",
        "window_size": window, "window_stride": 0.01, "window": "hann", "features": features, "n_fft": 512, "log": True,
        "frame_splicing": 1, "dither": 1e-5, "pad_to": pad_to, **others,
    }  # fmt: skip


def _convolutional(blocks: list[dict[str, Any]], mels: int, **others: Any) -> dict[str, Any]:
    encoder = {
        "_target_": _MODULES + "ConvASREncoder", "feat_in": mels, "activation": "relu", "conv_mask": True,
        "jasper": [{**_BLOCK, **block} for block in blocks], **others,
    }  # fmt: skip
    return {"preprocessor": _mel(mels, 0.02), "encoder": encoder, "decoder": _head(blocks[-1]["filters"])}


def _conformer(mels: int, mel: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    encoder = {
        "_target_": _MODULES + "ConformerEncoder", "feat_in": mels, "feat_out": -1, "n_layers": 2, "d_model": 32,
        "subsampling": "striding", "subsampling_factor": 4, "subsampling_conv_channels": 8, "ff_expansion_factor": 2,
        "self_attention_model": "rel_pos", "n_heads": 4, "att_context_size": [-1, -1], "xscaling": True, "untie_biases": True,
        "pos_emb_max_len": 5000, "conv_kernel_size": 9, "conv_norm_type": "batch_norm", "dropout": 0.1, "dropout_emb": 0.0,
        "dropout_att": 0.1, **others,
    }  # fmt: skip
    return {"preprocessor": _mel(mels, pad_to=0) | (mel or {}), "encoder": encoder, "decoder": _head(32)}


def _head(width: int) -> dict[str, Any]:
    return {"_target_": _MODULES + "ConvASRDecoder", "feat_in": width, "num_classes": len(LABELS), "vocabulary": LABELS}


def _hybrid() -> dict[str, Any]:
    said = _conformer(40, n_layers=1)
    head = said.pop("decoder")
    return {
        **said,
        "labels": LABELS,
        "model_defaults": {"enc_hidden": 32, "pred_hidden": 8, "joint_hidden": 8},
        "decoder": {
            "_target_": _MODULES + "RNNTDecoder", "normalization_mode": None, "random_state_sampling": False,
            "blank_as_pad": True, "vocab_size": len(LABELS),
            "prednet": {"pred_hidden": 8, "pred_rnn_layers": 1, "t_max": None, "dropout": 0.2},
        },
        "joint": {
            "_target_": _MODULES + "RNNTJoint", "log_softmax": None, "preserve_memory": False, "fuse_loss_wer": False,
            "fused_batch_size": 4, "num_classes": len(LABELS), "vocabulary": LABELS,
            "jointnet": {"joint_hidden": 8, "activation": "relu", "dropout": 0.2, "encoder_hidden": 32, "pred_hidden": 8},
        },
        "decoding": {"strategy": "greedy_batch", "greedy": {"max_symbols": 10}},
        "loss": {"loss_name": "default", "warprnnt_numba_kwargs": {"fastemit_lambda": 0.0, "clamp": -1.0}},
        "aux_ctc": {"ctc_loss_weight": 0.3, "use_cer": False, "ctc_reduction": "mean_batch", "decoder": head},
        "target": _MODELS + "hybrid_rnnt_ctc_models.EncDecHybridRNNTCTCModel",
    }  # fmt: skip


_SE = {"se": True, "se_context_size": -1}
FAMILIES: dict[str, dict[str, Any]] = {
    "quartznet": _convolutional(
        [
            {"filters": 24, "kernel": [11], "stride": [2]},
            {"filters": 24, "kernel": [13], "repeat": 2, "residual": True},
            {"filters": 32, "kernel": [15], "repeat": 3, "residual": True, "dropout": 0.1},
            {"filters": 32, "kernel": [17], "dilation": [2]},
            {"filters": 40, "kernel": [1], "separable": False},
        ],
        32,
    ),
    "jasper-dense": _convolutional(
        [
            {"filters": 24, "kernel": [11], "stride": [2], "separable": False},
            {"filters": 24, "kernel": [11], "repeat": 2, "residual": True, "residual_dense": True, "separable": False},
            {"filters": 32, "kernel": [13], "repeat": 2, "residual": True, "residual_dense": True, "separable": False},
            {"filters": 32, "kernel": [15], "dilation": [2], "separable": False},
        ],
        32,
    ),
    "citrinet": _convolutional(
        [
            {"filters": 24, "kernel": [5], **_SE},
            {"filters": 24, "kernel": [11], "stride": [2], "repeat": 2, "residual": True, "stride_last": True,
             "residual_mode": "stride_add", **_SE},
            {"filters": 24, "kernel": [13], "repeat": 2, "residual": True, "kernel_size_factor": 0.25, **_SE},
            {"filters": 24, "kernel": [13], "stride": [2], "repeat": 2, "residual": True, "stride_last": True,
             "kernel_size_factor": 1.3, **_SE},
            {"filters": 32, "kernel": [17], **_SE},
        ],
        40,
    ),
    "future-context": _convolutional(
        [{"filters": 24, "kernel": [11], "stride": [2], "future_context": 2},
         {"filters": 24, "kernel": [13], "repeat": 2, "residual": True, "future_context": 3}],
        32,
    ),
    "unmasked": _convolutional(
        [{"filters": 24, "kernel": [11]}, {"filters": 24, "kernel": [13], "repeat": 2, "residual": True}], 32, conv_mask=False
    ),
    "conformer": _conformer(40),
    "fastconformer": _conformer(
        128, n_layers=1, subsampling="dw_striding", subsampling_factor=8, xscaling=False, use_bias=False
    ),
    "streaming": _conformer(
        40, {"normalize": "NA"}, n_layers=1, subsampling="dw_striding", causal_downsampling=True,
        att_context_size=[[12, 3], [12, 0]], att_context_style="chunked_limited", conv_norm_type="layer_norm",
        conv_context_size="causal",
    ),
    "absolute": _conformer(
        40, n_layers=1, self_attention_model="abs_pos", att_context_size=[16, 4], subsampling="stacking_norm"
    ),
    "hybrid": _hybrid(),
}  # fmt: skip


def configuration(family: str) -> dict[str, Any]:
    """A model's configuration, whole."""
    said = copy.deepcopy(FAMILIES[family])
    return {
        "sample_rate": 16000, "labels": LABELS, **said,
        "target": said.get("target", _MODELS + "ctc_models.EncDecCTCModel"),
    }  # fmt: skip
