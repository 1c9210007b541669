from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from asrquant.cli import main
from asrquant.show.text import DISTURBED

ROOT = Path(__file__).parents[2]
CLIP = str(ROOT / "examples" / "clips" / "eval" / "mdms2" / "1" / "mdms2-1-an402.flac")


def test_compare_prints_a_table_and_writes_the_same_numbers(capsys, examples, tmp_path) -> None:
    file = tmp_path / "numbers.json"
    status = main(
        ["compare", str(examples[0].path), "--reference", examples[0].reference, "--preset", "dynamic-int8", "--json",
         str(file), "--runs", "1", "--decoder", "greedy"]
    )  # fmt: skip
    out = capsys.readouterr().out
    data = json.loads(file.read_text())
    assert status == 0
    assert data["original"]["text"] in out and f"{data['original']['wer']:.1f}" in out
    assert "RTF, encoder" in out and "Size (MB)" in out
    assert (f"{data['speedup']:.2f} ×" in out) if data["steady"] else DISTURBED in out


def test_custom_settings(capsys, examples) -> None:
    arguments = ["compare", str(examples[1].path), "--runs", "1", "--decoder", "greedy", "--preset", "custom"]
    assert main([*arguments, "--set", "encoder.enc=dynamic", "--set", "feature_projection=static",
                 "--calibration-clips", "2", "--observer", "histogram"]) == 0  # fmt: skip
    assert "custom" in capsys.readouterr().out
    assert main([*arguments, "--set", "encoder.enc=static"]) == 2
    assert "batch normalisation" in capsys.readouterr().err
    assert main(arguments) == 2
    assert "--set MODULE=SCHEME" in capsys.readouterr().err
    assert main([*arguments, "--set", "encoder.enc"]) == 2


def test_benchmark_prints_markdown(capsys) -> None:
    assert main(["benchmark", "--limit", "2", "--preset", "dynamic-int8", "--decoder", "greedy"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith("| preset | WER (%) |")
    assert "| original |" in out and "| dynamic-int8 |" in out and "2 clips" in out


def test_modules_prints_the_map(capsys) -> None:
    assert main(["modules"]) == 0
    out = capsys.readouterr().out
    assert "encoder.wav2vec2.model.encoder.layers" in out and "transformer_layers" in out
    assert "encoder.enc: not static, bn1.norm is a batch normalisation" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["compare", "nowhere.wav"], "no audio file 'nowhere.wav'"),
        (["compare", CLIP, "--preset", "fast"], "no preset 'fast'"),
        (["compare", CLIP, "--model", "nonsense"], "no model 'nonsense'"),
        (["compare", CLIP, "--model", "some/body"], "some/body could not be downloaded"),
        (["compare", CLIP, "--runs", "0"], "runs is 0"),
        (["compare", CLIP, "--reference", "नमस्ते", "--normalize", "english"], "is in another script; take 'basic'"),
        (["compare", CLIP, "--normalize", "none", "--no-vowel-points"], "'none' cannot leave vowel points out"),
        (["benchmark", "--preset", "fast"], "no preset 'fast'"),
        (["benchmark", "--data", "nowhere"], "no folder or file 'nowhere'"),
        (["benchmark", "--limit", "0"], "limit is 0"),
        (["compare", CLIP, "--smooth-quant", "--ranges", "min-max"], "--smooth-quant and --ranges go with an openvino"),
        (
            ["compare", CLIP, "--preset", "openvino-int8", "--dtype", "float16"],
            "--dtype goes with a preset of PyTorch's",
        ),
        (["compare", CLIP, "--preset", "openvino-int8", "--validation", "."], "for --validation; give --max-drop too"),
    ],
)
def test_one_clear_sentence_for_what_is_wrong(capsys, arguments: list[str], says: str) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("asrquant: ") and says in error


def test_a_presets_first_format_is_the_default(capsys, tmp_path: Path) -> None:
    """TorchScript is none of OpenVINO's, so each preset has its own default."""
    assert main(["export", "--preset", "openvino-fp32", "--no-benchmark", "--out", str(tmp_path)]) == 0
    assert "openvino-ir, encoder.xml" in capsys.readouterr().out


def test_runs_as_a_module() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "asrquant", "modules"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0 and "encoder.ctc_lin" in run.stdout
    assert "Loading" not in run.stderr and "Traceback" not in run.stderr, run.stderr
