"""What each layer became, and what quantizing each part alone costs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import asrquant
from asrquant.base.errors import Cancelled, PresetError
from asrquant.cli import main
from asrquant.measure.sensitivity import Effect, Group, possible_groups, sensitivity, suggest
from asrquant.model.footprint import quantized_modules
from asrquant.model.modules import module_map
from asrquant.show.modules import layers_table, sensitivity_figure, sensitivity_table, treemap_figure
from asrquant.text.metrics import WordErrors


@pytest.mark.parametrize(
    "preset", ["mixed-int8", "dynamic-float16", pytest.param("openvino-int8", marks=pytest.mark.long)]
)
def test_layers_are_what_the_quantized_model_has(an4, preset: str) -> None:
    quantized = asrquant.quantize(an4, preset)
    layers = asrquant.layers(an4, quantized)
    assert sum(layer.before for layer in layers) == sum(p.numel() * 4 for p in an4.encoder.parameters())
    # What the saved file has beside weights: names, scales, batch statistics, and for OpenVINO the graph.
    assert sum(layer.after for layer in layers) == pytest.approx(quantized.size_bytes(), rel=0.1)
    matrices = [
        layer for layer in layers if layer.scheme != "float" and layer.kind not in ("LayerNorm", "ParametrizedConv1d")
    ]
    assert len(matrices) == sum(quantized_modules(quantized.encoder).values())
    kept = {layer.path for layer in layers if layer.scheme == "float"}
    assert "encoder.ctc_lin.w" in kept


def test_of_the_original_nothing_changed(an4) -> None:
    layers = asrquant.layers(an4, an4)
    assert {layer.scheme for layer in layers} == {"float"} and all(layer.before == layer.after for layer in layers)


def test_the_treemap_holds_every_layer_once(an4) -> None:
    layers, parts = asrquant.layers(an4, asrquant.quantize(an4, "mixed-int8")), module_map(an4, an4.roles)
    boxes = treemap_figure(layers, parts).data[0]
    value = dict(zip(boxes.ids, boxes.values, strict=True))
    assert {layer.path for layer in layers} <= set(value)
    for parent in set(boxes.parents) - {""}:  # plotly draws nothing where the inner boxes do not fill the outer one
        assert value[parent] == sum(value[i] for i, p in zip(boxes.ids, boxes.parents, strict=True) if p == parent)
    table = layers_table(layers, parts)
    assert list(table["Part"])[-1] == "all" and float(table["Before (MB)"].iloc[-1]) == pytest.approx(17.62, abs=0.01)


@pytest.fixture(scope="module")
def found(greedy, examples):
    return sensitivity(greedy, examples[:4], max_nats=0.02)


def test_groups_are_the_parts_in_each_way(greedy) -> None:
    ways = {(group.part, group.scheme) for group in possible_groups(greedy)}
    assert ways == {
        ("feature_extractor", "static"), ("feature_projection", "static"), ("feature_projection", "dynamic"),
        ("transformer_layers", "dynamic"), ("head", "dynamic"), ("ctc_output", "static"), ("ctc_output", "dynamic"),
    }  # fmt: skip
    layers = {group.part for group in possible_groups(greedy, layers=True)} - {part for part, _ in ways}
    assert layers == {f"{greedy.roles.transformer_layers}.{index}" for index in range(4)}


def test_the_feature_extractor_is_what_hurts(found) -> None:
    """The embedded model's, as the README's tables have it: static int8 costs words, dynamic int8 does not."""
    worst = max(found.effects, key=lambda effect: effect.nats)
    assert worst.groups[0].part == "feature_extractor" and worst.nats > 10 * min(e.nats for e in found.effects)
    assert all(effect.saved_bytes > 0 for effect in found.effects)
    assert "feature_extractor" not in {group.part for group in found.suggested.groups}
    assert found.suggested.nats < worst.nats


def test_the_suggestion_is_a_preset_that_does_what_was_measured(found, greedy) -> None:
    quantized = asrquant.quantize(greedy, found.preset())
    assert greedy.size_bytes() - quantized.size_bytes() == found.suggested.saved_bytes
    with pytest.raises(PresetError, match="allow more"):
        replace(found, suggested=None).preset()


def effect(part: str, path: str, scheme: str, nats: float, high: float = 1.2) -> Effect:
    return Effect((Group(part, scheme, path),), nats, 1.0, high, 1, WordErrors(0, 0, 0, 1))


def test_what_is_suggested() -> None:
    effects = [
        effect("far", "m.far", "static", 0.5),
        effect("slow", "m.slow", "static", 0.0, high=0.8),
        effect("two", "m.two", "static", 0.002),
        effect("two", "m.two", "dynamic", 0.001),
        effect("m.far.0", "m.far.0", "dynamic", 0.005),
        effect("m.two.0", "m.two.0", "dynamic", 0.0),
    ]
    assert suggest(effects, 0.01) == (Group("two", "dynamic", "m.two"), Group("m.far.0", "dynamic", "m.far.0"))


def test_the_charts_say_the_same(found) -> None:
    table, figure = sensitivity_table(found), sensitivity_figure(found)
    assert len(table) == len(found.effects) + 1 and table["Suggested"].iloc[0] == "too far"
    drawn = {name: value for bar in figure.data for name, value in zip(bar.y, bar.x, strict=True)}
    assert drawn["feature_extractor, static"] == found.effects[0].nats


def test_it_can_be_cancelled(greedy, examples) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        sensitivity(greedy, examples[:1], progress=stop)


@pytest.mark.long
def test_from_the_terminal(capsys, tmp_path) -> None:
    out, chart = tmp_path / "found.json", tmp_path / "map.html"
    assert main(["sensitivity", "--decoder", "greedy", "--max-divergence", "0.00001", "--json", str(out)]) == 0
    said = capsys.readouterr().out
    assert "feature_extractor, static" in said and "--max-divergence allows more" in said
    assert json.loads(out.read_text())["suggested"] is None
    assert main(["modules", "--preset", "mixed-int8", "--html", str(chart)]) == 0
    assert "static int8" in capsys.readouterr().out and "plotly" in chart.read_text()
