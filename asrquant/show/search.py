"""What a search found → a chart of the Pareto front, a table, and sentences."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from asrquant.base.tables import rounded
from asrquant.measure.search.found import Checked, Found, Point, numbered
from asrquant.measure.search.trial import Trial, front
from asrquant.model.presets import Preset
from asrquant.show.comparison import dressed

_MEGA = 1e6
_FLOOR = 1e-6
"""Divergence below which the axis, which is logarithmic, shows none."""
ENGINES = {
    "": "original",
    "torch_eager": "PyTorch",
    "torch_fused": "PyTorch, fused",
    "openvino": "OpenVINO",
    "onnxruntime": "ONNX Runtime",
}
_COLORS = {
    "": "#64748b",
    "torch_eager": "#0d9488",
    "torch_fused": "#be185d",
    "openvino": "#7c3aed",
    "onnxruntime": "#d97706",
}


def search_table(found: Found) -> pd.DataFrame:
    """A row a point of the front, fastest first: what it is, and what it does on the clips of the search and on unseen ones."""
    return pd.DataFrame([_row(found, number, point) for number, point in numbered(found.points)])


def _row(found: Found, number: int, point: Point) -> dict[str, str]:
    checked, measured = point.checked, point.measured
    return {
        "#": f"{number}{' *' if number == found.recommended else ''}",
        "mixture": point.preset.summary if point.trial else "the original",
        "time (of the original's)": f"{measured.share:.2f}",
        "size (MB)": f"{measured.bytes / _MEGA:.2f}",
        "divergence (nats)": f"{measured.nats:.5f}",
        "unseen: divergence": f"{checked.nats:.5f} ({_between(checked)})" if checked else "",
        f"unseen: {found.measure} (points)": _change(checked) if checked else "",
        "unseen: speed-up": str(checked.speedup) if checked else "",
        "tried as": point.origin,
    }


def _between(checked: Checked) -> str:
    return f"{checked.nats_interval.low:.5f} to {checked.nats_interval.high:.5f}"


def _change(checked: Checked) -> str:
    if checked.change is None or checked.change_interval is None:
        return "n/a"
    low, high = (rounded(each, "+.1f") for each in (checked.change_interval.low, checked.change_interval.high))
    return f"{rounded(checked.change, '+.1f')} ({low} to {high})"


def trials_figure(trials: Sequence[Trial], recommended: Preset | None = None) -> go.Figure:
    """Every trial, divergence against time, a disc's area its size; the front's are full, the others pale.

    Args:
        trials: so far.
        recommended: of the front's, to be marked.
    """
    best, figure = {trial.number for trial in front(trials)}, go.Figure()
    largest = max((trial.measured.bytes for trial in trials if trial.measured), default=1)
    for engine, name in ENGINES.items():
        mine = [(trial, trial.measured) for trial in trials if trial.preset.engine == engine and trial.measured]
        if not mine:
            continue
        chosen = [recommended is not None and trial.preset.settings == recommended.settings for trial, _ in mine]
        figure.add_scatter(
            x=[measured.share for _, measured in mine], y=[max(measured.nats, _FLOOR) for _, measured in mine],
            mode="markers", name=name,
            marker={
                "size": [measured.bytes for _, measured in mine], "sizemode": "area", "sizeref": largest / 26**2, "sizemin": 4,
                "color": _COLORS[engine], "opacity": [0.95 if trial.number in best else 0.25 for trial, _ in mine],
                "line": {"color": "#0f766e", "width": [3 if each else 0 for each in chosen]},
            },
            text=[trial.preset.summary for trial, _ in mine],
            customdata=[measured.bytes / _MEGA for _, measured in mine],
            hovertemplate="%{text}<br>%{x:.2f} of the original's time, %{y:.5f} nats, %{customdata:.2f} MB<extra></extra>",
        )  # fmt: skip
    figure = dressed(figure, "Mixtures: divergence against time", "divergence (nats a frame)")
    figure.update_yaxes(type="log", exponentformat="power", dtick=1)
    figure.update_xaxes(title_text="share of the original's time; area: size", rangemode="tozero")
    legend = {"orientation": "h", "yanchor": "top", "y": -0.2, "x": 0}
    return figure.update_layout(showlegend=True, height=440, legend=legend)


def points_figure(found: Found) -> go.Figure:
    """The front, and what is recommended of it."""
    trials = [Trial(each.trial, each.origin, (), each.preset, each.measured) for each in found.points]
    return trials_figure(trials, found.points[found.recommended - 1].preset if found.recommended else None)


def about_search(found: Found) -> str:
    """How it was searched, in a line."""
    words = f", {found.words} words" if found.words else ", nobody says which words"
    end = "; nothing new was left to try" if found.exhausted else ""
    failed = f", {found.failed} of which could not be built" if found.failed else ""
    made = f"; static parts calibrated with {found.calibration}" if found.calibration else ""
    tried = f"{found.trials} trials{failed}, {found.minutes:.1f} minutes, seed {found.seed}"
    clips = f"on {found.clips} clips ({found.data})"
    others = f"unseen: {found.unseen} others{words}, decoder {found.decoder}"
    return f"Model {found.model}; {tried}, {clips}{end}; {others}; {found.conditions}{made}"


def recommendation(found: Found) -> str:
    """What is recommended, with its intervals, in a sentence; or why nothing is."""
    looked = sum(point.checked is not None for point in found.points)
    if found.recommended is None:
        return f"Nothing is recommended: of the {looked} points checked on unseen clips none holds {found.limits}, beyond doubt."
    point = found.points[found.recommended - 1]
    checked = point.checked
    if checked is None:
        raise ValueError(f"point {found.recommended} is recommended and was not checked")
    change = "" if checked.change is None else f", {found.measure} {_change(checked)} points"
    busy = "" if checked.steady else " Something else kept the machine busy meanwhile, so measure its speed again."
    size = f"{checked.bytes / _MEGA:.2f} MB of {found.float_bytes / _MEGA:.2f}"
    where = f"on {found.unseen} clips that the search has not seen ({looked} points were looked at there; limit: {found.limits})"
    return (
        f"Recommended: point {found.recommended}, {point.preset.summary}: {checked.speedup} the original's speed, {size}, "
        f"{checked.nats:.5f} nats a frame ({_between(checked)}){change}, {where}.{busy}"
    )
