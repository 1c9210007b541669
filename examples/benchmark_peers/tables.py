"""Times → results.json, table.md, chart.html."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from peers import FIRST, RECIPE

from asrquant.compare import this_machine
from asrquant.text import markdown

Times = dict[str, dict[float, list[float]]]


def write(out: Path, shape: str, rounds: int, facts: dict[str, dict], refused: dict[str, str], times: Times) -> None:
    held = (
        f"Shape {shape}; {this_machine()}; the encoder alone, batch 1, bundled speech; one process an engine, one at work at a "
        f"time; one run of each length before it counts, then {rounds} rounds in turns. RTF: median seconds of work a second of "
        "audio; in brackets the median ratio to the first row, round by round, and its range. MB: what is saved. Peak: resident "
        "memory while it transcribes 15 s, with Python and its libraries. Build: from "
        "the float model in memory to the first answer."
    )
    reasons = "".join(f"- {name} did not run: {reason}\n" for name, reason in refused.items())
    text = f"{markdown(table(facts, times))}\n\n{held}\n\n{ranking(times)}\n\n{reasons}"
    (out / "table.md").write_text(text)
    (out / "results.json").write_text(json.dumps({"facts": facts, "refused": refused, "seconds": times}, indent=1))
    chart(shape, times).write_html(out / "chart.html")
    print(f"\n{text}")


def table(facts: dict[str, dict], times: Times) -> pd.DataFrame:
    rows = []
    for name, by_length in times.items():
        fact = facts[name]
        row = {"engine": name, "MB": f"{fact['MB']:.0f}", "peak (MB)": f"{fact['peak_MB']:.0f}",
               "build (s)": f"{fact['build_seconds']:.0f}"}  # fmt: skip
        for seconds, taken in by_length.items():
            found = ratios(times, FIRST, name, seconds)
            spread = f"{min(found):.2f}-{max(found):.2f}"
            row[f"{seconds:g} s"] = (
                f"{statistics.median(taken) / seconds:.4f} ({statistics.median(found):.2f} x, {spread})"
            )
        rows.append(row)
    return pd.DataFrame(rows)


def ratios(times: Times, slow: str, fast: str, seconds: float) -> list[float]:
    return [a / b for a, b in zip(times[slow][seconds], times[fast][seconds], strict=True)]


def ranking(times: Times) -> str:
    """Who is first at each length, and how many times faster than eager and than the recipe."""
    parts = []
    for seconds in times[FIRST]:
        best = min(times, key=lambda name: statistics.median(times[name][seconds]))
        against = [
            f"{statistics.median(ratios(times, other, best, seconds)):.2f} x {label}"
            for other, label in ((FIRST, "eager"), (RECIPE, "the recipe"))
            if other in times
        ]
        parts.append(f"{seconds:g} s: {best} ({', '.join(against)})")
    return f"First at {'; '.join(parts)}."


def chart(shape: str, times: Times) -> go.Figure:
    figure = go.Figure(
        [
            go.Scatter(
                x=list(by_length), y=[statistics.median(t) / s for s, t in by_length.items()], name=name,
                mode="lines+markers",
            )
            for name, by_length in times.items()
        ]
    )  # fmt: skip
    return figure.update_layout(
        title=f"Encoder RTF by clip length, {shape} shape", xaxis_title="clip length (s)",
        yaxis_title="RTF (seconds of work a second of audio)", yaxis_type="log",
    )  # fmt: skip
