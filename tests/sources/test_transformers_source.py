"""CTC models of transformers' own, in small folders that transformers writes: random weights, real files, real code."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from here import usable
from small_models import FAMILIES, OTHERS, SMALL, write_transformers
from torch import nn

import asrquant
from asrquant.base.errors import ExportError, PresetError, SourceError
from asrquant.model.footprint import quantized_modules
from asrquant.model.modules import get_module
from asrquant.text import decoders_for


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request, tmp_path_factory) -> Path:
    return write_transformers(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def recognizer(folder: Path) -> asrquant.Recognizer:
    return asrquant.load(str(folder))


@pytest.fixture(scope="module")
def reference(folder: Path):
    return own(folder)


def own(folder: Path):
    """transformers' own model and processor."""
    from transformers import AutoModelForCTC, AutoProcessor

    return AutoModelForCTC.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder)


def test_log_probs_and_texts_are_transformers_own(recognizer, reference, examples) -> None:
    are_transformers_own(recognizer, reference, [example.audio() for example in examples[:3]])


def are_transformers_own(recognizer, reference, clips) -> None:
    model, processor = reference
    for audio in [replace(clip, samples=clip.samples * gain) for clip in clips for gain in (1.0, 0.1)]:
        inputs = processor(audio.samples, sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            logits = model(**inputs).logits
        assert torch.allclose(recognizer.log_probs(audio), logits[0].log_softmax(-1), atol=1e-4)
        (text,) = processor.batch_decode(logits.argmax(-1))
        assert recognizer.transcribe(audio).text == " ".join(text.split())


def test_a_beam_search_can_be_used(recognizer, examples) -> None:
    assert decoders_for(recognizer.vocabulary) == ("greedy", "beam", "fast")
    assert isinstance(recognizer.with_decoder("beam").transcribe(examples[0].path).text, str)


def test_roles(recognizer) -> None:
    assert recognizer.roles.transformer_layers.endswith("encoder.layers")
    assert recognizer.roles.feature_extractor.endswith("feature_extractor")
    assert recognizer.roles.ctc_output == "encoder.model.lm_head" and recognizer.roles.head is None


@pytest.mark.parametrize(
    "folder",
    [name if name == "wavlm" else pytest.param(name, marks=pytest.mark.long) for name in FAMILIES],
    indirect=True,
    scope="module",
)
@pytest.mark.parametrize(
    "preset",
    usable(name for name in asrquant.PRESETS if not name.startswith(("original", "openvino-int8-accurate", "fused"))),
)
def test_every_preset(recognizer, examples, preset: str) -> None:
    audio = examples[0].audio()
    quantized = asrquant.quantize(recognizer, preset)
    assert quantized.log_probs(audio).shape == recognizer.log_probs(audio).shape
    if preset not in ("openvino-fp32", "openvino-bf16", "onnx-fp32"):
        assert sum(quantized_modules(quantized.encoder).values()) > 0
        assert quantized.size_bytes() < recognizer.size_bytes()


WAVES = [family for family in OTHERS if family != "wav2vec2-bert"]


@pytest.mark.parametrize("family", WAVES)
def test_further_families(family: str, examples, tmp_path: Path) -> None:
    """Wherever a family keeps its transformer layers, they are found, quantized and run; what it answers is transformers' own."""
    recognizer = asrquant.load(str(write_transformers(family, tmp_path)))
    are_transformers_own(recognizer, own(tmp_path), [examples[0].audio()])
    assert recognizer.roles.feature_extractor and recognizer.roles.feature_projection and recognizer.roles.ctc_output
    quantized = asrquant.quantize(recognizer, "dynamic-int8")
    layers = get_module(quantized, recognizer.roles.transformer_layers)
    assert len(layers) == SMALL["num_hidden_layers"] and quantized_modules(layers).get("dynamic Linear", 0) >= 4
    audio = examples[0].audio()
    assert quantized.log_probs(audio).shape == recognizer.log_probs(audio).shape


def test_a_model_of_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="Wav2Vec2BertForCTC, which takes input features and not a wave"):
        asrquant.load(str(write_transformers("wav2vec2-bert", tmp_path)))


def test_what_cannot_be_traced_says_what_to_do(tmp_path: Path) -> None:
    """SEW-D calls a Python function of autograd's, which TorchScript cannot hold."""
    recognizer = asrquant.load(str(write_transformers("sew-d", tmp_path / "model")))
    with pytest.raises(
        ExportError, match=r"TorchScript cannot trace .*XSoftmax.*; use the format state-dict"
    ) as refused:
        asrquant.export(recognizer, "torchscript", tmp_path / "exports")
    assert "\n" not in str(refused.value)
    assert [path.name for path in (tmp_path / "exports").iterdir() if path.name != ".lock"] == []
    assert asrquant.export(recognizer, "state-dict", tmp_path / "exports").manifest.verification.passed


class Odd(nn.Module):
    """An encoder that does something for which OpenVINO has no operation."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.model = encoder.model

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        return (
            self.model(wave, return_dict=False)[0] + torch.linalg.eigvalsh(wave[:, :2, None] * wave[:, None, :2]).sum()
        )


def test_what_openvino_cannot_convert_is_one_sentence(tmp_path: Path) -> None:
    recognizer = asrquant.load(str(write_transformers("wav2vec2", tmp_path)))
    with pytest.raises(
        PresetError, match=r"OpenVINO cannot convert this model \(.*use a preset of PyTorch's"
    ) as refused:
        asrquant.quantize(replace(recognizer, encoder=Odd(recognizer.encoder).eval()), "openvino-fp32")
    assert "\n" not in str(refused.value)
    assert logging.getLogger("asrquant").isEnabledFor(
        logging.WARNING
    )  # of which OpenVINO leaves nothing where it fails


def test_attention_that_reads_weights_stays_float(tmp_path: Path) -> None:
    """WavLM's attention takes the weights of its four projections; the two feed-forward layers of each block are called."""
    recognizer = asrquant.load(str(write_transformers("wavlm", tmp_path)))
    assert quantized_modules(asrquant.quantize(recognizer, "dynamic-int8").encoder) == {"dynamic Linear": 4}
    with pytest.raises(PresetError, match="uses the float weights"):
        asrquant.quantize(
            recognizer, asrquant.custom({f"{recognizer.roles.transformer_layers}.0.attention": "dynamic"})
        )


def comes_back(recognizer, examples, folder: Path, preset: str, format: str) -> None:
    live = asrquant.quantize(recognizer, preset)
    artifact = asrquant.export(live, format, folder)
    assert artifact.manifest.verification.passed
    loaded = asrquant.load_artifact(artifact.path)
    assert loaded.transcribe(examples[0].path).text == live.transcribe(examples[0].path).text


@pytest.mark.parametrize(
    "folder",
    [family if family == "wavlm" else pytest.param(family, marks=pytest.mark.long) for family in FAMILIES],
    indirect=True,
    scope="module",
)
def test_state_dicts(recognizer, examples, tmp_path: Path) -> None:
    comes_back(recognizer, examples, tmp_path, "static-int8", "state-dict")


@pytest.mark.parametrize(
    "folder", ["wavlm", pytest.param("wav2vec2", marks=pytest.mark.long)], indirect=True, scope="module"
)  # the others are traced as wav2vec2 is
@pytest.mark.parametrize(
    ("preset", "format"),
    [
        pytest.param("original", "torchscript", marks=pytest.mark.long),
        pytest.param("original", "state-dict", marks=pytest.mark.long),
        ("openvino-int8", "openvino-ir"),
    ],
)
def test_other_formats(recognizer, examples, tmp_path: Path, preset: str, format: str) -> None:
    comes_back(recognizer, examples, tmp_path, preset, format)


def test_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(SourceError, match="could not be loaded as a transformers CTC model"):
        asrquant.load(str(tmp_path))
