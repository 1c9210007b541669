"""Which preset is fastest where a race was run, at equal accuracy, and whether int8 is worth it there. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from asrquant.base.processor import BF16_PRODUCTS
from asrquant.measure.conditions import Conditions
from asrquant.measure.intervals import Interval, Speedup, speedup, steady

ORIGINAL = "original"
EQUAL_NATS = 0.01
"""Mean divergence from the original, in nats a frame, up to which a preset counts as equally accurate."""


@dataclass(frozen=True)
class Ran:
    """A preset in a race.

    Attributes:
        preset: its name.
        seconds: of the encoder over all clips, round by round; the presets took turns within a round.
        nats: mean divergence of its label probabilities from the original's, a frame (Kullback-Leibler).
        flips: share of the frames whose most probable label is another.
        worse: interval of the change of WER against the original's, in points; None where the clips' words say nothing of the
            model.
    """

    preset: str
    seconds: tuple[float, ...]
    nats: float
    flips: float
    worse: Interval | None

    def __post_init__(self) -> None:
        """Refuse what no clock and no encoder gives."""
        if not self.seconds or not all(0 < each < math.inf for each in self.seconds):
            raise ValueError(f"the seconds of {self.preset!r} are {self.seconds}")
        if not 0 <= self.nats < math.inf or not 0 <= self.flips <= 1:
            raise ValueError(f"the divergence of {self.preset!r} is {self.nats} nats, {self.flips} flips")

    @property
    def equal(self) -> bool:
        """Whether it is as accurate as the original, as far as the clips can tell."""
        return self.nats <= EQUAL_NATS and (self.worse is None or self.worse.low <= 0)

    @property
    def int8(self) -> bool:
        """Whether something in it is int8, which its name says."""
        return "int8" in self.preset


@dataclass(frozen=True)
class LeftOut:
    """A preset that had no part in a race, and why."""

    preset: str
    reason: str


@dataclass(frozen=True)
class Race:
    """What a race found on one machine, of one model.

    Attributes:
        model: its name.
        date: when, as ``2026-11-26``.
        conditions: of the machine.
        clips: number of clips in a round.
        audio_seconds: that a round has.
        accuracy_clips: number of clips that divergence and words were looked at on.
        ran: the presets, the original first, all with as many rounds.
        left_out: those that did not run.
        took_seconds: for all of it.
    """

    model: str
    date: str
    conditions: Conditions
    clips: int
    audio_seconds: float
    accuracy_clips: int
    ran: tuple[Ran, ...]
    left_out: tuple[LeftOut, ...]
    took_seconds: float

    def __post_init__(self) -> None:
        """Refuse what cannot be compared."""
        names = [each.preset for each in self.ran]
        if names[:1] != [ORIGINAL] or len(set(names)) != len(names):
            raise ValueError(f"a race begins with the original, and each preset runs once: {names}")
        if len({len(each.seconds) for each in self.ran}) != 1:
            raise ValueError("the presets of a race have different numbers of rounds")

    @property
    def steady(self) -> bool:
        """Whether the same work took about as long in each round; else nothing can be said of the presets."""
        return steady(self.ran[0].seconds)

    def speedup(self, preset: str) -> Speedup:
        """How many times the original's speed a preset reached."""
        return self.against(preset, ORIGINAL)

    def against(self, preset: str, other: str) -> Speedup:
        """How many times another's speed a preset reached, paired round by round."""
        found = {each.preset: each.seconds for each in self.ran}
        return speedup(found[other], found[preset])


@dataclass(frozen=True)
class Winner:
    """The preset that was fastest, at equal accuracy, beyond what the rounds leave open."""

    preset: str
    speedup: Speedup


def ranked(race: Race) -> tuple[Ran, ...]:
    """The presets that are as accurate as the original, it included, by their median speed."""
    equal = [each for each in race.ran if each.equal]
    return tuple(sorted(equal, key=lambda each: -race.speedup(each.preset).median))


def rivals(race: Race) -> tuple[Ran, ...]:
    """The first of ``ranked``, and those whose intervals overlap with its own: one alone is clear."""
    order = ranked(race)
    lowest = race.speedup(order[0].preset).interval.low
    return tuple(each for each in order if each is order[0] or race.speedup(each.preset).interval.high >= lowest)


def choose(race: Race) -> Winner | None:
    """The winner, if there is a clear one that is not the original itself."""
    first, *others = rivals(race)
    if others or first.preset == ORIGINAL or not race.steady:
        return None
    return Winner(first.preset, race.speedup(first.preset))


def to_begin_with(race: Race) -> str:
    """The preset that a page on quantization begins with: the fastest int8 one at equal accuracy, else the winner; else empty.

    Where the float presets of another engine are faster still, the winner is marked all the same (``choose``).
    """
    if not race.steady:
        return ""
    if int8 := next((each for each in ranked(race) if each.int8), None):
        return int8.preset
    winner = choose(race)
    return winner.preset if winner else ""


def verdict(race: Race) -> str:
    """Who won, in a sentence, or why nobody did."""
    if winner := choose(race):
        return f"Fastest here, at equal accuracy: {winner.preset}, {winner.speedup} the original's speed."
    if not race.steady:
        took = race.ran[0].seconds
        return (
            f"No winner: something else kept the machine busy, as the original's rounds took {min(took):.2f} to "
            f"{max(took):.2f} s; run the race again when it is quiet."
        )
    first, *others = rivals(race)
    if not others:
        return "No preset of equal accuracy was faster here than the original."
    names = ", ".join(f"{each.preset} {race.speedup(each.preset)}" for each in (first, *others))
    return f"No clear winner here: the intervals of {names} overlap."


def int8_worth(race: Race) -> str:
    """Whether int8 is worth its name on this processor, in a line: what was measured, and what the processor has for it."""
    if not race.steady:
        return "On a busy machine nothing can be said of int8."
    order = ranked(race)
    best8 = next((each for each in order if each.int8), None)
    best = next(each for each in order if not each.int8)
    if best8 is None:
        return "No int8 preset was as accurate as the original here."
    found = race.against(best8.preset, best.preset)
    if found.interval.low > 1:
        said = "int8 pays in time here"
    elif found.interval.high < 1:
        said = "int8 does not pay in time here"
    else:
        said = "int8 makes no clear difference here"
    said += f": {best8.preset} reached {found} the speed of {best.preset}, the first in float"
    return f"{said}; {_products(race.conditions)}."


def _products(conditions: Conditions) -> str:
    if names := conditions.int8_products:
        halves = [name for name in conditions.instructions if name in BF16_PRODUCTS]
        too = f", and bfloat16 too ({', '.join(halves)})" if halves else ""
        return f"this processor multiplies and adds int8 in one instruction ({', '.join(names)}){too}"
    if not conditions.instructions:
        return "whether this processor has instructions for int8 products is not known"
    return "this processor has no instruction that multiplies and adds int8 (VNNI), so a product takes three"
