"""File → ``Audio``: a clip, mono, 16 kHz, float32 in [-1, 1]. What turns a clip away is here, in ``sound`` and in ``formats``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asrquant.audio.piece import Piece
from asrquant.audio.reader import Samples
from asrquant.audio.sound import check_rate, chosen_channel, mono_stream, peaks
from asrquant.base.errors import AudioError
from asrquant.base.files import printable_name

SAMPLE_RATE = 16_000
MIN_SECONDS = 0.1
MAX_SECONDS = 60.0
"""Of a clip, which the encoder takes in one piece; what is longer is a ``Recording``."""
SILENCE = 1e-4
"""Peak under which a clip counts as silent: -80 dBFS, three steps of 16-bit audio."""

# The resampler's filter grows with the terms of the ratio: 191,999 Hz, taken exactly, would ask for 180 MB and a second.
# All usual rates stay exact; the others are off by at most 50 millionths, as the clocks of sound cards are.
_LARGEST_TERM = 10_000


@dataclass(frozen=True)
class Audio:
    """A clip, ready for a recognizer.

    Attributes:
        samples: [T] float32 in [-1, 1], mono, 16 kHz.
        source_rate: sampling rate of what was received, in Hz.
        source_channels: its number of channels.
        source_format: its container and coding, such as ``WAV PCM_16`` or ``MP4 AAC``.
        source_note: what people should know of how it was read, such as which of several audio tracks it is.
        channels_differ: whether it was mixed from channels that each hold a sound of their own, such as two speakers.
    """

    samples: Samples
    source_rate: int = SAMPLE_RATE
    source_channels: int = 1
    source_format: str = "array"
    source_note: str = ""
    channels_differ: bool = False

    @property
    def seconds(self) -> float:
        """Length of the clip in seconds."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def received(self) -> str:
        """What came in and what became of it, for people: ``48 kHz stereo, 3.2 s → 16 kHz mono``."""
        return received(self.source_rate, self.source_channels, self.seconds, self.source_note)


def read_audio(
    path: str | Path, max_seconds: float = MAX_SECONDS, channel: int | str | None = None, piece: Piece | None = None
) -> Audio:
    """Decode, check, mix down and resample an audio file.

    Args:
        path: a file in one of ``containers.NAMES``, whatever its extension; of a film, its sound.
        max_seconds: longest clip accepted, in seconds of decoded audio.
        channel: the one to take, 1 for the first; ``mix``, as None, for the mean of all.
        piece: what to read of it; None is the whole.

    Raises:
        AudioError: the file is missing, not audio, truncated, empty, too short, too long, silent or not finite, or has no
            such channel.
        MissingDependencyError: the library that reads this kind of file is not installed.
    """
    path = Path(path)
    taken = chosen_channel(channel)
    with mono_stream(path, max_seconds, taken, piece) as stream:
        mono = stream.read()
    if stream.instead is not None:
        with mono_stream(path, max_seconds, stream.instead, piece) as stream:
            mono = stream.read()
    name = f"{printable_name(path)}#{piece}" if piece else printable_name(path)
    clip = from_samples(mono, stream.rate, name, stream.channels, stream.coding)
    return replace(clip, source_note=stream.note, channels_differ=stream.channels_differ)


def from_samples(
    samples: npt.ArrayLike, rate: int, name: str = "The clip", source_channels: int = 1, source_format: str = "array"
) -> Audio:
    """Check mono samples and bring them to 16 kHz.

    Args:
        samples: [T] floats; full scale is 1.
        rate: their sampling rate in Hz, 4,000 to 192,000.
        name: what to call the clip in an error.
        source_channels: channels of what was received.
        source_format: coding of what was received.

    Raises:
        AudioError: empty, too short, silent, not finite, or at an impossible rate.
    """
    mono = np.asarray(samples, dtype=np.float32)
    if mono.ndim != 1:
        raise AudioError(f"{name} has shape {mono.shape}; one channel of samples, [T], is expected.")
    check_rate(rate, name)
    peak = float(peaks(mono[None], name)[0])
    check_sound(len(mono), rate, float(np.ptp(mono)) / 2 if len(mono) else 0.0, name)
    return Audio(resample(mono, rate, peak), rate, source_channels, source_format)


def resampling_ratio(rate: int) -> Fraction:
    """Samples at 16 kHz for each sample at ``rate``."""
    return Fraction(SAMPLE_RATE, int(rate)).limit_denominator(_LARGEST_TERM)


def resample(mono: Samples, rate: int, peak: float) -> Samples:
    """Mono samples [T] at ``rate`` → at 16 kHz and in [-1, 1]; scaled down where ``peak`` is beyond full scale."""
    if peak > 1:
        mono = mono / np.float32(peak)
    ratio = resampling_ratio(rate)
    if ratio != 1:
        from scipy.signal import resample_poly  # a good part of the start of every process, and seldom needed

        mono = resample_poly(mono, ratio.numerator, ratio.denominator)
        mono = np.clip(mono, -1.0, 1.0, out=mono)
    return np.ascontiguousarray(mono, dtype=np.float32)


def check_sound(frames: int, rate: int, swing: float, name: str) -> None:
    """Turn away what is too short or silent; ``swing`` is half of the range of the samples.

    Raises:
        AudioError: it is.
    """
    if frames == 0:
        raise AudioError(f"{name} holds no sound (0 samples); record or choose the clip again.")
    if frames < MIN_SECONDS * rate:
        raise AudioError(f"{name} is too short ({frames / rate:.3f} s); at least {MIN_SECONDS} s are needed.")
    if swing < SILENCE:
        raise AudioError(f"{name} is silent (peak {swing:.1e} of full scale); check the microphone and record again.")


def received(rate: int, channels: int, seconds: float, note: str = "") -> str:
    """What came in and what became of it, for people: ``48 kHz stereo, 3.2 s → 16 kHz mono``."""
    names = {1: "mono", 2: "stereo"}
    what = f"{rate / 1000:g} kHz {names.get(channels, f'{channels} channels')}, {seconds:.1f} s → 16 kHz mono"
    return f"{what} ({note})" if note else what
