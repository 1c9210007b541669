"""The engine openvino: where it computes in int8, how far it is from the float model, and what it says when it cannot."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import gradio as gr
import numpy as np
import pytest
import torch
from here import usable
from nearness import assert_near

from asrquant import PRESETS, Recognizer, quantize
from asrquant.audio.clip import Audio
from asrquant.base.errors import Cancelled, MissingDependencyError, PresetError
from asrquant.data.bundled import validation_clips
from asrquant.data.reading import read_clips
from asrquant.engines.openvino import encoder
from asrquant.engines.openvino.channels_last import GatheredConv, rewrite
from asrquant.engines.openvino.encoder import QUANTIZABLE, is_int8
from asrquant.engines.registry import unavailable
from asrquant.measure.benchmark import benchmark
from asrquant.model.engine_settings import OpenVino
from asrquant.model.footprint import quantized_modules
from asrquant.model.modules import get_module
from asrquant.model.presets import Preset, custom

MODEL = "encoder.wav2vec2.model"
NAMES = [name for name in ("openvino-fp32", "openvino-bf16", "openvino-int8") if not unavailable(PRESETS[name])]
# As for the other presets (test_engines): mean absolute difference of a probability, share of frames with the same best label.
TOLERANCE = {"openvino-fp32": (1e-5, 1.0), "openvino-bf16": (0.001, 0.99), "openvino-int8": (0.002, 0.98)}


# 4 transformer layers of 6, a head of 3, 1 projection, 7 convolutions as products; the positional one.
COUNTS = {"int8 MatMul": 35, "int8 GroupConvolution": 1}


@pytest.fixture(scope="module")
def quantized(an4: Recognizer) -> dict[str, Recognizer]:
    return {name: quantize(an4, name) for name in NAMES}


def under(recognizer: Recognizer, path: str) -> list:
    """The operations with weights that a module became."""
    return [
        operation
        for operation in recognizer.encoder.model.get_ops()
        if operation.get_type_name() in QUANTIZABLE and operation.get_friendly_name().startswith(path)
    ]


def test_int8_is_where_it_should_be(quantized: dict[str, Recognizer]) -> None:
    assert quantized_modules(quantized["openvino-int8"].encoder) == COUNTS
    assert [is_int8(operation) for operation in under(quantized["openvino-int8"], "__module.ctc_lin")] == [False]
    assert all(is_int8(operation) for operation in under(quantized["openvino-int8"], "__module.wav2vec2.model"))
    for name in set(NAMES) - {"openvino-int8"}:
        assert quantized_modules(quantized[name].encoder) == {}


@pytest.mark.long
def test_what_is_ignored_stays_float(an4: Recognizer) -> None:
    settings = OpenVino(
        int8=True,
        ignored=("ctc_output", "head", f"{MODEL}.encoder.layers.1", f"{MODEL}.feature_extractor.conv_layers.0"),
    )
    some = quantize(an4, Preset("some", "", settings))
    assert quantized_modules(some.encoder)["int8 MatMul"] == 35 - 3 - 6 - 1
    everything = quantize(an4, Preset("all", "", OpenVino(int8=True, ignored=())))
    assert quantized_modules(everything.encoder)["int8 MatMul"] == 36
    with pytest.raises(PresetError, match=r"no module 'encoder\.nothing'"):
        quantize(an4, Preset("x", "", OpenVino(int8=True, ignored=("encoder.nothing",))))


@pytest.mark.parametrize("name", usable(TOLERANCE))
def test_stays_near_the_float_model(an4: Recognizer, quantized: dict[str, Recognizer], examples, name: str) -> None:
    assert_near(an4, quantized[name], examples, *TOLERANCE[name])


def test_float32_says_the_same(an4: Recognizer, quantized: dict[str, Recognizer], examples) -> None:
    for example in examples:
        assert quantized["openvino-fp32"].transcribe(example.path).text == an4.transcribe(example.path).text


def test_word_error_rates_on_eval(an4: Recognizer, quantized: dict[str, Recognizer], an4_eval) -> None:
    report = benchmark([an4, *quantized.values()], read_clips(an4_eval))
    original, *others = (summary.errors.wer for summary in report.summaries)
    assert all(abs(wer - original) <= 1.0 for wer in others), (original, others)


@pytest.mark.parametrize(("kernel", "stride"), [(10, 5), (3, 2), (2, 2), (4, 4), (5, 2), (2, 3)])
def test_convolutions_as_products(kernel: int, stride: int) -> None:
    conv = torch.nn.Conv1d(6, 5, kernel, stride)
    assert GatheredConv.fits(conv)
    for length in range(kernel, kernel + 3 * stride):
        x = torch.randn(2, 6, length)
        assert torch.allclose(GatheredConv(conv)(x.transpose(1, 2)).transpose(1, 2), conv(x), atol=1e-5)


def test_what_is_rewritten(an4: Recognizer) -> None:
    other = rewrite(an4.encoder, an4.roles)
    assert other is not an4.encoder
    with torch.inference_mode():
        for length in (400, 1600, 16_001, 48_007):
            wave = torch.randn(2, length)
            assert torch.allclose(other(wave), an4.encoder(wave), atol=1e-4)
    for other in (torch.nn.Conv1d(4, 4, 2, groups=2), torch.nn.Conv1d(4, 4, 2, padding=1), torch.nn.Linear(4, 4)):
        assert not GatheredConv.fits(other)
    assert rewrite(an4.encoder, replace(an4.roles, feature_extractor="encoder.enc")) is an4.encoder


def test_any_batch_and_length(quantized: dict[str, Recognizer], an4: Recognizer) -> None:
    for shape in ((1, 1600), (3, 20_000), (1, 240_000)):
        wave = torch.randn(shape)
        assert torch.allclose(quantized["openvino-fp32"].encoder(wave), an4.encoder(wave), atol=1e-3)


def test_results_are_not_overwritten_by_the_next(quantized: dict[str, Recognizer], examples) -> None:
    first = quantized["openvino-int8"].log_probs(examples[0].audio())
    kept = first.clone()
    quantized["openvino-int8"].log_probs(examples[1].audio())
    assert torch.equal(first, kept)


def test_sizes(an4: Recognizer, quantized: dict[str, Recognizer]) -> None:
    assert quantized["openvino-fp32"].size_bytes() == pytest.approx(an4.size_bytes(), rel=0.02)
    assert quantized["openvino-int8"].size_bytes() < 0.3 * an4.size_bytes()


@pytest.mark.long
def test_ranges_by_quantiles_are_other_ranges(an4: Recognizer, quantized: dict[str, Recognizer], examples) -> None:
    preset = replace(PRESETS["openvino-int8"], settings=OpenVino(int8=True, ranges="mean-quantile"))
    audio = examples[0].audio()
    assert not torch.equal(quantize(an4, preset).log_probs(audio), quantized["openvino-int8"].log_probs(audio))


@pytest.mark.long
def test_accuracy_control_puts_layers_back(greedy: Recognizer) -> None:
    whole = PRESETS["openvino-int8-accurate"]
    # Fewer layers, as NNCF tries each of them by itself.
    preset = replace(whole, settings=replace(whole.settings, ignored=("ctc_output", "transformer_layers")))
    tone = Audio(np.sin(np.linspace(0, 5000, 32_000)).astype(np.float32))  # its ranges do not fit speech
    stages = []
    tuned = quantize(greedy, preset, [tone], lambda stage, done, total: stages.append(stage))
    blind = quantize(greedy, replace(preset, settings=replace(preset.settings, max_drop=None)), [tone])
    report = tuned.tuning
    assert report.max_drop == 0.5 and report.clips == 36 and len(report.trials) > 2
    original, everything, *_, last = (trial.wer for trial in report.trials)
    assert everything > original + 0.5  # there was something to mend
    assert last <= original + 0.5
    assert report.kept_float and all(get_module(greedy, path) for path in report.kept_float)
    counts = (sum(quantized_modules(recognizer.encoder).values()) for recognizer in (tuned, blind))
    assert next(counts) < next(counts)
    assert any(stage.startswith("validating, trial") for stage in stages)


@pytest.mark.long
def test_accuracy_control_leaves_alone_what_is_good(greedy: Recognizer) -> None:
    tuned = quantize(greedy, "openvino-int8-accurate", validation=validation_clips()[:6])
    assert tuned.tuning.kept_float == () and len(tuned.tuning.trials) == 3
    assert quantized_modules(tuned.encoder) == COUNTS


@pytest.mark.parametrize("stage", ["calibrating", "validating, trial 2"])
def test_cancel(greedy: Recognizer, stage: str) -> None:
    def stop(at: str, done: int, total: int) -> None:
        if at == stage:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        quantize(greedy, "openvino-int8-accurate", progress=stop, validation=validation_clips()[:3])


def test_bad_settings() -> None:
    with pytest.raises(PresetError, match="precision is 'f16'"):
        OpenVino(precision="f16")
    with pytest.raises(PresetError, match="max_drop is -1"):
        OpenVino(int8=True, max_drop=-1)
    with pytest.raises(PresetError, match="exclude each other"):
        OpenVino(int8=True, max_drop=0.5, smooth_quant=True)
    with pytest.raises(PresetError, match="takes no schemes by module"):
        custom({"head": "dynamic"}, base="openvino-int8")
    assert custom({}, base="openvino-int8", calibration_clips=3).engine == "openvino"


def test_without_clips(an4: Recognizer) -> None:
    with pytest.raises(PresetError, match="none were given"):
        quantize(an4, "openvino-int8", calibration=[])
    with pytest.raises(PresetError, match="validation clips"):
        quantize(an4, "openvino-int8-accurate", validation=[])


def test_without_bf16(an4: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "has_bf16", lambda: False)
    with pytest.raises(PresetError, match="does not compute in bfloat16"):
        quantize(an4, "openvino-bf16")


def test_without_openvino(an4: Recognizer, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("openvino", "nncf") else find(name))
    with pytest.raises(
        MissingDependencyError, match="needs openvino and nncf; install with: pip install openvino nncf"
    ):
        quantize(an4, "openvino-int8")
    from asrquant.ui import choices

    with gr.Blocks() as page:
        preset = choices.preset_and_settings("Compare").name
    assert [name for _, name in preset.choices if "openvino" in name] == []
    said = next(str(block.value) for block in page.blocks.values() if "aq-absent" in (block.elem_classes or []))
    assert "<del>openvino-int8</del>" in said and "pip install openvino nncf" in said
