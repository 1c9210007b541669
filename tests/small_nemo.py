"""A small ``.nemo`` with random weights, and damaged ones: made while the tests run."""

from __future__ import annotations

import copy
import io
import tarfile
from pathlib import Path
from typing import Any

import torch
import yaml

from asrquant.sources.nemo.config import understand
from asrquant.sources.nemo.model import NemoCtc

LABELS = [" ", *"abcdefghijklmnopqrstuvwxyz", "'"]
_MODULES = "nemo.collections.asr.modules."
_BLOCK = {"repeat": 1, "stride": [1], "dilation": [1], "dropout": 0.0, "residual": False, "separable": True}
QUARTZNET: dict[str, Any] = {
    "preprocessor": {
        "_target_": _MODULES + "AudioToMelSpectrogramPreprocessor", "normalize": "per_feature", "window_size": 0.02,
        "features": 32, "n_fft": 512, "dither": 1e-5, "pad_to": 16,
    },
    "encoder": {
        "_target_": _MODULES + "ConvASREncoder", "feat_in": 32, "activation": "relu", "conv_mask": True,
        "jasper": [
            {**_BLOCK, "filters": 24, "kernel": [11], "stride": [2]},
            {**_BLOCK, "filters": 24, "kernel": [13], "repeat": 2, "residual": True},
            {**_BLOCK, "filters": 32, "kernel": [1], "separable": False},
        ],
    },
    "decoder": {
        "_target_": _MODULES + "ConvASRDecoder", "feat_in": 32, "num_classes": len(LABELS), "vocabulary": LABELS,
    },
    "target": "nemo.collections.asr.models.ctc_models.EncDecCTCModel",
    "nemo_version": "3.0.0",
}  # fmt: skip


def config() -> dict[str, Any]:
    """A configuration to change."""
    return copy.deepcopy(QUARTZNET)


def state(said: dict[str, Any], seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights of a configuration's model, whose answers differ from frame to frame."""
    torch.manual_seed(seed)
    model = NemoCtc(understand(said, None).architecture)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(
                torch.rand_like(tensor) + 0.5 if name.endswith("running_var") else torch.randn_like(tensor) * 0.3
            )
    model.preprocessor.featurizer.fb.abs_()
    model.preprocessor.featurizer.window.copy_(torch.hann_window(320, periodic=False))
    return dict(model.state_dict())


def saved(weights: object) -> bytes:
    """A checkpoint."""
    file = io.BytesIO()
    torch.save(weights, file)
    return file.getvalue()


def members(said: dict[str, Any] | bytes, weights: object) -> dict[str, bytes]:
    """What goes into the tar."""
    text = said if isinstance(said, bytes) else yaml.safe_dump(said).encode()
    return {
        "./model_config.yaml": text,
        "./model_weights.ckpt": weights if isinstance(weights, bytes) else saved(weights),
    }


def write(path: Path, contents: dict[str, bytes], *others: tarfile.TarInfo, mode: str = "w:") -> Path:
    """A ``.nemo`` of these members, and of others that have no contents."""
    with tarfile.open(path, mode) as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for other in others:
            tar.addfile(other)
    return path


def small_nemo(path: Path) -> Path:
    """A QuartzNet of some thousand parameters."""
    return write(path, members(config(), state(config())))
