"""A race → its table, and the lines that tell of it."""

from __future__ import annotations

import pandas as pd

from asrquant.base.tables import rounded
from asrquant.measure.winner import EQUAL_NATS, Race, Ran, choose, verdict

EQUAL = (
    f"Equally accurate: at most {EQUAL_NATS:g} nats a frame from the original, and a WER that the clips do not show to be "
    "worse."
)


def race_table(race: Race) -> pd.DataFrame:
    """A row a preset, by its median speed: speed-up with its interval, divergence, changed labels, WER's change, accuracy."""
    order = sorted(race.ran, key=lambda each: -race.speedup(each.preset).median)
    return pd.DataFrame([_row(race, each) for each in order])


def _row(race: Race, ran: Ran) -> dict[str, str]:
    worse = ran.worse
    change = "n/a" if worse is None else f"{rounded(worse.low, '+.1f')} to {rounded(worse.high, '+.1f')}"
    return {
        "preset": ran.preset,
        "encoder speed-up": str(race.speedup(ran.preset)),
        "nats a frame": f"{ran.nats:.4f}",
        "labels changed": f"{100 * ran.flips:.1f} %",
        "change of WER (points)": change,
        "equally accurate": "yes" if ran.equal else "no",
    }


def race_about(race: Race) -> str:
    """How it was run, in a sentence."""
    rounds = len(race.ran[0].seconds)
    return (
        f"Model {race.model}, {race.date}, {race.conditions}: {rounds} rounds in turns over {race.clips} bundled clips "
        f"({race.audio_seconds:.0f} s), the encoder alone; medians of the rounds' ratios, in brackets 95 % intervals by "
        f"bootstrap over rounds; answers compared on {race.accuracy_clips} clips. {EQUAL}"
    )


def race_line(race: Race) -> str:
    """What it found and when, in a line beside other figures."""
    return f"{verdict(race)} A race on this machine with the model {race.model}, {race.date}."


def mark(race: Race) -> str:
    """What stands beside the winner's name: ``fastest here: 2.1 x``; empty where there is none."""
    winner = choose(race)
    return f"fastest here: {winner.speedup.median:.1f} x" if winner else ""
