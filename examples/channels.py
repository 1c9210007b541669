"""From which correlation on two channels are of one room: what ``asrquant.audio.stereo`` finds in rooms and in calls.

``python examples/channels.py`` simulates rooms (image sources, Allen & Berkley 1979) with two microphones, in which one speaks
or two, in turn or at once, and telephone calls with a speaker on each channel, of the bundled clips. Some minutes.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.audio.stereo import UNLIKE, Channels
from asrquant.data.bundled import example_clips, validation_clips

Wave = npt.NDArray[np.float64]
ROOMS = 6
CALLS = 60
DECAYS = (0.2, 0.5, 0.9)
"""Seconds in which a room's echoes fall by 60 dB."""
DISTANCES = (0.05, 0.2, 0.7, 2.0)
"""Metres between the microphones."""
SHORTEST = 2.0
"""Seconds of a clip. Of shorter ones little can be told."""
CROSSTALK = (-40, -30, -20)
"""Decibels at which a call's other side is heard."""
NOISE = -25
"""Decibels of each microphone's own noise."""


def echoes(room: Wave, source: Wave, microphone: Wave, decay: float) -> Wave:
    """The impulse response from a place in a rectangular room to another."""
    surface = 2 * sum(room[one] * room[other] for one, other in itertools.combinations(range(3), 2))
    reflected = np.sqrt(1 - min(0.99, 0.161 * room.prod() / (surface * decay)))
    order = np.arange(-14, 15)
    response = np.zeros(int(1.1 * decay * SAMPLE_RATE) + 400)
    for mirrored in itertools.product((0, 1), repeat=3):
        away = [
            (1 - 2 * mirrored[axis]) * source[axis] + 2 * order * room[axis] - microphone[axis] for axis in range(3)
        ]
        walls = [np.abs(order - mirrored[axis]) + np.abs(order) for axis in range(3)]
        distance = np.sqrt(sum(part**2 for part in np.ix_(*away)))
        strength = reflected ** sum(np.ix_(*walls)) / (4 * np.pi * distance)
        at = (distance / 343 * SAMPLE_RATE).astype(int)
        np.add.at(response, at[at < len(response)], strength[at < len(response)])
    return response


def correlation(channels: Wave) -> float:
    """What is found in two channels, heard a second at a time."""
    heard = Channels(2, SAMPLE_RATE)
    for start in range(0, channels.shape[1], SAMPLE_RATE):
        heard.hear(channels[:, start : start + SAMPLE_RATE].astype(np.float32))
    return heard.correlation


def in_a_room(one: Wave, other: Wave, decay: float, distance: float, random: np.random.Generator) -> list[float]:
    """One who speaks, two in turn, two at once."""
    room = random.uniform([3, 3, 2.4], [8, 7, 3.2])
    middle, angle = room / 2 + random.uniform(-0.3, 0.3, 3), random.uniform(0, np.pi)
    apart = np.array([np.cos(angle), np.sin(angle), 0]) * distance / 2
    microphones = [np.clip(middle + way * apart, 0.2, room - 0.2) for way in (-1, 1)]
    places = [random.uniform(0.4, room - 0.4) for _ in range(2)]
    first, second = (
        np.stack([fftconvolve(said, echoes(room, place, at, decay))[: len(said)] for at in microphones])
        for said, place in zip((one, other), places, strict=True)
    )
    length = min(first.shape[1], second.shape[1])
    cases = (first, np.concatenate([first, second], axis=1), first[:, :length] + second[:, :length])
    return [correlation(case + 10 ** (NOISE / 20) * case.std() * random.normal(size=case.shape)) for case in cases]


def main() -> None:
    """Print the range of each kind."""
    random = np.random.default_rng(1)
    clips = [clip.audio().samples.astype(float) for clip in (*example_clips(), *validation_clips())]
    clips = [clip for clip in clips if len(clip) >= SHORTEST * SAMPLE_RATE]
    clips = [0.05 * clip / clip.std() for clip in clips]

    def two() -> tuple[Wave, Wave]:
        one, other = random.permutation(len(clips))[:2]
        return clips[one], clips[other]

    print(f"channels of one room count as different under {UNLIKE}")
    for decay, distance in itertools.product(DECAYS, DISTANCES):
        found = np.array([in_a_room(*two(), decay, distance, random) for _ in range(ROOMS)])
        print(f"room, {decay} s of echo, microphones {distance} m apart: {found.min():.2f} to {found.max():.2f}")
    for decibels in CROSSTALK:
        found = []
        for _ in range(CALLS):
            one, other = two()
            length, through = min(len(one), len(other)), 10 ** (decibels / 20)
            one, other = one[:length], other[:length]
            turns = np.concatenate([one, 0 * other]), np.concatenate([0 * one, other])
            for first, second in ((one, other), turns):
                found.append(correlation(np.stack([first + through * second, second + through * first])))
        print(f"call, the other side at {decibels} dB: {min(found):.2f} to {max(found):.2f}")


if __name__ == "__main__":
    main()
