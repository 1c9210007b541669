"""Wave → log-mel features, as NeMo's ``FilterbankFeatures`` computes them: up to NeMo 2.4, and from 2.5 on."""

from __future__ import annotations

import torch
from torch import nn

from asrquant.sources.nemo.mel_settings import Features, MelSettings

_SMALL = 1e-5
"""What NeMo adds to a deviation."""


class MelFeatures(nn.Module):
    """Waves [B, T] that are sound from end to end → features [B, mels, frames], all of them valid.

    Window and filters are the checkpoint's own; they override what the configuration says of them. Up to 2.4 the wave is
    mirrored at its ends, from 2.5 on there are zeros, and the last frame does not count.

    The transform is computed in double precision: where it is nearly silent, the logarithm makes much of what single precision
    rounds away, and every processor's transform rounds otherwise.
    """

    fb: torch.Tensor
    window: torch.Tensor | None

    def __init__(self, settings: MelSettings, features: Features) -> None:
        """Build it with a window and filters of nothing."""
        super().__init__()
        self.settings = settings
        self.newer = features != "2.4"
        self.register_buffer("window", torch.zeros(settings.window_samples) if settings.has_window else None)
        self.register_buffer("fb", torch.zeros(1, settings.features, settings.fft // 2 + 1))

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """Features of a wave."""
        said = self.settings
        if said.preemph is not None:
            wave = torch.cat((wave[:, :1], wave[:, 1:] - said.preemph * wave[:, :-1]), 1)
        x = torch.matmul(self.fb, self.power(wave))
        if said.log:
            guard = said.log_zero_guard_value
            least = getattr(torch.finfo(torch.float32), guard) if isinstance(guard, str) else guard
            x = (x + least if said.log_zero_guard_type == "add" else x.clamp(min=least)).log()
        if self.newer:
            x = x[..., :-1]
        if said.normalize in ("per_feature", "all_features"):
            over = (2,) if said.normalize == "per_feature" else (1, 2)
            centred = x - x.mean(over, keepdim=True)
            counted = x.shape[2] if over == (2,) else x.shape[1] * x.shape[2]
            variance = centred.square().sum(over, keepdim=True) / (counted - 1)
            x = centred / (variance.sqrt() + _SMALL)
        return x

    def power(self, wave: torch.Tensor) -> torch.Tensor:
        """Magnitudes of the spectrum [B, bins, frames], to the power that is asked for."""
        half = self.settings.fft // 2
        window = None if self.window is None else self.window.double()
        mode = "constant" if self.newer else "reflect"
        padded = nn.functional.pad(wave[:, None], (half, half), mode=mode)[:, 0].double()
        spectrum = torch.stft(
            padded, self.settings.fft, self.settings.hop_samples, self.settings.window_samples, window,
            center=False, return_complex=True,
        )  # fmt: skip
        power = torch.view_as_real(spectrum).square().sum(-1).float()
        return power if self.settings.mag_power == 2 else power.sqrt().pow(self.settings.mag_power)

    def padded(self, features: torch.Tensor) -> torch.Tensor:
        """The features with the frames behind them that NeMo has there, which do not count."""
        frames = features.shape[2] + (1 if self.newer else 0)
        if (multiple := self.settings.pad_to) > 0:
            frames = (frames + multiple - 1) // multiple * multiple
        return nn.functional.pad(features, (0, frames - features.shape[2]), value=self.settings.pad_value)


class Preprocessor(nn.Module):
    """Where NeMo's checkpoints have the features' window and filters."""

    def __init__(self, settings: MelSettings, features: Features) -> None:
        """Build the features."""
        super().__init__()
        self.featurizer = MelFeatures(settings, features)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """Wave [B, T] → features [B, mels, frames]."""
        features: torch.Tensor = self.featurizer(wave)
        return features
