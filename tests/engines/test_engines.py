"""Quantization really happens, exactly where it should, and leaves the original alone."""

from __future__ import annotations

import copy

import pytest
import torch
from nearness import assert_near

from asrquant import PRESETS, Audio, Recognizer, custom, quantize
from asrquant.base.errors import Cancelled, PresetError
from asrquant.engines.registry import engines, get_engine
from asrquant.engines.torch_eager.recipe import StaticQuant, default_backend, use_backend
from asrquant.measure.divergence import kl_divergence
from asrquant.model.engine_settings import TorchEager
from asrquant.model.footprint import compact_state_dict, quantized_modules
from asrquant.model.modules import module_bytes

# Modules of each quantized class: 4 transformer layers of 6 Linear and a head of 3; 7 convolutions and 1 projection.
COUNTS = {
    "dynamic-int8": {"dynamic Linear": 27},
    "mixed-int8": {"dynamic Linear": 27, "static Conv1d": 7, "static Linear": 1},
    "mixed-int8-first-float": {"dynamic Linear": 27, "static Conv1d": 6, "static Linear": 1},
    "speechbrain-int8": {"dynamic Linear": 27, "static Conv1d": 7, "static Linear": 1},
    "static-int8": {"static Conv1d": 7, "static Linear": 1},
    "dynamic-float16": {"dynamic Linear": 27},
    "everything-int8": {"dynamic Linear": 28, "static Conv1d": 7, "static Linear": 1},
}
# How far each preset may be from the float model on the bundled examples: mean absolute difference of a probability, and
# share of frames with the same best label. speechbrain-int8 has no bound: that it fails is what it is kept to show.
TOLERANCE = {
    "dynamic-int8": (0.001, 0.99),
    "mixed-int8": (0.01, 0.92),
    "mixed-int8-first-float": (0.003, 0.97),
    "static-int8": (0.01, 0.92),
    "dynamic-float16": (0.0001, 0.999),
    "everything-int8": (0.01, 0.92),
}


@pytest.fixture(scope="module")
def clip(examples) -> Audio:
    return examples[0].audio()


@pytest.fixture(scope="module")
def quantized(an4: Recognizer) -> dict[str, Recognizer]:
    return {name: quantize(an4, name) for name in COUNTS}


@pytest.mark.parametrize("name", COUNTS)
def test_the_right_modules_are_quantized(quantized: dict[str, Recognizer], name: str) -> None:
    assert quantized_modules(quantized[name].encoder) == COUNTS[name]
    assert quantized[name].backend == default_backend()
    assert quantized[name].preset.name == name


def test_the_first_convolution_is_what_costs(an4: Recognizer, quantized: dict[str, Recognizer], examples) -> None:
    clips = [example.audio() for example in examples]

    def nats(name: str) -> float:
        return float(torch.cat([kl_divergence(an4.log_probs(c), quantized[name].log_probs(c)) for c in clips]).mean())

    assert nats("mixed-int8-first-float") < 0.3 * nats("mixed-int8")


def test_what_is_float_inside_of_what_is_quantized(an4: Recognizer) -> None:
    layers = "encoder.wav2vec2.model.feature_extractor.conv_layers"
    third = quantize(an4, custom({f"{layers}.2": "float"}, base="static-int8", calibration_clips=1))
    kinds = dict(_static_layers(third))
    assert "2" not in kinds and {"0", "1", "3", "6"} <= set(kinds)
    inner = custom({"encoder.wav2vec2.model.encoder.layers.1": "float"}, base="dynamic-int8")
    assert quantized_modules(quantize(an4, inner).encoder) == {"dynamic Linear": 21}
    assert custom({"feature_extractor": "float"}, base="static-int8").settings == TorchEager(
        static=("feature_projection",)
    )
    with pytest.raises(PresetError, match="nothing"):
        quantize(an4, custom({"encoder.nothing": "float"}, base="dynamic-int8"))


def _static_layers(recognizer: Recognizer) -> list[tuple[str, str]]:
    """(number of the convolutional layer, class) of each that PyTorch runs in int8."""
    found = []
    for path, module in recognizer.encoder.named_modules():
        if "conv_layers." in path and type(module).__module__.startswith("torch.ao.nn.quantized"):
            found.append((path.split("conv_layers.")[1].split(".")[0], type(module).__name__))
    return found


@pytest.mark.parametrize("name", COUNTS)
def test_bytes_go_down_in_memory_and_on_disk(an4: Recognizer, quantized: dict[str, Recognizer], name: str) -> None:
    assert module_bytes(quantized[name].encoder) < module_bytes(an4.encoder)
    assert quantized[name].size_bytes() < an4.size_bytes()


@pytest.mark.parametrize("name", TOLERANCE)
def test_stays_near_the_float_model(an4: Recognizer, quantized: dict[str, Recognizer], examples, name: str) -> None:
    assert_near(an4, quantized[name], examples, *TOLERANCE[name])


@pytest.mark.parametrize("name", ["dynamic-int8", "static-int8", "speechbrain-int8"])
def test_int8_is_really_computed(an4: Recognizer, quantized: dict[str, Recognizer], clip: Audio, name: str) -> None:
    assert not torch.equal(an4.log_probs(clip), quantized[name].log_probs(clip))


def test_only_ctc_lin_in_everything(quantized: dict[str, Recognizer]) -> None:
    assert not quantized_modules(quantized["mixed-int8"].encoder.ctc_lin)
    assert quantized_modules(quantized["everything-int8"].encoder.ctc_lin) == {"dynamic Linear": 1}


@pytest.mark.parametrize("name", COUNTS)
def test_the_original_stays_as_it_is_to_the_bit(an4: Recognizer, clip: Audio, name: str) -> None:
    weights = copy.deepcopy(an4.encoder.state_dict())
    before = an4.log_probs(clip)
    quantize(an4, name)
    assert torch.equal(an4.log_probs(clip), before)
    assert weights.keys() == an4.encoder.state_dict().keys()
    assert all(torch.equal(value, weights[key]) for key, value in an4.encoder.state_dict().items())


def test_the_preset_original_is_the_model_itself(an4: Recognizer) -> None:
    assert quantize(an4, "original") is an4


def test_same_clips_and_seed_give_the_same_model(an4: Recognizer, quantized, clip: Audio) -> None:
    again = quantize(an4, "mixed-int8")
    assert torch.equal(again.log_probs(clip), quantized["mixed-int8"].log_probs(clip))
    other = quantize(an4, custom({}, base="mixed-int8", calibration_seed=5))
    assert not torch.equal(other.log_probs(clip), again.log_probs(clip))


def test_log_probs_do_not_depend_on_the_batch(quantized, clip: Audio) -> None:
    wave = torch.from_numpy(clip.samples)[None]
    encoder = quantized["dynamic-float16"].encoder
    with torch.inference_mode():
        assert torch.allclose(encoder(wave.repeat(2, 1))[1], encoder(wave)[0], atol=1e-4)


def test_float16_weights_are_saved_in_float16_without_loss(quantized) -> None:
    encoder = quantized["dynamic-float16"].encoder
    full, compact = encoder.state_dict(), compact_state_dict(encoder)
    packed = [key for key in compact if key.endswith("_packed_params") and compact[key][0].dtype == torch.float16]
    assert len(packed) == 27
    assert all(torch.equal(compact[key][0].float(), full[key][0]) for key in packed)


def test_custom_by_path_role_and_settings(an4: Recognizer, clip: Audio) -> None:
    preset = custom(
        {"head": "dynamic", "encoder.wav2vec2.model.encoder.layers.0": "dynamic", "feature_extractor": "static"},
        backend="fbgemm", observer="moving-average", per_channel=True, calibration_clips=2, calibration_seed=3,
    )  # fmt: skip
    result = quantize(an4, preset)
    assert quantized_modules(result.encoder) == {"dynamic Linear": 9, "static Conv1d": 7}
    assert result.backend == "fbgemm"
    assert result.log_probs(clip).shape == an4.log_probs(clip).shape


def test_custom_starts_from_a_preset(an4: Recognizer) -> None:
    preset = custom({"feature_extractor": "float", "ctc_output": "dynamic"}, base="mixed-int8")
    assert preset.settings.static == ("feature_projection",)
    assert quantized_modules(quantize(an4, preset).encoder) == {"dynamic Linear": 28, "static Linear": 1}


@pytest.mark.parametrize("observer", ["min-max", "moving-average", "histogram", "backend"])
@pytest.mark.parametrize("backend", ["fbgemm", "x86", "onednn", "qnnpack"])
def test_every_backend_and_observer(an4: Recognizer, clip: Audio, observer: str, backend: str) -> None:
    if backend not in torch.backends.quantized.supported_engines:
        pytest.skip(f"this build of PyTorch has no {backend}")
    preset = custom({"feature_projection": "static", "head": "dynamic"}, backend=backend, observer=observer)
    before = torch.backends.quantized.engine
    result = quantize(an4, preset)
    assert torch.backends.quantized.engine == before
    assert result.log_probs(clip).isfinite().all()


@pytest.mark.parametrize(
    ("schemes", "says"),
    [
        ({"encoder.nothing": "dynamic"}, "no module 'encoder.nothing'"),
        ({"transformer_layers": "static"}, "attention .* has no static"),
        ({"head": "static"}, "batch normalisation"),
        ({"encoder.wav2vec2.model.encoder.pos_conv_embed": "static"}, "parametrized"),
        ({"feature_extractor": "dynamic"}, "cannot be quantized dynamically"),
        ({"head": "int4"}, "a scheme is one of"),
        ({"head": "float"}, "quantizes nothing"),
        (
            {"feature_projection": "static", "encoder.wav2vec2.model.feature_projection.projection": "dynamic"},
            "overlap",
        ),
    ],
)
def test_says_which_module_and_why(an4: Recognizer, schemes: dict[str, str], says: str) -> None:
    with pytest.raises(PresetError, match=says):
        quantize(an4, custom(schemes))


def test_refuses_settings_that_mean_nothing(an4: Recognizer) -> None:
    with pytest.raises(PresetError, match="no preset 'fast'"):
        quantize(an4, "fast")
    with pytest.raises(PresetError, match="backend is 'tpu'"):
        custom({"head": "dynamic"}, backend="tpu")
    with pytest.raises(PresetError, match="no such setting"):
        custom({"head": "dynamic"}, bits=4)
    with pytest.raises(PresetError, match="calibration clips is 0"):
        custom({"head": "dynamic"}, calibration_clips=0)
    with pytest.raises(PresetError, match="none were given"):
        quantize(an4, "static-int8", calibration=[])
    with pytest.raises(PresetError, match="dynamic and static at once"):
        TorchEager(dynamic=("head",), static=("head",))
    with pytest.raises(PresetError, match="not in this build"), use_backend("nonsense"):
        pass


def test_refuses_to_quantize_twice(quantized: dict[str, Recognizer]) -> None:
    with pytest.raises(PresetError, match="quantized already"):
        quantize(quantized["dynamic-int8"], "static-int8")


def test_own_calibration_clips(an4: Recognizer, examples, clip: Audio) -> None:
    mine = quantize(an4, "static-int8", calibration=[examples[1], examples[2].path, clip])
    assert quantized_modules(mine.encoder) == COUNTS["static-int8"]


def test_progress_and_cancel(an4: Recognizer) -> None:
    seen: list[tuple[str, int, int]] = []

    def watch(stage: str, done: int, total: int) -> None:
        seen.append((stage, done, total))

    quantize(an4, "static-int8", progress=watch)
    assert ("calibrating", 4, 10) in seen

    def stop(stage: str, done: int, total: int) -> None:
        if done == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        quantize(an4, "static-int8", progress=stop)


def test_static_quant_looks_through_to_the_model() -> None:
    wrapped = StaticQuant(torch.nn.Linear(3, 2))
    assert wrapped.in_features == 3
    assert copy.deepcopy(wrapped).out_features == 2
    with pytest.raises(AttributeError):
        _ = wrapped.nothing


def test_engines_are_found_by_their_files() -> None:
    assert engines() == ("onnxruntime", "openvino", "torch_eager", "torch_fused")
    assert get_engine("torch_eager").missing() is None
    with pytest.raises(PresetError, match="no engine"):
        get_engine("abacus")


def test_every_named_preset_explains_itself() -> None:
    assert set(COUNTS) | {"original"} <= set(PRESETS)
    assert all(preset.summary and "\n" not in preset.summary for preset in PRESETS.values())
