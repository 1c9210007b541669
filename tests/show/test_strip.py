"""The strip of blocks says of a preset what it really makes of the embedded model's parts."""

from __future__ import annotations

import pytest

from asrquant import PRESETS, quantize
from asrquant.measure.layers import layers
from asrquant.model.engine_settings import FIRST_CONVOLUTION
from asrquant.model.recognizer import Recognizer
from asrquant.show.strip import strip

FOREIGN = tuple(name for name in PRESETS if name.startswith(("openvino", "onnx")))
POSITIONS = "pos_conv_embed"


def made(original: Recognizer, preset: str) -> dict[str, set[bool | str]]:
    """Role → what became of its matrices and kernels."""
    found: dict[str, set[bool | str]] = {}
    for layer in layers(original, quantize(original, preset)):
        if layer.kind not in ("Linear", "Conv1d", "ParametrizedConv1d"):
            continue
        roles = [
            role for role in vars(original.roles) if (path := original.roles.path(role)) and layer.path.startswith(path)
        ]
        role = "positions" if POSITIONS in layer.path else roles[0]
        first = role == "feature_extractor" and FIRST_CONVOLUTION not in found
        found.setdefault(FIRST_CONVOLUTION if first else role, set()).add(layer.scheme)
    return found


@pytest.mark.parametrize(
    "preset",
    [
        name if name not in FOREIGN else pytest.param(name, marks=pytest.mark.long)
        for name, each in PRESETS.items()
        if strip(each) and not each.needs_validation and name != "openvino-bf16"
    ],
)
def test_the_strip_is_what_was_made(greedy: Recognizer, preset: str) -> None:
    really = made(greedy, preset)
    for block in strip(PRESETS[preset]):
        expected = {"float32": "float", "float16": "dynamic float16"}.get(block.scheme, block.scheme)
        if preset in FOREIGN:  # whose layers say int8 and no more
            expected = expected.split()[-1]
        assert really[block.role] == {expected}, block


def test_presets_for_models_of_another_shape_have_none() -> None:
    assert strip(PRESETS["fused-static-int8"]) == ()
    assert {each.scheme for each in strip(PRESETS["openvino-bf16"])} == {"bf16"}
    assert len(strip(PRESETS["original"])) == 7
