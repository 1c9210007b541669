"""Divergence → where in a clip a quantized model answers otherwise, under the waveform, and a table of the changed words."""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from asrquant.measure.divergence import ChangedWord, Divergence
from asrquant.show.comparison import COLORS, dressed

_CHANGED = "#d97706"
_LABELS = 12
"""Words that are written into the chart, those with the largest divergence; the table has all."""


def divergence_figure(divergence: Divergence) -> go.Figure:
    """The waveform's outline, under it the divergence of each frame; bands where words changed."""
    seconds = [index * divergence.frame_seconds for index in range(len(divergence.nats))]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.35, 0.65], vertical_spacing=0.06)
    for sign in (1, -1):
        figure.add_scatter(
            x=seconds, y=[sign * peak for peak in divergence.peaks], row=1, col=1, mode="lines",
            line={"color": COLORS[0], "width": 1}, fill="tonexty" if sign < 0 else None, fillcolor=COLORS[0],
            hoverinfo="skip", name="waveform",
        )  # fmt: skip
    figure.add_scatter(
        x=seconds, y=divergence.nats, row=2, col=1, mode="lines", name="divergence", fill="tozeroy",
        line={"color": COLORS[1], "width": 1.5, "shape": "hv"},
        hovertemplate="%{x:.2f} s: %{y:.3f} nats<extra></extra>",
    )  # fmt: skip
    for change in divergence.changes:
        figure.add_vrect(x0=change.start, x1=change.end, fillcolor=_CHANGED, opacity=0.25, line_width=0)
    for index, change in enumerate(sorted(_loudest(divergence), key=lambda change: change.start)):
        figure.add_annotation(
            x=(change.start + change.end) / 2, y=1.02 + 0.06 * (index % 2), xref="x", yref="paper", yanchor="bottom",
            text=escape(str(change)), showarrow=False, font={"color": _CHANGED, "size": 12},
        )  # fmt: skip
    figure = dressed(figure, "Where the two models part", "").update_layout(
        height=380, margin={"l": 60, "r": 10, "t": 90, "b": 45}
    )
    figure.update_xaxes(range=[0, len(divergence.nats) * divergence.frame_seconds])
    figure.update_xaxes(title_text="time (s)", row=2, col=1)
    figure.update_yaxes(title_text="wave", showticklabels=False, showgrid=False, row=1, col=1)
    return figure.update_yaxes(title_text="divergence (nats)", rangemode="tozero", row=2, col=1)


def divergence_table(divergence: Divergence) -> pd.DataFrame:
    """The changed words at their place, and the clip as a whole."""
    rows = [
        (
            f"{change.start:.2f}–{change.end:.2f}",
            change.edit.first or "–",
            change.edit.second or "–",
            f"{change.nats:.3f}",
        )
        for change in divergence.changes
    ]
    peak, at = divergence.peak
    rows += [
        (f"{at:.2f}, the largest", "", "", f"{peak:.3f}"),
        ("whole clip, mean", "", "", f"{divergence.mean:.4f}"),
    ]
    return pd.DataFrame(rows, columns=["Time (s)", "Original", "Quantized", "Divergence (nats a frame)"])


def _loudest(divergence: Divergence) -> list[ChangedWord]:
    return sorted(divergence.changes, key=lambda change: change.nats, reverse=True)[:_LABELS]
