"""The engine onnxruntime: the graph says what the model says, where it computes in int8, and what it says when it cannot."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import small_models
import torch
from here import usable
from nearness import assert_near
from small_nemo import small_nemo

import asrquant
from asrquant import PRESETS, OnnxRuntime, Recognizer, quantize
from asrquant.audio.clip import Audio
from asrquant.base.errors import ArtifactError, Cancelled, ExportError, MissingDependencyError, PresetError
from asrquant.engines.engine import Saved
from asrquant.engines.onnxruntime import graph
from asrquant.engines.onnxruntime.encoder import FILE, OnnxEncoder
from asrquant.engines.onnxruntime.formats import Onnx
from asrquant.measure.divergence import kl_divergence
from asrquant.measure.layers import layers
from asrquant.model.footprint import quantized_modules
from asrquant.model.modules import Roles, get_module
from asrquant.model.presets import Preset, custom

NAMES = ("onnx-fp32", "onnx-dynamic-int8", "onnx-int8")
pytestmark = pytest.mark.skipif(
    bool(importlib.util.find_spec("onnxruntime") is None), reason="onnxruntime is not installed"
)
PACKAGE = Path(asrquant.__file__).parent
MODEL = "encoder.wav2vec2.model"
# Mean absolute difference of a probability, share of frames with the same best label.
TOLERANCE = {"onnx-fp32": (1e-5, 1.0), "onnx-dynamic-int8": (0.001, 0.99), "onnx-int8": (0.002, 0.98)}
# 4 transformer layers of 6 products with weights, a head of 3, the projection, the CTC output.
WITH_WEIGHTS = 4 * 6 + 3 + 1 + 1
SHAPES = ((1, 1_600), (1, 16_000), (2, 20_000), (1, 80_007))


@pytest.fixture(scope="module")
def quantized(an4: Recognizer) -> dict[str, Recognizer]:
    return {name: quantize(an4, name) for name in NAMES}


def tones(count: int = 2) -> list[Audio]:
    chance = torch.Generator().manual_seed(5)
    return [Audio(torch.randn(16_000 + 400 * turn, generator=chance).mul(0.1).numpy()) for turn in range(count)]


def assert_equal(float_model: Recognizer, made: Recognizer) -> None:
    chance = torch.Generator().manual_seed(0)
    for shape in SHAPES:
        wave = torch.randn(shape, generator=chance) * 0.1
        with torch.inference_mode():
            assert torch.allclose(made.encoder(wave), float_model.encoder(wave), atol=1e-4), shape


def test_float32_equals_eager(an4: Recognizer, quantized: dict[str, Recognizer]) -> None:
    assert_equal(an4, quantized["onnx-fp32"])


@pytest.mark.parametrize("family", ["wav2vec2", "wavlm", "data2vec"])
def test_transformers_models(tmp_path: Path, family: str) -> None:
    recognizer = asrquant.load(small_models.write_transformers(family, tmp_path / "model"), decoder="greedy")
    assert_equal(recognizer, quantize(recognizer, "onnx-fp32"))
    static = quantize(recognizer, "onnx-int8", tones())
    assert {"int8 Conv", "int8 MatMul"} <= set(quantized_modules(static.encoder))


def test_a_wave_that_speechbrain_normalises(tmp_path: Path) -> None:
    """Its layer norm is over the wave's whole length, which is no constant."""
    base = small_models.write_base(tmp_path / "base")
    recognizer = asrquant.load(small_models.write_speechbrain(tmp_path / "model", base), "greedy", trust_source=True)
    assert_equal(recognizer, quantize(recognizer, "onnx-fp32"))
    assert quantized_modules(quantize(recognizer, "onnx-dynamic-int8").encoder)["dynamic int8 MatMul"] > 10


def test_nemo_models(tmp_path: Path) -> None:
    found = [asrquant.load(small_nemo(tmp_path / "small.nemo"), decoder="greedy")]
    folder = Path(__file__).parents[1] / "nemo"
    found += [asrquant.load(folder / f"{name}.nemo", decoder="greedy") for name in ("citrinet", "fastconformer")]
    for recognizer in found:
        assert_equal(recognizer, quantize(recognizer, "onnx-fp32"))
        static = quantize(recognizer, "onnx-int8", tones())
        paths = static.encoder.quantized_paths()
        assert paths and not any(path.startswith(recognizer.roles.front_end) for path in paths)
        assert all(get_module(recognizer, path) for path in paths)
        assert [layer.scheme for layer in layers(recognizer, static)].count("int8") > 3


@pytest.mark.parametrize("name", usable(TOLERANCE))
def test_stays_near_the_float_model(an4: Recognizer, quantized: dict[str, Recognizer], examples, name: str) -> None:
    assert_near(an4, quantized[name], examples, *TOLERANCE[name])
    nats = [
        kl_divergence(an4.log_probs(clip.audio()), quantized[name].log_probs(clip.audio())).mean() for clip in examples
    ]
    assert sum(nats) / len(nats) < 0.005


def test_int8_is_where_it_should_be(an4: Recognizer, quantized: dict[str, Recognizer]) -> None:
    assert quantized_modules(quantized["onnx-fp32"].encoder) == {}
    assert quantized_modules(quantized["onnx-dynamic-int8"].encoder) == {"dynamic int8 MatMul": WITH_WEIGHTS}
    # Besides, two products of attention in each layer; 7 convolutions but the first, and the positional one.
    assert quantized_modules(quantized["onnx-int8"].encoder) == {"int8 MatMul": WITH_WEIGHTS + 8, "int8 Conv": 7}
    schemes = {layer.path: layer.scheme for layer in layers(an4, quantized["onnx-int8"])}
    assert schemes[f"{MODEL}.feature_extractor.conv_layers.0.conv"] == "float"
    assert schemes[f"{MODEL}.feature_extractor.conv_layers.1.conv"] == "int8"
    assert schemes[f"{MODEL}.encoder.layers.0.attention.q_proj"] == schemes["encoder.ctc_lin.w"] == "int8"


def test_what_is_ignored_stays_float(an4: Recognizer) -> None:
    ignored = ("ctc_output", "head", f"{MODEL}.encoder.layers.1", f"{MODEL}.feature_extractor")
    some = quantize(an4, Preset("some", "", OnnxRuntime(int8="static", ignored=ignored)), tones())
    assert quantized_modules(some.encoder) == {"int8 MatMul": WITH_WEIGHTS + 8 - 1 - 3 - 8, "int8 Conv": 1}
    everything = quantize(
        an4, custom({}, base="onnx-int8", onnxruntime=OnnxRuntime(int8="static", ignored=())), tones()
    )
    assert quantized_modules(everything.encoder)["int8 Conv"] == 8
    with pytest.raises(PresetError, match=r"no module 'encoder\.nothing'"):
        quantize(an4, Preset("x", "", OnnxRuntime(int8="static", ignored=("encoder.nothing",))))
    with pytest.raises(
        PresetError, match=r"quantizes nothing .*: there is .*\d+ MatMul.* stays float is encoder; choose"
    ):
        quantize(an4, Preset("x", "", OnnxRuntime(int8="dynamic", ignored=("encoder",))))


def test_weights_have_seven_bits(quantized: dict[str, Recognizer], tmp_path: Path) -> None:
    """Without VNNI, sums of products of 8 bits by 8 would be cut off."""
    import onnx

    for name in NAMES[1:]:
        quantized[name].encoder.save(tmp_path / FILE)
        weights = [onnx.numpy_helper.to_array(each) for each in onnx.load(tmp_path / FILE).graph.initializer]
        int8 = [each for each in weights if each.dtype == "int8" and each.ndim > 1]
        assert len(int8) > 20 and all(abs(each.astype(int)).max() <= 64 for each in int8)


def test_sizes(an4: Recognizer, quantized: dict[str, Recognizer]) -> None:
    assert quantized["onnx-fp32"].size_bytes() == pytest.approx(an4.size_bytes(), rel=0.03)
    assert quantized["onnx-dynamic-int8"].size_bytes() < 0.45 * an4.size_bytes()
    assert quantized["onnx-int8"].size_bytes() < 0.3 * an4.size_bytes()


def test_results_are_not_overwritten_by_the_next(quantized: dict[str, Recognizer], examples) -> None:
    first = quantized["onnx-int8"].log_probs(examples[0].audio())
    kept = first.clone()
    quantized["onnx-int8"].log_probs(examples[1].audio())
    assert torch.equal(first, kept)


def test_its_threads_leave_the_processor_to_others(quantized: dict[str, Recognizer]) -> None:
    options = quantized["onnx-int8"].encoder._session.get_session_options()
    assert options.intra_op_num_threads == torch.get_num_threads()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_it_says_nothing_and_leaves_the_log_alone(an4: Recognizer, capfd) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level, list(root.filters))
    quantize(an4, "onnx-int8", tones(1))
    assert (list(root.handlers), root.level, list(root.filters)) == before
    assert capfd.readouterr() == ("", "")


def test_it_phones_nobody(quantized: dict[str, Recognizer], tmp_path: Path) -> None:
    """Since 1.29 ONNX Runtime would on Linux too, and would leave a number for this machine in the cache's folder."""
    quantized["onnx-int8"].encoder.save(tmp_path / FILE)
    code = "import sys, asrquant, pathlib; from asrquant.engines.onnxruntime.encoder import session; "
    code += "session(pathlib.Path(sys.argv[1])); import os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    own = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(PACKAGE.parent),
    }
    for name in ("ORT_DISABLE_TELEMETRY", "CI", "GITHUB_ACTIONS"):  # it leaves such machines alone
        own.pop(name, None)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / FILE)], env=own, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert not [path for path in tmp_path.rglob("*") if "microsoft" in path.name.lower() or "onnxruntime" in path.name]
    script = (PACKAGE / "engines" / "onnxruntime" / "transcribe_onnx.py").read_text()
    assert script.index('os.environ["ORT_DISABLE_TELEMETRY"] = "1"') < script.index("import onnxruntime\n")


@pytest.mark.parametrize("stage", ["checking what was exported", "calibrating", "quantizing weights"])
def test_cancel(an4: Recognizer, stage: str) -> None:
    def stop(at: str, done: int, total: int) -> None:
        if at == stage:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        quantize(an4, "onnx-int8", tones(1), progress=stop)


class Strange(torch.nn.Module):
    """Its answers are fine, and nothing that ONNX has an operation for."""

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(wave)[..., None].repeat(1, 1, 28).log_softmax(-1)


class OneAtATime(torch.nn.Module):
    """What a trace of one wave writes down of it answers one wave."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        log_probs = self.encoder(wave)
        return log_probs[:1] if torch.jit.is_tracing() else log_probs


def test_what_cannot_be_exported_is_a_sentence(greedy: Recognizer, capfd) -> None:
    strange = replace(greedy, encoder=Strange(), roles=Roles())
    with pytest.raises(
        PresetError, match=r"PyTorch cannot write this model as ONNX \(.*bessel.*\); use a preset of PyTorch's"
    ):
        quantize(strange, "onnx-fp32")
    modes = [module.training for module in greedy.encoder.modules()]
    looped = replace(greedy, encoder=OneAtATime(greedy.encoder), roles=Roles())
    with pytest.raises(
        PresetError, match=r"holds for one length only \(at 2 x 1\.1 s it answers 1 waves instead of 2\)"
    ):
        quantize(looped, "onnx-fp32")
    assert [
        module.training for module in greedy.encoder.modules()
    ] == modes  # the exporter would have them follow the outer one
    assert capfd.readouterr() == ("", "")  # the exporter would print the whole graph


def test_what_has_no_room_in_a_file_is_a_sentence(greedy: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "_MOST_BYTES", 1_000_000)
    with pytest.raises(
        PresetError, match=r"An ONNX file holds 2 GB, and this model's weights are 1\d\.\d MB; use a preset"
    ):
        quantize(greedy, "onnx-fp32")


def test_files_come_back_and_others_are_refused(
    quantized: dict[str, Recognizer], an4: Recognizer, tmp_path: Path
) -> None:
    form, saved = Onnx(), Saved(PRESETS["onnx-int8"], "", an4.roles, "")
    form.save(quantized["onnx-int8"], tmp_path)
    again = form.restore(tmp_path, saved)
    wave = torch.randn(1, 16_000)
    assert torch.equal(again(wave), quantized["onnx-int8"].encoder(wave))
    assert isinstance(again, OnnxEncoder) and again.saved_bytes() == (tmp_path / FILE).stat().st_size
    (tmp_path / FILE).write_bytes(b"no model")
    with pytest.raises(ArtifactError, match=r"encoder\.onnx cannot be read by ONNX Runtime"):
        form.restore(tmp_path, saved)
    with pytest.raises(ExportError, match="not ONNX Runtime's"):
        form.save(an4, tmp_path)


def test_bad_settings() -> None:
    with pytest.raises(PresetError, match="int8 is 'some'; it can be none, dynamic, static"):
        OnnxRuntime(int8="some")
    with pytest.raises(PresetError, match="is ONNX Runtime's, which takes no schemes by module"):
        custom({"head": "dynamic"}, base="onnx-int8")
    with pytest.raises(PresetError, match="is ONNX Runtime's, where backend would do nothing"):
        custom({}, base="onnx-int8", backend="x86")
    with pytest.raises(PresetError, match="no settings of ONNX Runtime's"):
        custom({}, base="dynamic-int8", onnxruntime=OnnxRuntime())
    assert custom({}, base="onnx-int8", calibration_clips=3).engine == "onnxruntime"


def test_without_clips(an4: Recognizer) -> None:
    with pytest.raises(PresetError, match="none were given"):
        quantize(an4, "onnx-int8", calibration=[])


def test_without_onnx_runtime(an4: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnx" else find(name))
    with pytest.raises(MissingDependencyError, match="needs onnx; install with: pip install onnxruntime onnx"):
        quantize(an4, "onnx-int8")
