"""File → ``Audio``: mono, 16 kHz, float32 in [-1, 1]. Every reason to turn a clip away lives here.

Decoding is libsndfile's (through soundfile), resampling SciPy's polyphase filter. The file is read in blocks and mixed
down as it is read, so that a small compressed file cannot ask for much memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf
from scipy.signal import resample_poly

from asrquant.errors import AudioError

SAMPLE_RATE = 16_000
MIN_SECONDS = 0.1
MAX_SECONDS = 60.0
"""Of a clip, which the encoder takes in one piece."""
MAX_RECORDING_SECONDS = 7_200.0
"""Of a recording in a data set, which it takes in windows."""
RATES = (4_000, 192_000)
MAX_CHANNELS = 8
SILENCE = 1e-4
"""Peak under which a clip counts as silent: -80 dBFS, three steps of 16-bit audio."""
IMPLAUSIBLE = 65_536.0
"""Float files written at integer scale are scaled back; beyond this, the samples are no sound pressure."""
CANCELLED_OUT = 0.01
"""If mixing down leaves less than this share of the loudest channel's energy, the channels cancel each other."""

_BLOCK_SECONDS = 5
_DECODABLE = "WAV, FLAC, Ogg (Vorbis, Opus), MP3, AIFF or CAF"

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Audio:
    """A clip, ready for a recognizer.

    Attributes:
        samples: [T] float32 in [-1, 1], mono, 16 kHz.
        source_rate: sampling rate of what was received, in Hz.
        source_channels: its number of channels.
        source_format: its container and coding, as libsndfile names them, such as ``WAV PCM_16``.
    """

    samples: Samples
    source_rate: int = SAMPLE_RATE
    source_channels: int = 1
    source_format: str = "array"

    @property
    def seconds(self) -> float:
        """Length of the clip in seconds."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def received(self) -> str:
        """What came in and what became of it, for people: ``48 kHz stereo, 3.2 s → 16 kHz mono``."""
        names = {1: "mono", 2: "stereo"}
        channels = names.get(self.source_channels, f"{self.source_channels} channels")
        return f"{self.source_rate / 1000:g} kHz {channels}, {self.seconds:.1f} s → 16 kHz mono"


def read_audio(path: str | Path, max_seconds: float = MAX_SECONDS) -> Audio:
    """Decode, check, mix down and resample an audio file.

    Args:
        path: a file in any coding that libsndfile reads, whatever its extension.
        max_seconds: longest clip accepted, in seconds of decoded audio.

    Raises:
        AudioError: the file is missing, not audio, truncated, empty, too short, too long, silent or not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"There is no audio file {path.name!r}; check the path.")
    if path.stat().st_size == 0:
        raise AudioError(f"{path.name} is empty (0 bytes); record or choose the clip again.")
    try:
        with sf.SoundFile(path) as file:
            _check_header(file, path.name)
            mono, energy = _mix_down(file, path.name, max_seconds)
            rate, channels, coding = file.samplerate, file.channels, f"{file.format} {file.subtype}"
        loudest = int(np.argmax(energy))
        if channels > 1 and float(np.sum(np.square(mono, dtype=np.float64))) < CANCELLED_OUT * energy[loudest]:
            with sf.SoundFile(path) as file:
                mono, _ = _mix_down(file, path.name, max_seconds, channel=loudest)
    except (sf.LibsndfileError, ValueError, MemoryError, RuntimeError) as error:
        if isinstance(error, AudioError):
            raise
        raise AudioError(f"{path.name} cannot be read as audio; save it as {_DECODABLE} and try again.") from error
    return from_samples(mono, rate, name=path.name, source_channels=channels, source_format=coding)


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
    if not RATES[0] <= rate <= RATES[1]:
        raise AudioError(f"{name} has a sampling rate of {rate} Hz; {RATES[0]} to {RATES[1]} Hz can be used.")
    if len(mono) == 0:
        raise AudioError(f"{name} holds no sound (0 samples); record or choose the clip again.")
    if len(mono) < MIN_SECONDS * rate:
        raise AudioError(f"{name} is too short ({len(mono) / rate:.3f} s); at least {MIN_SECONDS} s are needed.")
    if not np.isfinite(mono).all():
        raise AudioError(f"{name} holds samples that are not numbers (NaN or infinity); export it again.")
    peak = float(np.abs(mono).max())
    if peak > IMPLAUSIBLE:
        raise AudioError(f"{name} holds samples of up to {peak:.1e}, where full scale is 1; export it again.")
    if peak < SILENCE:
        raise AudioError(f"{name} is silent (peak {peak:.1e} of full scale); check the microphone and record again.")
    if peak > 1:
        mono = mono / peak
    if rate != SAMPLE_RATE:
        common = gcd(rate, SAMPLE_RATE)
        mono = resample_poly(mono, SAMPLE_RATE // common, rate // common).astype(np.float32)
        mono = np.clip(mono, -1.0, 1.0)
    return Audio(np.ascontiguousarray(mono, dtype=np.float32), rate, source_channels, source_format)


def _check_header(file: sf.SoundFile, name: str) -> None:
    if not RATES[0] <= file.samplerate <= RATES[1]:
        raise AudioError(
            f"{name} has a sampling rate of {file.samplerate} Hz; {RATES[0]} to {RATES[1]} Hz can be used."
        )
    if not 1 <= file.channels <= MAX_CHANNELS:
        raise AudioError(f"{name} has {file.channels} channels; 1 to {MAX_CHANNELS} can be used.")
    # libsndfile shortens a cut-off WAV to what is there and notes the difference only in its log. Recorders that
    # write to a pipe leave 0 or the largest number as the length, which is no claim about the file.
    for declared, found in re.findall(r"data : (\d+) \(should be (\d+)\)", file.extra_info):
        if int(found) < int(declared) < 0x7FFFFFFF:
            raise AudioError(_truncated(name, int(found) / int(declared)))


def _mix_down(
    file: sf.SoundFile, name: str, max_seconds: float, channel: int | None = None
) -> tuple[Samples, npt.NDArray[np.float64]]:
    """Read block by block; returns the mean of the channels (or one of them) and each channel's energy."""
    blocks: list[Samples] = []
    energy = np.zeros(file.channels)
    frames = 0
    declared = file.frames
    while True:
        block = file.read(_BLOCK_SECONDS * file.samplerate, dtype="float32", always_2d=True)
        if len(block) == 0:
            break
        frames += len(block)
        if frames > max_seconds * file.samplerate:
            raise AudioError(f"{name} is longer than {max_seconds:g} s; cut it into shorter clips.")
        energy += np.sum(np.square(block, dtype=np.float64), axis=0)
        blocks.append(block[:, channel] if channel is not None else block.mean(axis=1))
    # An encoder's padding may be counted in the header, so a few frames of difference are no damage.
    if 0 < frames < 0.98 * declared < 2**40:
        raise AudioError(_truncated(name, frames / declared))
    return (np.concatenate(blocks) if blocks else np.zeros(0, np.float32)), energy


def _truncated(name: str, share: float) -> str:
    return f"{name} is cut off: {share:.0%} of the sound that it announces is there; save or upload it again."
