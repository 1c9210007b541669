"""Static quantization of fused blocks, in the six steps: int8 is counted, files answer as the live model, others are refused."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from here import usable
from nearness import assert_near

import asrquant
from asrquant import PRESETS, Recognizer, custom, quantize
from asrquant.base.errors import ArtifactError, PresetError
from asrquant.engines.engine import Saved
from asrquant.engines.registry import formats, unavailable
from asrquant.engines.torch_fused import steps
from asrquant.export.loading import find_folder
from asrquant.model.engine_settings import TorchFused
from asrquant.model.footprint import quantized_modules
from asrquant.model.modules import module_map
from asrquant.show.modules import SCHEME_COLORS, layers_table, treemap_figure

NEMO = Path(__file__).parents[1] / "nemo"
PRESET, ARM = "fused-static-int8", "fused-static-int8-qnnpack"
COUNTS = {
    "quartznet": {"static Conv1d": 12, "static ConvReLU1d": 6},
    "citrinet": {"static Conv1d": 17, "static ConvReLU1d": 3},
    "jasper-dense": {"static Conv1d": 6, "static ConvReLU1d": 4},
}
"""Depthwise, residual and last convolutions, and those that a ReLU follows at once."""


@pytest.fixture(scope="module")
def models() -> dict[str, Recognizer]:
    return {
        name: asrquant.load(str(NEMO / f"{name}.nemo")) for name in (*COUNTS, "conformer", "unmasked", "future-context")
    }


@pytest.fixture(scope="module")
def waves(examples) -> list[torch.Tensor]:
    return [torch.from_numpy(example.audio().samples) for example in examples[:3]]


@pytest.mark.parametrize("preset", usable([PRESET, ARM]))
@pytest.mark.parametrize("family", COUNTS)
def test_blocks_are_int8_and_answers_near(models, examples, family: str, preset: str) -> None:
    original = models[family]
    before = copy.deepcopy(original.encoder.state_dict())
    made = quantize(original, preset)
    assert quantized_modules(made.encoder) == COUNTS[family]
    left = {type(module).__name__ for module in made.encoder.modules()}
    assert not left & {"BatchNorm1d", "ReLU", "Dropout", "HistogramObserver"} - (
        {"ReLU"} if family == "citrinet" else set()
    )
    assert made.backend == PRESETS[preset].settings.backend and made.size_bytes() < original.size_bytes()
    assert_near(original, made, examples, most=0.03, least=0.5)
    assert all(torch.equal(weights, before[name]) for name, weights in original.encoder.state_dict().items())
    assert len(made.calibration.clips) == 10


def test_the_map_of_layers_says_what_became_of_each(models) -> None:
    original = models["quartznet"]
    made = quantize(original, custom({}, base=PRESET, calibration_clips=1))
    found = asrquant.layers(original, made)
    schemes = {layer.kind: {each.scheme for each in found if each.kind == layer.kind} for layer in found}
    assert schemes == {"Conv1d": {"static int8"}, "BatchNorm1d": {"fused"}}
    assert all(layer.after < layer.before for layer in found)
    assert set(SCHEME_COLORS) >= {layer.scheme for layer in found}
    parts = module_map(original, original.roles)
    assert treemap_figure(found, parts).data and "static int8, fused" in layers_table(found, parts).to_string()


def test_unmasked_blocks_too(models, examples) -> None:
    made = quantize(models["unmasked"], PRESET)
    assert made.log_probs(examples[0].audio()).shape == models["unmasked"].log_probs(examples[0].audio()).shape


@pytest.mark.parametrize("preset", usable([PRESET, ARM]))
def test_files_answer_as_the_live_model(models, waves, tmp_path: Path, preset: str) -> None:
    """Looked at once or several times before: qnnpack's convolutions must not be spoiled by it."""
    for family in ("quartznet", "citrinet"):
        made = quantize(models[family], custom({}, base=preset, calibration_clips=2))
        assert made.size_bytes() == made.size_bytes()
        for form in formats(made.preset):
            folder = tmp_path / family / form.name
            folder.mkdir(parents=True)
            form.save(made, folder)
            restored = form.restore(folder, Saved(made.preset, made.backend, made.roles, made.origin.toolkit))
            assert sum(quantized_modules(restored).values()) == sum(COUNTS[family].values())
            for wave in (waves[0][:9_000], waves[1]):
                with torch.inference_mode():
                    assert torch.allclose(restored(wave[None]), made.encoder(wave[None]), atol=1e-4)


@pytest.mark.parametrize("preset", usable([PRESET]))
def test_an_artifact_is_verified_and_says_which_features(models, tmp_path: Path, preset: str) -> None:
    made = quantize(models["quartznet"], custom({}, base=preset, calibration_clips=2, name="mine"))
    artifact = asrquant.export(made, "state-dict", tmp_path)
    assert artifact.manifest.verification.passed
    assert artifact.manifest.source.notes == (
        "Features are computed as NeMo from 2.5 on does, as NeMo 3.0.0 wrote it.",
    )
    assert "Features are computed as NeMo from 2.5 on does" in (find_folder(artifact.path) / "README.md").read_text()
    again = asrquant.load_artifact(artifact.path)
    assert again.frame_samples == 320 and again.vocabulary.punctuation == "'"
    assert again.origin.notes == made.origin.notes


def test_files_that_do_not_belong_together(models, tmp_path: Path) -> None:
    made = quantize(models["quartznet"], custom({}, base=PRESET, calibration_clips=1))
    form = formats(made.preset)[1]
    form.save(made, tmp_path)
    (tmp_path / "architecture" / "nemo.json").write_bytes(models["conformer"].origin.architecture["nemo.json"])
    with pytest.raises(ArtifactError, match="do not belong together"):
        form.restore(tmp_path, Saved(made.preset, made.backend, made.roles, made.origin.toolkit))


def test_other_models_are_refused_in_a_sentence(an4: Recognizer, models) -> None:
    for recognizer, says in (
        (an4, "blocks of convolution, norm and ReLU"),
        (models["conformer"], "blocks of convolution, norm and ReLU"),
        (models["future-context"], "more before than after"),
    ):
        reason = unavailable(PRESETS[PRESET], recognizer) or ""
        assert says in reason and "\n" not in reason
        with pytest.raises(PresetError, match=says):
            quantize(recognizer, PRESET)
    assert unavailable(PRESETS[PRESET], models["quartznet"]) is None
    with pytest.raises(PresetError, match="cannot be prepared"):
        steps.prepare_model(models["conformer"].encoder)


def test_what_makes_no_sense_is_refused() -> None:
    assert custom({}, base=PRESET, backend="qnnpack", calibration_clips=3).settings == TorchFused(backend="qnnpack")
    for schemes, changes in (({"encoder": "static"}, {}), ({}, {"observer": "min-max"}), ({}, {"per_channel": True})):
        with pytest.raises(PresetError, match="takes a backend alone"):
            custom(schemes, base=PRESET, **changes)
    with pytest.raises(PresetError, match="backend"):
        TorchFused(backend="abacus")


def test_the_steps_by_hand_are_the_preset(models, examples) -> None:
    recognizer = models["quartznet"]
    clips = [clip.audio() for clip in examples[:2]]
    prepared = steps.prepare_model(recognizer.encoder)
    steps.fuse_modules(prepared)
    wave = torch.from_numpy(clips[0].samples)[None]
    with torch.inference_mode():  # fused, it is still the float model
        assert torch.allclose(prepared(wave), recognizer.encoder(wave), atol=1e-4)
    steps.insert_stubs(prepared, "fbgemm")
    steps.calibrate(prepared, [torch.from_numpy(clip.samples) for clip in clips])
    steps.convert_model(prepared, "fbgemm")
    expected = quantize(recognizer, PRESET, calibration=clips)
    with torch.inference_mode():
        assert torch.equal(prepared(wave), expected.encoder(wave))


@pytest.mark.parametrize(
    ("family", "part", "says"),
    [
        ("quartznet", "encoder.encoder", "has to be fused first"),
        ("conformer", "encoder.encoder.layers.0.conv", "has to be fused first"),
        ("conformer", "encoder.encoder.layers.0.feed_forward1", "has no int8 form|PyTorch has no int8 form"),
        ("conformer", "encoder.encoder.pre_encode", "PyTorch has no int8 form"),
    ],
)
def test_what_has_no_int8_form_is_refused_in_a_sentence(models, family: str, part: str, says: str) -> None:
    with pytest.raises(PresetError, match=says) as refused:
        quantize(models[family], custom({part: "static"}, calibration_clips=1))
    assert "\n" not in str(refused.value) and part in str(refused.value)


@pytest.mark.parametrize(
    "backend", [name for name in ("fbgemm", "qnnpack") if name in torch.backends.quantized.supported_engines]
)
def test_convolutions_run_after_their_weights_were_looked_at(models, examples, backend: str) -> None:
    """PyTorch spoils those of qnnpack's, whatever engine made them."""
    part = "encoder.encoder.encoder.3.mconv.1.conv"
    made = quantize(models["quartznet"], custom({part: "static"}, backend=backend, calibration_clips=1))
    for _ in range(3):
        size = made.size_bytes()
        assert made.size_bytes() == size
        answered = made.log_probs(examples[0].audio())
    assert answered.isfinite().all()


def test_the_usual_recipe_converts_and_cannot_run(models, waves) -> None:
    """Stubs as attributes that nobody calls, norms and additions as they are."""
    from torch.ao import quantization as ao

    model = copy.deepcopy(models["quartznet"].encoder)
    model.qconfig = ao.get_default_qconfig("fbgemm")
    model.encoder.quant, model.decoder.dequant = ao.QuantStub(), ao.DeQuantStub()
    ao.prepare(model, inplace=True)
    with torch.no_grad():
        model(waves[0][None])
    ao.convert(model, inplace=True)
    with pytest.raises(NotImplementedError, match="quantized::conv1d"), torch.no_grad():
        model(waves[0][None])
