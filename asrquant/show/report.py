"""Report → pandas tables and Plotly figures, and which words went wrong where."""

from __future__ import annotations

from collections import Counter
from statistics import median

import pandas as pd
import plotly.graph_objects as go

from asrquant.base.tables import rounded
from asrquant.measure.deployment import Deployment
from asrquant.measure.report import Interval, Rate, Report, Summary
from asrquant.show.comparison import dressed
from asrquant.text.metrics import align_words
from asrquant.text.normalize import Normalization

PALETTE = (
    "#64748b", "#0d9488", "#d97706", "#7c3aed", "#db2777", "#2563eb", "#65a30d", "#dc2626", "#0891b2", "#a16207", "#9333ea",
)  # fmt: skip
_MEGA = 1e6
_BELOW = {"orientation": "h", "yanchor": "top", "y": -0.22, "x": 0}
"""A legend under the chart, where a narrow screen has room."""


def report_table(report: Report) -> pd.DataFrame:
    """A row a preset: WER and CER, the main one first, its change, with 95 % intervals; RTF, speed-up, latency, size."""
    return pd.DataFrame([_table_row(summary) for summary in report.summaries])


def accuracy_columns(report: Report) -> list[str]:
    """Of ``report_table``, the columns on errors, with the presets' names."""
    return ["preset", *(f"{rate.name} (%)" for rate in _rates(report.summaries[0])), "change (points)"]


def _rates(summary: Summary) -> tuple[Rate, Rate]:
    """The main one first."""
    return (summary.cer, summary.wer) if summary.errors.measure == "CER" else (summary.wer, summary.cer)


def _table_row(summary: Summary) -> dict[str, str]:
    deployment, main = summary.deployment, summary.main
    return {
        "preset": summary.preset,
        **{f"{rate.name} (%)": _number(rate.value, ".1f", rate.interval) for rate in _rates(summary)},
        "change (points)": "" if main.change_interval is None else _number(main.change, "+.1f", main.change_interval),
        "RTF encoder": f"{summary.encoder_rtf:.4f}",
        "RTF whole": f"{summary.rtf:.4f}",
        "encoder speed-up": f"{summary.speedup:.2f} x",
        "p50 / p95 (ms)": f"{1000 * summary.p50:.0f} / {1000 * summary.p95:.0f}",
        "size (MB)": f"{summary.size_bytes / _MEGA:.1f}",
        "build (s)": "n/a" if summary.build_seconds is None else f"{summary.build_seconds:.1f}",
        "load (s)": "n/a" if deployment is None else f"{deployment.load_seconds:.2f}",
        "peak (MB)": _peak(deployment),
    }


def _peak(deployment: Deployment | None) -> str:
    """Such as ``417 (28)``: all of it, and what is not Python and its libraries."""
    if deployment is None or deployment.peak_bytes is None or deployment.own_bytes is None:
        return "n/a"
    return f"{deployment.peak_bytes / _MEGA:.0f} ({rounded(deployment.own_bytes / _MEGA, '.0f')})"


def _number(value: float | None, form: str, interval: Interval | None) -> str:
    if value is None:
        return "n/a"
    between = f" ({rounded(interval.low, form)} to {rounded(interval.high, form)})" if interval else ""
    return rounded(value, form) + between


def pareto(summaries: tuple[Summary, ...]) -> tuple[Summary, ...]:
    """Those that no other beats in both WER and RTF, fastest first. In place of WER, CER where it is the main figure."""
    front: list[Summary] = []
    for summary in sorted(summaries, key=lambda s: (s.encoder_rtf, s.errors.rate or 0.0)):
        if not front or (summary.errors.rate or 0.0) < (front[-1].errors.rate or 0.0):
            front.append(summary)
    return tuple(front)


def tradeoff_figure(report: Report) -> go.Figure:
    """WER (or CER, the main figure) against encoder RTF, a disc a preset with the size as its area, and the Pareto front."""
    figure = go.Figure()
    front = pareto(report.summaries)
    figure.add_scatter(
        x=[s.encoder_rtf for s in front], y=[s.errors.rate for s in front], mode="lines", name="Pareto front",
        line={"color": "#94a3b8", "dash": "dot"}, hoverinfo="skip",
    )  # fmt: skip
    largest = max(summary.size_bytes for summary in report.summaries)
    for summary, color in zip(report.summaries, _colors(report), strict=True):
        value, interval, size = summary.main.value, summary.main.interval, f"{summary.size_bytes / _MEGA:.1f}"
        figure.add_scatter(
            x=[summary.encoder_rtf], y=[value], mode="markers", name=summary.preset,
            marker={"size": [summary.size_bytes], "sizemode": "area", "sizeref": largest / 30**2, "sizemin": 4, "color": color},
            error_y=None if interval is None or value is None else {
                "type": "data", "symmetric": False, "array": [interval.high - value],
                "arrayminus": [value - interval.low], "color": color, "thickness": 1,
            },
            hovertemplate=f"{summary.preset}: {report.measure} %{{y:.1f}} %, RTF %{{x:.4f}}, {size} MB<extra></extra>",
        )  # fmt: skip
    figure = dressed(figure, "Accuracy against speed", f"{report.measure} (%), 95 % interval")
    figure.update_xaxes(title_text="encoder RTF; area: size", rangemode="tozero")
    return figure.update_layout(showlegend=True, height=480, legend=_BELOW)


def speed_figure(report: Report) -> go.Figure:
    """The encoder's RTF of every preset over the whole data, with the middle of its clips' range."""
    figure = go.Figure()
    for summary, color in zip(report.summaries, _colors(report), strict=True):
        low, high = summary.rtf_spread.low, summary.rtf_spread.high
        figure.add_bar(
            x=[summary.encoder_rtf], y=[summary.preset], orientation="h", marker_color=color, name=summary.preset,
            error_x={"type": "data", "symmetric": False, "array": [max(0.0, high - summary.encoder_rtf)],
                     "arrayminus": [max(0.0, summary.encoder_rtf - low)], "color": "#94a3b8"},
            hovertemplate=f"{summary.preset}: RTF %{{x:.4f}}, clips {low:.4f} to {high:.4f}<extra></extra>",
        )  # fmt: skip
    figure = dressed(figure, "Real-time factor, encoder<br><sup>lines: fastest to slowest clip</sup>", "")
    figure.update_xaxes(title_text="RTF (work s / audio s)", rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return figure.update_layout(height=130 + 34 * len(report.summaries), margin={"l": 160, "r": 10, "t": 60, "b": 50})


def latency_figure(report: Report) -> go.Figure:
    """Latency of every clip over its length."""
    figure = go.Figure()
    for summary, color in zip(report.summaries, _colors(report), strict=True):
        rows = [row for row in report.rows if row.preset == summary.preset]
        figure.add_scatter(
            x=[row.audio_seconds for row in rows], y=[1000 * row.seconds for row in rows], mode="markers",
            name=summary.preset, marker={"color": color, "size": 6, "opacity": 0.75},
            hovertemplate=f"{summary.preset}: %{{y:.0f}} ms for %{{x:.1f}} s<extra></extra>",
        )  # fmt: skip
    figure = dressed(figure, "Latency over clip length", "encoder and decoder (ms)")
    figure.update_xaxes(title_text="clip length (s)", rangemode="tozero")
    return figure.update_yaxes(rangemode="tozero").update_layout(showlegend=True, height=460, legend=_BELOW)


def latency_table(report: Report) -> pd.DataFrame:
    """Median latency in ms of every preset in each third of the clips, by their length."""
    lengths = sorted({(row.audio_seconds, row.utterance) for row in report.rows})
    size = -(-len(lengths) // 3)
    thirds = [lengths[start : start + size] for start in range(0, len(lengths), size)]
    rows: list[dict[str, str]] = []
    for summary in report.summaries:
        took = {row.utterance: 1000 * row.seconds for row in report.rows if row.preset == summary.preset}
        medians = {
            f"{third[0][0]:.1f}–{third[-1][0]:.1f} s, {len(third)} clip{'s' * (len(third) > 1)}": median(
                took[clip] for _, clip in third
            )
            for third in thirds
        }
        rows.append(
            {"median latency (ms)": summary.preset, **{name: f"{value:.0f}" for name, value in medians.items()}}
        )
    return pd.DataFrame(rows)


def lost_words(report: Report, preset: str, limit: int = 20) -> pd.DataFrame:
    """Words of the references that a preset gets wrong and the first one does not, most frequent first."""
    first = report.summaries[0].preset
    by_clip = {(row.utterance, row.preset): row for row in report.rows}
    counts: Counter[tuple[str, str]] = Counter()
    for (utterance, name), row in by_clip.items():
        if name == preset:
            before = by_clip[utterance, first].hypothesis
            counts.update(_lost(before, row.hypothesis, row.reference, report.normalization))
    return pd.DataFrame(
        [(said, heard or "nothing", count) for (said, heard), count in counts.most_common(limit)],
        columns=["said", "heard instead", "times"],
    )


def lost_figure(report: Report, limit: int = 20) -> go.Figure:
    """How often each word is newly wrong, stacked by preset."""
    tables = {s.preset: lost_words(report, s.preset, 10_000) for s in report.summaries[1:]}
    total: Counter[str] = Counter()
    for table in tables.values():
        for said, times in zip(table["said"], table["times"], strict=True):
            total[said] += int(times)
    words = [word for word, _ in total.most_common(limit)]
    figure = go.Figure()
    for (preset, table), color in zip(tables.items(), _colors(report)[1:], strict=True):
        times = table.groupby("said")["times"].sum() if len(table) else {}
        figure.add_bar(
            x=words, y=[int(times.get(word, 0)) for word in words], name=preset, marker_color=color,
            hovertemplate=f"%{{x}}: newly wrong %{{y}} times in {preset}<extra></extra>",
        )  # fmt: skip
    figure = dressed(figure, "Words that quantization lost", "times newly wrong")
    return figure.update_layout(barmode="stack", showlegend=True, height=460, legend=_BELOW)


def bad_table(report: Report) -> pd.DataFrame:
    """The rows that could not be used."""
    return pd.DataFrame([(row.id, row.reason) for row in report.bad], columns=["row", "why it could not be used"])


def notices_table(report: Report) -> pd.DataFrame:
    """The clips of which people should know how they were read."""
    return pd.DataFrame([(each.id, each.text) for each in report.notices], columns=["row", "how it was read"])


def _lost(before: str, after: str, reference: str, rules: Normalization) -> list[tuple[str, str]]:
    """(said, heard) of the reference's words that ``before`` has and ``after`` has not."""
    right = [edit.operation == "=" for edit in align_words(reference, before, rules) if edit.operation != "I"]
    now = [edit for edit in align_words(reference, after, rules) if edit.operation != "I"]
    return [(e.first, e.second) for was_right, e in zip(right, now, strict=True) if was_right and e.operation != "="]


def _colors(report: Report) -> list[str]:
    return [PALETTE[index % len(PALETTE)] for index in range(len(report.summaries))]
