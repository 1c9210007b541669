"""Whether the channels of a recording hold the same sound, or each its own, such as the two sides of a telephone call.

Two microphones in a room hear the same at other times, other levels and through other echoes, so that samples alone can seem
unlike. Frequency by frequency and second by second they stay alike; that is what is measured.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from asrquant.audio.reader import Samples

UNLIKE = 0.3
"""Correlation under which channels count as different sounds; see ``Channels.correlation``. Between what ``examples/channels.py``
finds for two microphones of one room and for the two sides of a call."""
LOUD = 0.01
"""Share of the loudest channel's energy (-20 dB) from which a channel counts as loud."""
_RATE = 16_000
"""Hz to which higher rates are brought down, roughly: what is looked at lies far below."""
_FRAMES_A_SECOND = 16
_BAND = 100.0, 4_000.0
"""Hz in which speech has most of its energy."""
_SHORTEST = 4
"""Frames of a block: of fewer, any two sounds seem alike."""


class Channels:
    """Channels that are heard block by block."""

    def __init__(self, channels: int, rate: int) -> None:
        self._together = max(1, rate // _RATE)
        rate //= self._together
        self._frame = 2 * rate // _FRAMES_A_SECOND
        self._window = np.hanning(self._frame).astype(np.float32)
        hertz = np.fft.rfftfreq(self._frame, 1 / rate)
        self._band = (hertz >= _BAND[0]) & (hertz <= _BAND[1])
        self._energies = np.zeros(channels)
        self._common = np.zeros((channels, channels))

    def hear(self, block: Samples) -> None:
        """Take the next second or so, [C, T], in."""
        length = block.shape[1] // self._together
        if len(self._energies) < 2 or length < (_SHORTEST + 1) * self._frame // 2:
            return
        if self._together > 1:
            block = block[:, : length * self._together].reshape(len(block), length, self._together).mean(axis=2)
        frames = np.lib.stride_tricks.sliding_window_view(block, self._frame, axis=1)[:, :: self._frame // 2]
        spectra = np.fft.rfft(frames * self._window, axis=2)[:, :, self._band]  # [C, frames, F]
        by_frequency = spectra.transpose(2, 0, 1)  # [F, C, frames]
        cross = np.abs(by_frequency @ by_frequency.conj().transpose(0, 2, 1)).sum(axis=0)
        self._common += cross
        self._energies += np.diagonal(cross)

    @property
    def correlation(self) -> float:
        """Of the loudest channel and the loud one that is least like it, 0 to 1; 1 where no other channel is loud.

        The magnitude of the cross-spectrum, summed over frequencies and seconds, over the root of both channels' energies.
        """
        if not self._energies.any():
            return 1.0
        loudest = int(np.argmax(self._energies))
        loud = self._energies >= LOUD * self._energies[loudest]
        alike: npt.NDArray[np.float64] = self._common[loudest, loud] / np.sqrt(
            self._energies[loudest] * self._energies[loud]
        )
        return float(min(1.0, alike.min()))

    @property
    def differ(self) -> bool:
        """Whether they hold different sounds."""
        return self.correlation < UNLIKE
