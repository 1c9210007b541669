"""What a NeMo configuration says of the features, checked: names and defaults are NeMo's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base.errors import SourceError

Features = Literal["2.4", "2.5"]
"""The versions of NeMo whose features differ: up to 2.4, and from 2.5 on."""
Width = Annotated[int, Field(ge=1, le=65_536)]
OnlyTraining = object
"""Type of what is read while training only, whatever it is."""


@dataclass(frozen=True, kw_only=True)
class MelSettings:
    """``AudioToMelSpectrogramPreprocessor``."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    sample_rate: int = SAMPLE_RATE
    window_size: float | None = 0.02
    window_stride: float | None = 0.01
    n_window_size: Width | None = None
    n_window_stride: Width | None = None
    window: str | None = "hann"
    normalize: object = "per_feature"
    n_fft: Width | None = None
    preemph: float | None = 0.97
    features: Width = 64
    lowfreq: float | None = 0
    highfreq: float | None = None
    log: bool = True
    log_zero_guard_type: Literal["add", "clamp"] = "add"
    log_zero_guard_value: float | Literal["tiny", "eps"] = 2**-24
    dither: OnlyTraining = None
    pad_to: Annotated[int, Field(ge=0, le=65_536)] = 16
    frame_splicing: int = 1
    exact_pad: bool = False
    pad_value: float = 0.0
    mag_power: float = 2.0
    rng: OnlyTraining = None
    nb_augmentation_prob: OnlyTraining = None
    nb_max_freq: OnlyTraining = None
    max_duration: OnlyTraining = None
    use_torchaudio: bool = False
    mel_norm: str | float | None = "slaney"
    stft_exact_pad: bool = False
    stft_conv: bool = False

    def __post_init__(self) -> None:
        """Refuse what is computed otherwise here."""
        if self.sample_rate != SAMPLE_RATE:
            raise SourceError(
                f"it is for sound at {self.sample_rate} Hz (preprocessor.sample_rate), and asrquant's clips have {SAMPLE_RATE} "
                f"Hz; use a model for {SAMPLE_RATE} Hz."
            )
        others = {
            "frame_splicing": self.frame_splicing != 1,
            "exact_pad": self.exact_pad,
            "use_torchaudio": self.use_torchaudio,
            "normalize": isinstance(self.normalize, dict),
        }
        for name in (name for name, other in others.items() if other):
            raise SourceError(f"preprocessor.{name} is {getattr(self, name)!r:.60}, which is not supported here.")
        if not self.window_samples or not self.hop_samples or self.window_samples > self.fft:
            raise SourceError(
                f"its window of {self.window_samples} samples every {self.hop_samples} is none for a transform of {self.fft}."
            )

    @property
    def window_samples(self) -> int:
        """Length of a frame."""
        return self.n_window_size or int((self.window_size or 0) * self.sample_rate)

    @property
    def hop_samples(self) -> int:
        """From one frame to the next."""
        return self.n_window_stride or int((self.window_stride or 0) * self.sample_rate)

    @property
    def fft(self) -> int:
        """Length of the Fourier transform: the power of two that holds the window, where nothing is said."""
        return self.n_fft or 1 << max(0, self.window_samples - 1).bit_length()

    @property
    def has_window(self) -> bool:
        """Whether the checkpoint holds one."""
        return self.window in ("hann", "hamming", "blackman", "bartlett")
