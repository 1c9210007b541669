"""A preset says by the type of its settings for which engine it is."""

from __future__ import annotations

import copy
import pickle
import warnings
from dataclasses import FrozenInstanceError, replace
from typing import get_args

import pytest
from pydantic import TypeAdapter

from asrquant import PRESETS, Calibration, OnnxRuntime, OpenVino, Preset, TorchEager, TorchFused, custom  # noqa: F401
from asrquant.base.errors import PresetError
from asrquant.engines.registry import engines, get_engine
from asrquant.model.engine_settings import EngineSettings


def test_the_type_of_the_settings_says_the_engine() -> None:
    assert Preset("x", "").engine == PRESETS["original"].engine == ""
    assert Preset("x", "", TorchEager()).engine == "torch_eager"
    assert Preset("x", "", OpenVino()).engine == "openvino"
    assert {kind.engine for kind in get_args(EngineSettings)} == set(engines())


def test_what_a_preset_needs() -> None:
    needs = {name: (preset.needs_calibration, preset.needs_validation) for name, preset in PRESETS.items()}
    assert [name for name, (clips, _) in needs.items() if clips] == [
        "mixed-int8", "mixed-int8-first-float", "speechbrain-int8", "static-int8", "everything-int8", "fused-static-int8",
        "fused-static-int8-qnnpack", "openvino-int8", "openvino-int8-first-float", "openvino-int8-accurate", "onnx-int8",
    ]  # fmt: skip
    assert [name for name, (_, references) in needs.items() if references] == ["openvino-int8-accurate"]


def test_an_engine_refuses_the_settings_of_another() -> None:
    with pytest.raises(PresetError, match=r"'openvino-int8' is of the engine openvino, not of torch_eager"):
        PRESETS["openvino-int8"].settings_for(TorchEager)
    with pytest.raises(PresetError, match="'original' is the float model itself, not of openvino"):
        PRESETS["original"].settings_for(OpenVino)
    with pytest.raises(PresetError, match="not of torch_eager"):
        get_engine("torch_eager").unfit(PRESETS["openvino-int8"], None)
    assert PRESETS["mixed-int8"].settings_for(TorchEager) is PRESETS["mixed-int8"].settings


@pytest.mark.parametrize("wrong", ["torch_eager", {"int8": True}, OpenVino, PRESETS["original"]])
def test_what_is_no_settings(wrong: object) -> None:
    with pytest.raises(
        PresetError,
        match=r"give TorchEager\(…\) or TorchFused\(…\) or OpenVino\(…\) or OnnxRuntime\(…\), or None for the float model",
    ):
        Preset("x", "", wrong)
    with pytest.raises(PresetError, match=r"give Calibration\(clips, seed\)"):
        Preset("x", "", None, wrong)


def test_bad_settings() -> None:
    with pytest.raises(PresetError, match="at least 1 clip"):
        Calibration(0)
    with pytest.raises(PresetError, match="dynamic_dtype is 'int3'; it can be qint8, float16"):
        TorchEager(dynamic_dtype="int3")
    with pytest.raises(PresetError, match="observer is 'eyes'"):
        TorchEager(observer="eyes")
    with pytest.raises(TypeError):
        TorchEager(("head",))
    with pytest.raises(FrozenInstanceError):
        PRESETS["original"].settings = OpenVino()


@pytest.mark.parametrize(
    "preset", [*PRESETS.values(), custom({"head": "dynamic"}, backend="fbgemm")], ids=lambda p: p.name
)
def test_a_preset_goes_through_json_pickle_and_copies(preset: Preset) -> None:
    form = TypeAdapter(Preset)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert form.validate_json(form.dump_json(preset)) == preset
        assert pickle.loads(pickle.dumps(preset)) == copy.deepcopy(preset) == replace(preset) == preset
        assert hash(copy.deepcopy(preset)) == hash(preset)
        assert eval(repr(preset)) == preset


def test_custom_changes_what_is_given_and_nothing_else() -> None:
    base = custom({"head": "dynamic"}, backend="fbgemm", observer="histogram", calibration_clips=2, calibration_seed=3)
    assert base.settings == TorchEager(dynamic=("head",), backend="fbgemm", observer="histogram")
    assert base.calibration == Calibration(2, 3) and (base.name, base.summary) == ("custom", "head: dynamic")
    changed = custom({"ctc_output": "static"}, base, backend=None, per_channel=True, name="mine", summary="words")
    settings = TorchEager(dynamic=("head",), static=("ctc_output",), observer="histogram", per_channel=True)
    assert changed == Preset("mine", "words", settings, Calibration(2, 3))
    assert custom({"head": "dynamic"}, base="original").settings == TorchEager(dynamic=("head",))


def test_custom_of_openvino() -> None:
    settings = OpenVino(int8=True, smooth_quant=True)
    assert custom({}, "openvino-fp32", openvino=settings, calibration_seed=1) == Preset(
        "custom", "openvino-fp32 with other settings", settings, Calibration(seed=1)
    )
    assert custom({}, openvino=settings).settings == settings
    with pytest.raises(PresetError, match="'openvino-int8' is OpenVINO's, where backend and observer would do nothing"):
        custom({}, "openvino-int8", backend="x86", observer="backend")
    with pytest.raises(PresetError, match="'mixed-int8' is PyTorch's, which has no settings of OpenVINO's"):
        custom({}, "mixed-int8", openvino=settings)
    with pytest.raises(PresetError, match="takes no schemes"):
        custom({"head": "dynamic"}, openvino=settings)


def test_custom_knows_its_settings() -> None:
    with pytest.raises(
        PresetError, match=r"no such setting: bits, engine; custom\(\) takes name, summary, dynamic_dtype"
    ):
        custom({"head": "dynamic"}, bits=4, engine="openvino")


@pytest.mark.parametrize(
    ("name", "was", "now"),
    [
        ("dynamic", ("transformer_layers", "head"), "settings.dynamic"),
        ("static", ("feature_extractor", "feature_projection"), "settings.static"),
        ("dynamic_dtype", "qint8", "settings.dynamic_dtype"),
        ("backend", None, "settings.backend"),
        ("observer", "min-max", "settings.observer"),
        ("per_channel", False, "settings.per_channel"),
        ("openvino", None, "settings"),
        ("calibration_clips", 10, "calibration.clips"),
        ("calibration_seed", 1337, "calibration.seed"),
    ],
)
def test_an_attribute_that_moved_answers_and_says_so(name: str, was: object, now: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"Preset\.{name} will go; read Preset\.{now} instead"):
        assert getattr(PRESETS["speechbrain-int8"], name) == was
    with pytest.warns(DeprecationWarning), pytest.raises(FrozenInstanceError):
        setattr(PRESETS["original"], name, getattr(PRESETS["original"], name))


def test_attributes_that_moved_of_other_engines() -> None:
    with pytest.warns(DeprecationWarning):
        assert PRESETS["openvino-int8"].openvino == OpenVino(int8=True)
        assert PRESETS["openvino-int8"].dynamic == () and PRESETS["original"].observer == "backend"
