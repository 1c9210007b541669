"""Weights that are missing never become random ones: refused by name, whatever toolkit the model is of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import write_transformers

import asrquant
from asrquant.base.errors import SourceError
from asrquant.cli import main

WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_transformers("wav2vec2", tmp_path / "ctc")


def rewrite(folder: Path, change) -> Path:
    state = {key: value for name, tensor in load_file(folder / WEIGHTS).items() for key, value in change(name, tensor)}
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    return folder


def without(part: str):
    return lambda name, tensor: [] if part in name else [(name, tensor)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without("lm_head"), r"they lack lm_head\.bias, lm_head\.weight\. What is missing would be random"),
        (without("encoder.layers.1."), r"they lack wav2vec2\.encoder\.layers\.1\.attention\.\S+ .* and \d+ more"),
        (without("pos_conv_embed.conv.bias"), r"they lack wav2vec2\.encoder\.pos_conv_embed\.conv\.bias\."),
        (lambda name, tensor: [(f"module.{name}", tensor)], r"they lack lm_head\.bias, .* and \d+ more"),
        (
            lambda name, tensor: [(name, tensor), *([(name.replace("s.1.", "s.2."), tensor.clone())] * ("s.1." in name))],
            r"they have besides wav2vec2\.encoder\.layers\.2\.attention",
        ),
        (lambda name, tensor: [(name, tensor[:5] if "lm_head" in name else tensor)], r"other shapes .*\(lm_head\.bias"),
    ],
    ids=["head", "layer", "bias", "prefix", "layer too many", "shape"],
)  # fmt: skip
def test_weights_that_do_not_fit(folder: Path, change, says: str) -> None:
    rewrite(folder, change)
    for trust in (False, True):
        with pytest.raises(SourceError, match=says) as refused:
            asrquant.load(str(folder), trust_source=trust)
        assert "\n" not in str(refused.value)


def test_the_terminal_says_which(folder: Path, capsys, examples) -> None:
    rewrite(folder, without("lm_head"))
    assert main(["transcribe", str(examples[0].path), "--preset", "original", "--model", str(folder)]) == 2
    assert "lack lm_head.bias, lm_head.weight" in capsys.readouterr().err


def test_what_is_right_of_older_and_other_files(folder: Path, examples) -> None:
    """The mask's embedding is for training, weight normalisation had other names, and heads for training may lie beside."""
    expected = asrquant.load(str(folder)).log_probs(examples[0].audio())

    def older(name: str, tensor: torch.Tensor):
        for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
            name = name.replace(f"parametrizations.weight.{new}", old)
        return [] if "masked_spec_embed" in name else [(name, tensor)]

    rewrite(folder, older)
    save_file({**load_file(folder / WEIGHTS), "project_q.bias": torch.zeros(3)}, folder / WEIGHTS, {"format": "pt"})
    assert "weight_g" in " ".join(load_file(folder / WEIGHTS))
    assert torch.equal(asrquant.load(str(folder)).log_probs(examples[0].audio()), expected)


def test_half_precision_becomes_float32(folder: Path, examples) -> None:
    from transformers import AutoModelForCTC

    rewrite(folder, lambda name, tensor: [(name, tensor.half())])
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "float16"}))
    recognizer = asrquant.load(str(folder))
    assert {parameter.dtype for parameter in recognizer.encoder.parameters()} == {torch.float32}
    audio = examples[0].audio()
    model = AutoModelForCTC.from_pretrained(folder, dtype=torch.float32).eval()
    wave = torch.from_numpy((audio.samples - audio.samples.mean()) / (audio.samples.var() + 1e-7) ** 0.5)
    with torch.inference_mode():
        assert torch.allclose(recognizer.log_probs(audio), model(wave[None]).logits[0].log_softmax(-1), atol=1e-4)
    dynamic = asrquant.quantize(recognizer, "dynamic-int8")
    assert dynamic.log_probs(audio).dtype == torch.float32
