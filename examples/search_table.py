"""What a search found against what there is: named presets, sensitivity's suggestion, OpenVINO's accuracy control; in one run.

PYTHONPATH=. python examples/search_table.py --found found.json --data AN4/eval --out build/search [--decoder greedy]

The search has looked at other clips. Each preset is compared with the recommended one on the same clips: change of WER and ratio
of encoder times, both with 95 % intervals by bootstrap over clips, and size.
"""

from __future__ import annotations

import argparse
import datetime
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from results import write_results

import asrquant
from asrquant import Report
from asrquant.base import terminal
from asrquant.base.errors import PresetError
from asrquant.base.tables import rounded
from asrquant.cli.bar import Bar
from asrquant.engines.registry import unavailable
from asrquant.export.built import BuiltModels
from asrquant.measure.conditions import here
from asrquant.measure.intervals import Interval, Speedup, speedup
from asrquant.measure.report import bootstrap
from asrquant.measure.sensitivity import sensitivity
from asrquant.model.presets import PRESETS, Preset
from asrquant.model.recognizer import Recognizer

SMALLER = 0.005
"""Of the size, below which a difference is names in a file."""


@dataclass(frozen=True)
class Against:
    """The recommended preset against another: what is above 0 (points of WER), above 1 (speed, size) is in its disfavour, favour.

    Attributes:
        preset: the other one.
        wer: of the other one, in percent.
        worse: interval of the recommended one's WER minus the other's, in points.
        speed: times the other's speed that the recommended one reached.
        size: the other's bytes over the recommended one's.
        no_worse: in how many of WER, speed and size it is no worse, beyond the intervals.
        better: in how many it is better, beyond them.
    """

    preset: str
    wer: float
    worse: Interval
    speed: Speedup
    size: float
    no_worse: int
    better: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--found", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--decoder", default="greedy")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    found, original = asrquant.read_found(args.found), asrquant.load("an4", decoder=args.decoder)
    mine = found.preset(name=args.found.stem)
    with Bar() as progress:
        suggested = replace(sensitivity(original, progress=progress).preset(), name="sensitivity's suggestion")
        made = build(original, [mine, suggested], progress)
        report = asrquant.benchmark(made, asrquant.read_dataset(args.data), progress)
    against = [compare(report, mine.name, each.preset.name) for each in made if each.preset.name != mine.name]
    table = pd.DataFrame([row(report, mine.name, each) for each in against])
    held = (
        f"Recommended: {mine.name}, {mine.summary}; searched with {found.trials} trials, {found.minutes:.0f} minutes, on "
        f"{found.clips} clips of {found.data}, checked on {found.unseen} others. Here: model {found.model}, {report.clips} clips "
        f"of {args.data.name}, decoder {args.decoder}, {datetime.date.today()}, {here()}."
    )
    write_results(args.out, table, held, against)


def build(original: Recognizer, more: list[Preset], progress) -> list[Recognizer]:
    shelf, made = BuiltModels(), [original]
    for preset in (*more, *(each for each in PRESETS.values() if each.engine)):
        if unavailable(preset, original):
            continue
        try:
            made.append(asrquant.quantize(original, preset, progress=progress, shelf=shelf))
        except PresetError as error:
            print(f"left out: {preset.name}: {error}")
    return made


def compare(report: Report, mine: str, other: str) -> Against:
    ours, theirs = ([each for each in report.rows if each.preset == name] for name in (mine, other))
    more = np.array([a.errors.errors - b.errors.errors for a, b in zip(ours, theirs, strict=True)], dtype=float)
    words = np.array([each.errors.reference_words for each in theirs], dtype=float)
    worse = bootstrap(more, words)
    speed = speedup(tuple(each.encoder_seconds for each in theirs), tuple(each.encoder_seconds for each in ours))
    sizes = {summary.preset: summary.size_bytes for summary in report.summaries}
    wer = next(summary.errors.wer for summary in report.summaries if summary.preset == other)
    size = sizes[other] / sizes[mine]
    no_worse = (worse.low <= 0) + (speed.interval.high >= 1) + (size >= 1 - SMALLER)
    better = (worse.high < 0) + (speed.interval.low > 1) + (size > 1 + SMALLER)
    return Against(other, wer or 0.0, worse, speed, size, no_worse, better)


def row(report: Report, mine: str, each: Against) -> dict[str, str]:
    size = next(summary.size_bytes for summary in report.summaries if summary.preset == each.preset)
    own = next(summary for summary in report.summaries if summary.preset == mine)
    low, high = (rounded(value, "+.1f") for value in (each.worse.low, each.worse.high))
    return {
        f"{mine} (WER {own.errors.wer:.1f} %, {own.size_bytes / 1e6:.2f} MB) against": each.preset,
        "its WER (%)": f"{each.wer:.1f}",
        "WER, points more": f"{low} to {high}",
        "times its speed": str(each.speed).replace(" x", ""),
        "its size (MB)": f"{size / 1e6:.2f}",
        "no worse in": f"{each.no_worse} of 3",
        "better in": f"{each.better} of 3",
    }


if __name__ == "__main__":
    terminal.prepare()
    main()
