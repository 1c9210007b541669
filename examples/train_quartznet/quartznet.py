"""The model: asrquant's own modules of a QuartzNet, small, with NeMo's configuration of it."""

from __future__ import annotations

from typing import Any

import torch

from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.sources.nemo.config import understand
from asrquant.sources.nemo.model import NemoCtc

LABELS = [" ", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
BLANK = len(LABELS)
WINDOW, HOP, FFT, MELS, RATE = 0.02, 160, 512, 64, 16_000
WRITER = "3.0.0"
"""The NeMo whose features it is trained on; they differ before 2.5."""
_WIDTHS = (192, 192, 256, 256, 256)
_KERNELS = (33, 39, 51, 63, 75)


def configuration() -> dict[str, Any]:
    """``model_config.yaml``: five blocks of three separable convolutions each, between a first and two last ones."""
    dropout = 0.1
    blocks = [_block(192, 33, stride=2, dropout=dropout)]
    for width, kernel in zip(_WIDTHS, _KERNELS, strict=True):
        blocks.append(_block(width, kernel, repeat=3, residual=True, dropout=dropout))
    blocks += [_block(256, 87, dilation=2, dropout=dropout), _block(384, 1, separable=False, dropout=dropout)]
    modules = "nemo.collections.asr.modules."
    sound = {"sample_rate": RATE, "batch_size": 32, "num_workers": 0, "labels": LABELS, "shuffle": False}
    return {
        "sample_rate": RATE,
        "labels": LABELS,
        "preprocessor": {
            "_target_": modules + "AudioToMelSpectrogramPreprocessor",
            "sample_rate": RATE,
            "normalize": "per_feature",
            "window_size": WINDOW,
            "window_stride": HOP / RATE,
            "window": "hann",
            "features": MELS,
            "n_fft": FFT,
            "frame_splicing": 1,
            "dither": 1e-05,
            "pad_to": 16,
        },
        "spec_augment": {
            "_target_": modules + "SpectrogramAugmentation",
            "rect_freq": 50,
            "rect_masks": 5,
            "rect_time": 120,
        },
        "encoder": {
            "_target_": modules + "ConvASREncoder",
            "feat_in": MELS,
            "activation": "relu",
            "conv_mask": True,
            "jasper": blocks,
        },
        "decoder": {
            "_target_": modules + "ConvASRDecoder",
            "feat_in": blocks[-1]["filters"],
            "num_classes": len(LABELS),
            "vocabulary": LABELS,
        },
        "train_ds": {"manifest_filepath": None, **sound},
        "validation_ds": {"manifest_filepath": None, **sound},
        "test_ds": {"manifest_filepath": None, **sound},
        "optim": {"name": "novograd", "lr": 0.01, "betas": [0.8, 0.5], "weight_decay": 0.001},
        "target": "nemo.collections.asr.models.ctc_models.EncDecCTCModel",
        "nemo_version": WRITER,
    }


def _block(
    filters: int, kernel: int, repeat: int = 1, stride: int = 1, dilation: int = 1, residual: bool = False,
    separable: bool = True, dropout: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    return {
        "filters": filters, "repeat": repeat, "kernel": [kernel], "stride": [stride], "dilation": [dilation],
        "dropout": dropout, "residual": residual, "separable": separable,
    }  # fmt: skip


def build(seed: int) -> NemoCtc:
    """The model with random weights, and the window and the mel filters that NeMo would give it."""
    ensure_torchaudio()  # which transformers imports
    from transformers.audio_utils import mel_filter_bank

    torch.manual_seed(seed)
    model = NemoCtc(understand(configuration(), None).architecture)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv1d):
            torch.nn.init.xavier_uniform_(module.weight)
    featurizer = model.preprocessor.featurizer
    filters = mel_filter_bank(FFT // 2 + 1, MELS, 0.0, RATE / 2, RATE, norm="slaney", mel_scale="slaney")
    featurizer.window.copy_(torch.hann_window(int(WINDOW * RATE), periodic=False))
    featurizer.fb.copy_(torch.from_numpy(filters.T[None]))
    return model


def log_mel(model: NemoCtc, wave: torch.Tensor) -> torch.Tensor:
    """Features [frames, mels] of one clip [T] before they are normalized: frames of two clips can be joined."""
    featurizer = model.preprocessor.featurizer
    settings = featurizer.settings
    emphasized = torch.cat((wave[:1], wave[1:] - settings.preemph * wave[:-1]))[None]
    power = torch.matmul(featurizer.fb, featurizer.power(emphasized))
    return (power + settings.log_zero_guard_value).log()[0, :, :-1].T


def normalized(features: torch.Tensor) -> torch.Tensor:
    """Features [frames, mels] at zero mean and unit deviation, mel by mel, as the model itself does it."""
    centred = features - features.mean(0)
    return centred / ((centred.square().sum(0) / (len(features) - 1)).sqrt() + 1e-5)


def encode_text(text: str) -> list[int]:
    """Text in capitals → label indices."""
    return [LABELS.index(character) for character in text]


def greedy_text(log_probs: torch.Tensor) -> str:
    """Log-probs [F, V] → text: best label a frame, repeats and blanks removed."""
    best = torch.unique_consecutive(log_probs.argmax(-1)).tolist()
    return " ".join("".join(LABELS[i] for i in best if i != BLANK).split())
