"""Comparison → pandas tables and Plotly figures; ``charts.report`` does the same for a Report."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from asrquant.base.tables import rounded
from asrquant.measure.compare import Comparison, Measured
from asrquant.text.metrics import Spread

COLORS = ("#64748b", "#0d9488")
"""Original, quantized: apart in lightness as well as in hue, and legible on white and on black."""
RATES: dict[str, str] = {"WER": "Word error rate", "CER": "Character error rate"}
UNITS: dict[str, str] = {"WER": "words", "CER": "characters"}
BUSY = "not known: busy machine"
"""Stands for a change of times that were taken while something else had the processor."""
_MEGA = 1e6


def comparison_table(comparison: Comparison) -> pd.DataFrame:
    """A row a measure, a column a recognizer; the last column is the change."""
    first, second = comparison.original, comparison.quantized
    decoders = first.decoder_seconds.median / second.decoder_seconds.median
    changes = (
        (
            f"{comparison.speedup:.2f} × as fast",
            f"{decoders:.2f} × as fast",
            _change(first.encoder_rtf, second.encoder_rtf),
            _change(first.rtf, second.rtf),
        )
        if comparison.steady
        else (BUSY,) * 4
    )
    rows = [
        ("Encoder time (ms)", _milliseconds(first.encoder_seconds), _milliseconds(second.encoder_seconds), changes[0]),
        ("Decoder time (ms)", _milliseconds(first.decoder_seconds), _milliseconds(second.decoder_seconds), changes[1]),
        ("RTF, encoder", f"{first.encoder_rtf:.4f}", f"{second.encoder_rtf:.4f}", changes[2]),
        ("RTF, encoder and decoder", f"{first.rtf:.4f}", f"{second.rtf:.4f}", changes[3]),
        ("Size (MB)", f"{first.size_bytes / _MEGA:.1f}", f"{second.size_bytes / _MEGA:.1f}",
         _change(first.size_bytes, second.size_bytes)),
        *_accuracy_rows(comparison),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["Measure", *comparison.names, "Change"])


def _accuracy_rows(comparison: Comparison) -> list[tuple[str, str, str, str]]:
    """WER and CER of both, the main figure first; without a reference, how far the transcripts agree."""
    if comparison.wers is None or comparison.cers is None:
        return [("Agreement with the original (%)", "", f"{comparison.agreement:.1f}", "no reference, so no WER")]
    rows = [
        (f"{name} (%)", f"{first:.1f}", f"{second:.1f}", f"{rounded(second - first, '+.1f')} points")
        for name, (first, second) in (("WER", comparison.wers), ("CER", comparison.cers))
    ]
    return rows[::-1] if comparison.measure == "CER" else rows


def _milliseconds(seconds: Spread) -> str:
    return f"{1000 * seconds.median:.1f} ({1000 * seconds.low:.0f}–{1000 * seconds.high:.0f})"


def _change(before: float, after: float) -> str:
    return f"{rounded(100 * (after / before - 1), '+.0f')} %"


def speed_figure(comparison: Comparison) -> go.Figure:
    """The encoder's real-time factor of both, with the range of the runs."""
    figure = go.Figure()
    pair = (comparison.original, comparison.quantized)
    for name, measured, color in zip(comparison.names, pair, COLORS, strict=True):
        figure.add_bar(
            x=[name],
            y=[measured.encoder_rtf],
            marker_color=color,
            error_y=_error_bar(measured, comparison.audio_seconds),
            text=[f"{measured.encoder_rtf:.3f}"],
            hovertemplate="%{x}: %{y:.4f} s of work a second of audio<extra></extra>",
        )
    return _bars(figure, "Real-time factor, encoder", "RTF (work s / audio s)")


def accuracy_figure(comparison: Comparison) -> go.Figure:
    """The main error rate of both, or without a reference their agreement."""
    values, measure = comparison.rates or (100.0, comparison.agreement), comparison.measure
    figure = go.Figure()
    for name, value, color in zip(comparison.names, values, COLORS, strict=True):
        figure.add_bar(
            x=[name],
            y=[value],
            marker_color=color,
            text=[f"{value:.1f} %"],
            hovertemplate="%{x}: %{y:.1f} %<extra></extra>",
        )
    title, unit = (
        (RATES[measure], f"{measure} (%)")
        if comparison.rates
        else ("Agreement with the original", f"{UNITS[measure]} in common (%)")
    )
    figure = _bars(figure, title, unit)
    return figure.update_yaxes(range=[0, max(10, 1.15 * max(values))])


def nothing_wrong(comparison: Comparison) -> str:
    """What is said in the place of ``accuracy_figure`` where both rates are zero, and bars would be of no height; else empty."""
    if comparison.rates is None or any(comparison.rates):
        return ""
    return (
        f"{RATES[comparison.measure]}: 0 % for both, so there is nothing to draw: both heard every word that was said."
    )


def _error_bar(measured: Measured, audio_seconds: float) -> dict[str, object]:
    times = measured.encoder_seconds
    return {
        "type": "data",
        "symmetric": False,
        "array": [(times.high - times.median) / audio_seconds],
        "arrayminus": [(times.median - times.low) / audio_seconds],
        "color": "#94a3b8",
    }


def _bars(figure: go.Figure, title: str, unit: str) -> go.Figure:
    figure.update_traces(textposition="inside", insidetextanchor="start", textangle=0, width=0.6)
    return dressed(figure, title, unit).update_yaxes(rangemode="tozero")


def dressed(figure: go.Figure, title: str, unit: str) -> go.Figure:
    """Transparent, so that it sits on a light and on a dark page; a grey that both can carry."""
    figure.update_layout(
        title={"text": title, "font": {"size": 15}},
        showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#7c8694", "size": 13, "family": "system-ui, sans-serif"},
        margin={"l": 60, "r": 10, "t": 50, "b": 40},
        height=320,
    )
    figure.update_xaxes(showgrid=False, linecolor="#94a3b8")
    return figure.update_yaxes(title_text=unit, gridcolor="rgba(128,138,152,0.25)", zerolinecolor="#94a3b8")
