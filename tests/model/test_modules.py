from __future__ import annotations

import pytest
import torch
from torch import nn

from asrquant import get_module, module_map, set_module
from asrquant.base.errors import PresetError
from asrquant.model.footprint import serialized_bytes
from asrquant.model.modules import module_bytes, not_dynamic, not_static


class Model:
    """Anything with mods."""

    def __init__(self) -> None:
        self.mods = nn.ModuleDict({"encoder": nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(4, 4), nn.ReLU()])})})


def test_get_and_set_by_path() -> None:
    model = Model()
    assert isinstance(get_module(model, "encoder.layers.0"), nn.Linear)
    new = nn.Identity()
    set_module(model, "encoder.layers.0", new)
    assert get_module(model, "encoder.layers.0") is new
    set_module(model, "encoder.layers", new)
    assert get_module(model, "encoder.layers") is new


@pytest.mark.parametrize("path", ["encoder.nothing", "encoder.layers.7", "encoder.layers.0.weight", ""])
def test_says_how_far_a_path_exists(path: str) -> None:
    with pytest.raises(PresetError, match=r"no module|not a module"):
        get_module(Model(), path)


def test_what_can_be_quantized_how() -> None:
    conv, norm, linear = nn.Conv1d(2, 2, 1), nn.BatchNorm1d(2), nn.Linear(2, 2)
    assert not_dynamic(nn.Sequential(conv)) and not_static(nn.Sequential(conv)) is None
    assert not_dynamic(linear) is None and not_static(linear) is None
    assert not_static(nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))) is None
    assert "has to be fused first" in (not_static(nn.Sequential(conv, norm)) or "")
    assert "batch normalisation" in (not_static(nn.Sequential(linear, norm)) or "")
    assert "attention" in (not_static(nn.ModuleList([nn.MultiheadAttention(2, 1)])) or "")
    weighted = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv1d(2, 2, 1)))
    assert "parametrized" in (not_static(weighted) or "")
    assert "recurrent" in (not_static(nn.LSTM(2, 2)) or "")
    assert not_static(nn.ReLU()) and not_dynamic(nn.ReLU())


def test_the_map_covers_the_whole_encoder(an4) -> None:
    rows = module_map(an4, an4.roles)
    assert sum(row.bytes for row in rows) == module_bytes(an4.encoder)
    assert sum(row.share for row in rows) == pytest.approx(1)
    by_role = {row.role: row for row in rows if row.role}
    assert by_role["transformer_layers"].static and not by_role["transformer_layers"].dynamic
    assert by_role["feature_extractor"].dynamic and not by_role["feature_extractor"].static
    positional = next(row for row in rows if row.path.endswith("pos_conv_embed"))
    assert positional.dynamic and positional.static


def test_serialized_size_is_what_torch_saves(an4, tmp_path) -> None:
    torch.save(an4.encoder.state_dict(), tmp_path / "weights.pt")
    assert serialized_bytes(an4.encoder) == pytest.approx((tmp_path / "weights.pt").stat().st_size, rel=0.001)
