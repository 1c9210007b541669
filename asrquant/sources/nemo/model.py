"""A NeMo CTC model from wave to log-probs, built from what its configuration says."""

from __future__ import annotations

import torch
from torch import nn

from asrquant.model.modules import Roles
from asrquant.sources.nemo.conformer import ConformerEncoder
from asrquant.sources.nemo.conv_asr import ConvAsrEncoder
from asrquant.sources.nemo.features import Preprocessor
from asrquant.sources.nemo.settings import Architecture, ConvSettings


class CtcDecoder(nn.Module):
    """``ConvASRDecoder``: hidden states [B, width, F] → log-probs [B, F, outputs]."""

    def __init__(self, width: int, outputs: int) -> None:
        """Build it with random weights."""
        super().__init__()
        self.decoder_layers = nn.Sequential(nn.Conv1d(width, outputs, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Log-probs."""
        logits: torch.Tensor = self.decoder_layers(x)
        return logits.transpose(1, 2).log_softmax(-1)


class NemoCtc(nn.Module):
    """Wave [B, T] → log-probs [B, F, outputs]: the frames that NeMo counts, and none of those that it pads with.

    Modules have the names of NeMo's checkpoints: ``preprocessor``, ``encoder``, ``decoder``.
    """

    def __init__(self, architecture: Architecture) -> None:
        """Build it with random weights."""
        super().__init__()
        self.architecture = architecture
        self.preprocessor = Preprocessor(architecture.preprocessor, architecture.features)
        said = architecture.encoder
        self.encoder: nn.Module
        if isinstance(said, ConvSettings):
            self.encoder = ConvAsrEncoder(said)
        else:
            self.encoder = ConformerEncoder(said, architecture.features)
        self.decoder = CtcDecoder(said.width, architecture.outputs)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """Recognize."""
        log_probs: torch.Tensor = self.decoder(self.encoded(self.preprocessor(wave)))
        return log_probs

    def encoded(self, features: torch.Tensor) -> torch.Tensor:
        """Features [B, mels, frames] → hidden states [B, width, F]."""
        hidden: torch.Tensor
        if isinstance(self.encoder, ConformerEncoder):
            hidden = self.encoder(features, self.preprocessor.featurizer.padded(features))
        elif self.architecture.encoder.conv_mask:  # type: ignore[union-attr]
            hidden = self.encoder(features)
        else:  # what NeMo pads with goes through unmasked convolutions, and NeMo counts frames as if they had no stride
            hidden = self.encoder(self.preprocessor.featurizer.padded(features))[..., : features.shape[2]]
        return hidden


def roles(architecture: Architecture) -> Roles:
    """Which of its modules plays which role.

    Blocks of convolutions and norms are for presets of their own; what the others take for a feature extractor is a Conformer's
    subsampling, where it is made of convolutions.
    """
    output, front_end = "encoder.decoder.decoder_layers.0", "encoder.preprocessor"
    said = architecture.encoder
    if isinstance(said, ConvSettings):
        return Roles(ctc_output=output, front_end=front_end)
    convolves = said.subsampling in ("striding", "dw_striding") and said.subsampling_factor > 1
    return Roles(
        feature_extractor="encoder.encoder.pre_encode.conv" if convolves and not said.causal_downsampling else None,
        feature_projection="encoder.encoder.pre_encode.out" if convolves else None,
        transformer_layers="encoder.encoder.layers",
        ctc_output=output,
        front_end=front_end,
    )
