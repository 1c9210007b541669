"""All presets on one clip → who won, in a sentence, and the picture: what it costs against what it gains."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from asrquant.measure.lineup import LineUp, Timed, rivals, winner
from asrquant.measure.winner import ORIGINAL
from asrquant.show.comparison import dressed
from asrquant.show.report import PALETTE

_MEGA = 1e6
PICTURE = (
    "The Pareto picture, speed against errors: the further right and down, the better. A disc's area is the size; its name comes "
    "by pointer or touch."
)
"""Stands over ``lineup_figure``, as a chart's own title does not wrap."""


def verdict(found: LineUp) -> str:
    """Who won, in a sentence, or why nobody did."""
    if first := winner(found):
        smaller = found.timed[0].size_bytes / first.size_bytes
        size = f"{smaller:.1f} times smaller and " if smaller >= 1.05 else ""
        fast = f"{first.speedup.median:.1f} times as fast as the original"
        return f"{first.preset} wins on this clip: {size}{fast}, and no word changed."
    if not found.steady:
        return "No winner: something else kept the machine busy meanwhile. Run it again when it is quiet."
    first, *others = rivals(found)
    if others:
        names = " and ".join([", ".join(each.preset for each in (first, *others[:-1])), others[-1].preset])
        return f"No clear winner on this clip: of those that changed no word, {names} are too near to each other."
    return "No preset that changed no word was clearly faster here than the original."


def rate(found: LineUp, timed: Timed) -> float:
    """What stands on the picture's vertical axis: the error rate, or without a reference the changed words, in percent."""
    if timed.errors is not None and found.reference:
        return timed.errors.rate or 0.0
    return 100 * timed.changed / max(1, timed.heard)


def axis(found: LineUp) -> str:
    """The name of the picture's vertical axis."""
    return f"{found.measure} (%)" if found.reference else "words changed (%)"


def pareto(found: LineUp) -> tuple[Timed, ...]:
    """Those that no other beats in both speed and errors, fastest first."""
    front: list[Timed] = []
    for each in sorted(found.timed, key=lambda each: (-each.speedup.median, rate(found, each))):
        if not front or rate(found, each) < rate(found, front[-1]):
            front.append(each)
    return tuple(front)


def lineup_figure(found: LineUp) -> go.Figure:
    """Errors against speed, a disc a preset with the size as its area, and the Pareto front."""
    figure = go.Figure()
    front = pareto(found)
    figure.add_scatter(
        x=[each.speedup.median for each in front], y=[rate(found, each) for each in front], mode="lines",
        name="best so far", line={"color": "#94a3b8", "dash": "dot"}, hoverinfo="skip",
    )  # fmt: skip
    largest = max(each.size_bytes for each in found.timed)
    furthest = max(each.speedup.median for each in found.timed)
    first, named = winner(found), (*front, found.timed[0])
    for index, each in enumerate(found.timed):
        won, size = each == first, f"{each.size_bytes / _MEGA:.1f}"
        figure.add_scatter(
            x=[each.speedup.median], y=[rate(found, each)], mode="markers+text" if each in named else "markers",
            name=each.preset, text=[f"<b>{each.preset}</b>" if won else each.preset],
            textposition="top left" if each.speedup.median > furthest / 2 else "top right",
            marker={
                "size": [each.size_bytes], "sizemode": "area", "sizeref": largest / 34**2, "sizemin": 5,
                "color": PALETTE[index % len(PALETTE)], "opacity": 0.85, "line": {"width": 3 if won else 0, "color": "#0f766e"},
            },
            hovertemplate=f"{each.preset}: %{{x:.2f}} × as fast, {axis(found)} %{{y:.1f}}, {size} MB<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=1, line={"color": "#94a3b8", "width": 1, "dash": "dash"})
    figure = dressed(figure, "", axis(found))
    figure.update_xaxes(
        title_text="× the original's speed here; area: size",
        rangemode="tozero",
        showgrid=True,
        gridcolor="rgba(128,138,152,0.25)",
    )
    highest = max(rate(found, each) for each in found.timed)
    figure.update_yaxes(range=[-0.15 * max(10, highest), 1.15 * max(10, highest)])
    return figure.update_layout(height=360, margin={"l": 50, "r": 15, "t": 15, "b": 45})


def lineup_table(found: LineUp) -> pd.DataFrame:
    """A row a preset, fastest first."""
    order = sorted(found.timed, key=lambda each: -each.speedup.median)
    return pd.DataFrame(
        [
            {
                "preset": each.preset,
                "speed (× original)": "1" if each.preset == ORIGINAL else str(each.speedup).replace(" x", ""),
                "words changed": f"{each.changed} of {each.heard}",
                axis(found): f"{rate(found, each):.1f}",
                "size (MB)": f"{each.size_bytes / _MEGA:.1f}",
                "heard": each.text,
            }
            for each in order
        ]
    )
