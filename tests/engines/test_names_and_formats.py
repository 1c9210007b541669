"""Names of presets, formats by preset, options as they are typed, and models that a tracer does not know."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import asrquant
from asrquant.base.errors import ExportError, PresetError
from asrquant.cli import main
from asrquant.engines.openvino.encoder import convert
from asrquant.engines.registry import get_format
from asrquant.measure.benchmark import benchmark
from asrquant.model.modules import find_roles
from asrquant.model.presets import PRESETS

PACKAGE = Path(__file__).parents[2] / "asrquant"


def test_two_presets_of_one_name_are_refused_before_anything_runs(greedy, examples) -> None:
    presets = [asrquant.custom({"head": "dynamic"}), asrquant.custom({"ctc_output": "dynamic"})]
    recognizers = [greedy, *(asrquant.quantize(greedy, preset) for preset in presets)]
    stages: list[str] = []
    with pytest.raises(PresetError, match="Two presets are called 'custom'"):
        benchmark(recognizers, examples[:1], lambda stage, done, total: stages.append(stage))
    assert stages == []
    other = asrquant.quantize(greedy, asrquant.custom({"ctc_output": "dynamic"}, name="mine"))
    report = benchmark([greedy, recognizers[1], other], examples[:1])
    assert [summary.preset for summary in report.summaries] == ["original", "custom", "mine"]


def test_the_format_is_the_presets_first(capsys) -> None:
    assert get_format(None, PRESETS["openvino-int8"]).name == "openvino-ir"
    assert get_format(None, PRESETS["dynamic-int8"]).name == "torchscript"
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "torchscript, state-dict original, dynamic-int8" in said and "openvino-ir openvino-fp32" in said


@pytest.mark.parametrize(
    "option",
    [
        ["--keep-float", "head"],
        ["--max-drop", "1"],
        ["--smooth-quant"],
        ["--precision", "f32"],
        ["--ranges", "min-max"],
    ],
)
@pytest.mark.parametrize("preset", ["dynamic-int8", "custom"])
def test_an_option_of_openvinos_is_named_as_it_is_typed(capsys, preset: str, option: list[str]) -> None:
    assert main(["modules", "--preset", preset, *option]) == 2
    assert f"{option[0]} goes with an openvino preset" in capsys.readouterr().err


def test_every_option_that_a_sentence_names_exists(capsys) -> None:
    known = set()
    for command in (
        "compare",
        "benchmark",
        "modules",
        "sensitivity",
        "export",
        "transcribe",
        "verify",
        "pin",
        "space",
        "machine",
        "search",
    ):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        known |= set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))
    known |= {"--verbose", "--check", "--user"}  # ours before the command; sha256sum's; docker's
    known |= {"--include-untracked", "--porcelain", "--show-prefix"}  # git's
    for path in PACKAGE.rglob("*.py"):
        if path.name == "browser.py":  # a browser's own options, which no sentence names
            continue
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z_-]+[a-z]", path.read_text(encoding="utf-8")))
        assert named <= known, (path.name, named - known)


class Untraceable(torch.nn.Module):
    """Ends in what a tracer does not take: no tensor, where it was asked to look."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        if torch.jit.is_tracing():
            raise RuntimeError("\nCould not export Python function call\nand more")
        return self.encoder(wave)


def test_what_cannot_be_traced_is_a_sentence(greedy, tmp_path: Path) -> None:
    strange = replace(greedy, encoder=Untraceable(greedy.encoder))
    with pytest.raises(
        ExportError, match=r"cannot trace an4 \(Could not export Python function call\); use the format state-dict"
    ):
        asrquant.export(strange, "torchscript", tmp_path)
    with pytest.raises(PresetError, match=r"OpenVINO cannot convert this model .* use a preset of PyTorch's"):
        convert(strange.encoder)


def test_sew_d_has_transformer_layers(tmp_path: Path) -> None:
    from transformers import SEWDConfig, SEWDForCTC

    config = SEWDConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, conv_dim=(16, 16),
        conv_stride=(5, 4), conv_kernel=(10, 4), num_feat_extract_layers=2, vocab_size=32, num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, squeeze_factor=1,
    )  # fmt: skip
    roles = find_roles(SEWDForCTC(config))
    assert roles.transformer_layers is not None and roles.transformer_layers.endswith("encoder.layer")
