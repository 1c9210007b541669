"""Layers of a model → a treemap; what quantizing each part does → bars. A table for each."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from asrquant.base.tables import rounded
from asrquant.measure.layers import FLOAT, FUSED, Layer
from asrquant.measure.sensitivity import Effect, Sensitivity
from asrquant.model.modules import ModuleInfo
from asrquant.show.comparison import dressed

SCHEME_COLORS = {
    FLOAT: "#64748b", "dynamic int8": "#0d9488", "static int8": "#b45309", "dynamic float16": "#2563eb", "int8": "#7c3aed",
    FUSED: "#be185d",
    "dynamic": "#0d9488", "static": "#b45309",
}  # fmt: skip
_CONTAINER = "rgba(128,138,152,0.18)"
_LABEL = "#7c8694"
_MEGA = 1e6


def treemap_figure(layers: Sequence[Layer], parts: Sequence[ModuleInfo]) -> go.Figure:
    """The float model's layers, area by bytes, colour by what became of them.

    Args:
        layers: of ``measure.layers``.
        parts: of ``module_map``; they are the outer boxes.
    """
    # path → parent, label, colour, bytes, what the pointer shows
    boxes: dict[str, tuple[str, str, str, int, str]] = {"encoder": ("", "encoder", _CONTAINER, *_sums(layers))}
    for part in parts:
        inside = [layer for layer in layers if _is_in(layer.path, part.path)]
        if inside:
            boxes[part.path] = ("encoder", _short(part), _CONTAINER, *_sums(inside))
        for layer in inside:
            parent, label = part.path, layer.path.removeprefix(part.path + ".")
            if part.role == "transformer_layers":
                number, _, label = label.partition(".")
                parent = f"{part.path}.{number}"
                block = [other for other in inside if _is_in(other.path, parent)]
                boxes[parent] = (part.path, f"layer {number}", _CONTAINER, *_sums(block))
            if layer.path not in boxes:
                said = f"{layer.kind}, {layer.scheme}: {_megabytes(layer.before)} → {_megabytes(layer.after)}"
                boxes[layer.path] = (parent, label, SCHEME_COLORS[layer.scheme], layer.before, said)
    parents, labels, colors, values, pointed = zip(*boxes.values(), strict=True)
    text_colors = [_LABEL if color == _CONTAINER else "white" for color in colors]
    figure = go.Figure(
        go.Treemap(
            ids=list(boxes), parents=parents, labels=labels, values=values, customdata=pointed, branchvalues="total",
            marker={"colors": colors, "line": {"width": 1, "color": "rgba(255,255,255,0.5)"}}, tiling={"pad": 2},
            textinfo="label+percent root", textfont={"color": text_colors},
            hovertemplate="%{id}<br>%{customdata}<extra></extra>",
        )
    )  # fmt: skip
    for scheme in dict.fromkeys(layer.scheme for layer in layers):  # a treemap has no legend of its own
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=scheme, showlegend=True,
            marker={"color": SCHEME_COLORS[scheme], "symbol": "square", "size": 12},
        )  # fmt: skip
    figure = dressed(figure, "Weights by layer, area: bytes", "")
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    legend = {"orientation": "h", "x": 0, "y": -0.02, "yanchor": "top"}
    return figure.update_layout(height=480, margin={"l": 5, "r": 5, "t": 45, "b": 40}, showlegend=True, legend=legend)


def layers_table(layers: Sequence[Layer], parts: Sequence[ModuleInfo]) -> pd.DataFrame:
    """What became of each part, and of all together; weights only."""
    whole = sum(layer.before for layer in layers)
    rows = []
    for name, path in [*((_short(part), part.path) for part in parts), ("all", "encoder")]:
        inside = [layer for layer in layers if _is_in(layer.path, path)]
        before, after = sum(layer.before for layer in inside), sum(layer.after for layer in inside)
        schemes = ", ".join(dict.fromkeys(layer.scheme for layer in inside if layer.scheme != FLOAT))
        rows.append(
            (name, schemes or FLOAT, f"{100 * before / whole:.1f} %", f"{before / _MEGA:.2f}", f"{after / _MEGA:.2f}")
        )
    return pd.DataFrame(rows, columns=["Part", "Scheme", "Of the model", "Before (MB)", "After (MB)"])


def sensitivity_figure(found: Sensitivity) -> go.Figure:
    """What quantizing each part alone does to the answers, on a logarithmic axis, and where the limit lies."""
    names = [_name(effect) for effect in found.effects]
    figure = go.Figure()
    for scheme in dict.fromkeys(effect.groups[0].scheme for effect in found.effects):
        mine = [(name, e) for name, e in zip(names, found.effects, strict=True) if e.groups[0].scheme == scheme]
        figure.add_bar(
            y=[name for name, _ in mine], x=[max(effect.nats, 1e-6) for _, effect in mine], orientation="h", name=scheme,
            marker_color=SCHEME_COLORS[scheme], customdata=[effect.speedup for _, effect in mine],
            hovertemplate="%{y}: %{x:.4f} nats a frame, encoder %{customdata:.2f} x as fast<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=found.max_nats, line={"color": "#dc2626", "dash": "dot"})
    figure = dressed(figure, "Cost of quantizing each part alone", "")
    figure.update_xaxes(type="log", title_text="divergence (nats); red: limit", exponentformat="power", dtick=1)
    figure.update_yaxes(autorange="reversed", categoryorder="array", categoryarray=names, automargin=True)
    return figure.update_layout(height=150 + 30 * len(names), margin={"l": 10, "r": 10, "t": 50, "b": 50}, bargap=0.3)


def sensitivity_table(found: Sensitivity) -> pd.DataFrame:
    """A row a part and scheme, and the suggestion as a whole."""
    rows = [_effect_row(_name(effect), effect, found) for effect in found.effects]
    if found.suggested:
        rows.append(_effect_row("suggested, together", found.suggested, found))
    rates = ("CER (%)", "WER (%)") if found.errors.measure == "CER" else ("WER (%)", "CER (%)")
    columns = ["Only this quantized", "Divergence (nats)", "Speed-up", "Saves (MB)", *rates, "Suggested"]
    return pd.DataFrame(rows, columns=columns)


def _effect_row(name: str, effect: Effect, found: Sensitivity) -> tuple[str, ...]:
    kept = found.suggested is not None and set(effect.groups) <= set(found.suggested.groups)
    rates = ["n/a" if rate is None else f"{rate:.1f}" for rate in (effect.errors.wer, effect.errors.cer)]
    why_not = "too far" if effect.nats > found.max_nats else "slower" if effect.slower else ""
    return (
        name, f"{effect.nats:.5f}", f"{effect.speedup:.2f} x", rounded(effect.saved_bytes / _MEGA, ".2f"),
        *(rates[::-1] if found.errors.measure == "CER" else rates), "yes" if kept else why_not,
    )  # fmt: skip


def _name(effect: Effect) -> str:
    (group,) = effect.groups
    return f"{_tail(group.part)}, {group.scheme}"


def _short(part: ModuleInfo) -> str:
    return part.role or _tail(part.path)


def _tail(path: str) -> str:
    """What tells a long path from others."""
    return path if path.count(".") < 3 else "…" + ".".join(path.split(".")[-2:])


def _is_in(path: str, part: str) -> bool:
    return path == part or path.startswith(part + ".")


def _sums(layers: Sequence[Layer]) -> tuple[int, str]:
    before, after = sum(layer.before for layer in layers), sum(layer.after for layer in layers)
    return before, f"{_megabytes(before)} → {_megabytes(after)}"


def _megabytes(count: float) -> str:
    return f"{count / _MEGA:.2f} MB"
