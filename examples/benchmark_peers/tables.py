"""Times → results.json, table.md, chart.html."""

from __future__ import annotations

import dataclasses
import json
import statistics
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import torch
from peers import RECIPE

from asrquant.base.tables import markdown
from asrquant.measure.conditions import here

Times = dict[float, list[float]]


@dataclasses.dataclass
class Measured:
    """What is known of each engine, by name: facts, why it did not run, seconds and ratios to the first row by clip length."""

    facts: dict[str, dict]
    refused: dict[str, str]
    seconds: dict[str, Times]
    ratios: dict[str, Times]


def write(out: Path, shape: str, measured: Measured) -> None:
    rounds = {len(taken) for times in measured.seconds.values() for taken in times.values()}
    turns = " or ".join(map(str, sorted(rounds)))
    held = (
        f"Shape {shape}; {here()}, torch {torch.__version__}; the encoder alone, batch 1, bundled speech; one process an engine, "
        f"one at work at a time; one run of each length before it counts, then {turns} rounds in turns. Cells: RTF (median "
        "seconds of work a second of audio), in brackets the median ratio to the first row, round by round, and its range. "
        "MB: what is saved. Peak: resident memory while it transcribes 15 s, with Python and its libraries. Build: from the "
        "float model in memory to the first answer."
    )
    reasons = "".join(f"- {name} did not run: {reason}\n" for name, reason in measured.refused.items())
    text = f"{markdown(table(measured))}\n\n{held}\n\n{ranking(measured)}\n\n{reasons}"
    (out / "table.md").write_text(text, encoding="utf-8")
    (out / "results.json").write_text(json.dumps(dataclasses.asdict(measured), indent=1), encoding="utf-8")
    chart(shape, measured).write_html(out / "chart.html")
    print(f"\n{text}", flush=True)


def table(measured: Measured) -> pd.DataFrame:
    rows = []
    for name, times in measured.seconds.items():
        fact = measured.facts[name]
        row = {"engine": name, "MB": f"{fact['MB']:.0f}", "peak (MB)": f"{fact['peak_MB']:.0f}",
               "build (s)": f"{fact['build_seconds']:.0f}"}  # fmt: skip
        for seconds, taken in times.items():
            found = measured.ratios[name][seconds]
            spread = f"{min(found):.2f}-{max(found):.2f}"
            row[f"{seconds:g} s"] = (
                f"{statistics.median(taken) / seconds:.4f} ({statistics.median(found):.2f} x, {spread})"
            )
        rows.append(row)
    return pd.DataFrame(rows)


def ranking(measured: Measured) -> str:
    """Who is first at each length, and how many times faster than eager and than the recipe."""
    parts = []
    for seconds in next(iter(measured.ratios.values())):
        speed = {name: statistics.median(ratios[seconds]) for name, ratios in measured.ratios.items()}
        best = max(speed, key=lambda name: speed[name])
        recipe = f", {speed[best] / speed[RECIPE]:.2f} x the recipe" if RECIPE in speed else ""
        parts.append(f"{seconds:g} s: {best} ({speed[best]:.2f} x eager{recipe})")
    return f"First at {'; '.join(parts)}."


def chart(shape: str, measured: Measured) -> go.Figure:
    figure = go.Figure(
        [
            go.Scatter(
                x=list(times), y=[statistics.median(t) / s for s, t in times.items()], name=name, mode="lines+markers"
            )
            for name, times in measured.seconds.items()
        ]
    )
    return figure.update_layout(
        title=f"Encoder RTF by clip length, {shape} shape", xaxis_title="clip length (s)",
        yaxis_title="RTF (seconds of work a second of audio)", yaxis_type="log",
    )  # fmt: skip
