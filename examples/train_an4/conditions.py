"""The same clips as they come through a telephone, at another level, through noise and from across a room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from corpus import Clip, Wave
from degrade import TELEPHONE, coded, coloured, in_room, noisy, room

Condition = Callable[[Wave, np.random.Generator], Wave]

ROOM = (6.0, 4.5, 2.7)
CONDITIONS: dict[str, Condition] = {
    "clean": lambda wave, _: wave,
    "telephone (µ-law, 8 kHz)": lambda wave, _: coded(wave, TELEPHONE),
    "level -5 dB": lambda wave, _: (wave * np.float32(10 ** (-5 / 20))).astype(np.float32),
    "noise at 15 dB (pink)": lambda wave, rng: noisy(wave, coloured(len(wave), 3, rng), 15),
    "room (RT60 0.4 s, 1.5 m away)": lambda wave, rng: in_room(wave, room(ROOM, 0.4, 1.5, rng)),
}
"""Name → what becomes of a clip. No training clip is ever changed by these very functions with these seeds."""


def under(clips: Sequence[Clip], name: str) -> list[Clip]:
    """The clips under a condition; each clip has its own noise and its own place in the room, always the same."""
    return [
        replace(clip, wave=CONDITIONS[name](clip.wave, np.random.default_rng([1, 7, index])))
        for index, clip in enumerate(clips)
    ]
