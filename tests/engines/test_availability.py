"""A preset is offered where it can be carried out, and refused with its reason where it cannot, before anything is built."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from here import AVX2_ONLY
from small_models import write_transformers

import asrquant
from asrquant import Recognizer
from asrquant.base.errors import PresetError
from asrquant.engines.notes import note
from asrquant.engines.registry import refuse_unavailable, unavailable
from asrquant.model.engine_settings import OpenVino
from asrquant.model.presets import PRESETS, Preset

ROOT = Path(__file__).parents[2]
LIBRARIES = ["openvino-fp32", "openvino-bf16", "openvino-int8"]


def lesser(*command: str) -> subprocess.CompletedProcess[str]:
    """Run Python on a processor that has AVX2 only, as far as the libraries know."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **AVX2_ONLY},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_one_asked_for_by_name_is_refused_before_a_model_is_looked_for() -> None:
    said = ["asrquant: This processor does not compute in bfloat16; use openvino-fp32 or openvino-int8."]
    for verb in ("benchmark", "modules", "export"):
        ran = lesser("-m", "asrquant", verb, "--preset", "openvino-bf16", "--model", "nowhere")
        assert (ran.returncode, ran.stdout, ran.stderr.splitlines()) == (2, "", said)


def test_help_says_which_and_why() -> None:
    ran = lesser("-m", "asrquant", "compare", "--help")
    assert "openvino-bf16           NOT HERE: This processor does not compute in bfloat16" in ran.stdout
    assert ran.stdout.count("NOT HERE") == 1


def test_a_benchmark_of_all_presets_leaves_it_out_and_says_so() -> None:
    code = (
        "import asrquant; from asrquant.cli.benchmark import OwnClips, _presets;"
        "print(*(preset.name for preset in _presets([], asrquant.load('an4'), OwnClips())))"
    )
    ran = lesser("-c", code)
    assert ran.stdout.split() == [name for name in PRESETS if not name.startswith(("openvino-bf16", "fused-"))]
    assert "skipped: openvino-bf16: This processor does not compute in bfloat16" in ran.stderr


def test_the_page_shows_it_as_absent() -> None:
    code = (
        "from asrquant import ui; page = ui.build().config;"
        "choices = [c['props']['choices'] for c in page['components'] if 'preset' in str(c['props'].get('elem_id'))"
        " and 'choices' in c['props']];"
        "print(len(choices), any('openvino-bf16' in str(c) for c in choices), all('openvino-int8' in str(c) for c in choices));"
        "print(sum('<del>openvino-bf16</del>' in str(c['props'].get('value')) for c in page['components']))"
    )
    assert lesser("-c", code).stdout.split() == ["4", "False", "True", "4"]


def test_the_worker_refuses_it() -> None:
    code = (
        "from asrquant.jobs.models import chosen\n"
        "try: chosen('openvino-bf16', {})\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    assert lesser("-c", code).stdout.startswith("PresetError This processor does not compute in bfloat16")


@pytest.mark.long
def test_the_others_work_on_such_a_processor() -> None:
    """They stay as near to the float model there as the tests of each engine ask of them here."""
    tests = [
        "tests/engines/test_engines.py::test_stays_near_the_float_model",
        "tests/engines/test_openvino.py::test_stays_near_the_float_model",
    ]
    ran = lesser("-m", "pytest", "-rs", "-p", "no:xdist", *tests)
    assert ran.returncode == 0, ran.stdout
    assert "SKIPPED [1]" in ran.stdout and "does not compute in bfloat16" in ran.stdout


@pytest.mark.parametrize("backend", ["onednn", "qnnpack"])
def test_float16_needs_kernels(an4: Recognizer, backend: str) -> None:
    preset = asrquant.custom({}, base="dynamic-float16", backend=backend)
    assert f"The backend '{backend}' has no kernels for float16 weights" in (unavailable(preset) or "")
    with pytest.raises(PresetError, match="no kernels for float16"):
        asrquant.quantize(an4, preset)
    assert unavailable(asrquant.custom({}, base="dynamic-int8", backend=backend)) is None


def test_a_backend_that_is_not_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from asrquant.engines.torch_eager import recipe

    monkeypatch.setattr(recipe, "_backends", lambda: ["qnnpack"])  # as on ARM
    monkeypatch.setattr(recipe, "default_backend", lambda: "qnnpack")
    assert {name for name in PRESETS if unavailable(PRESETS[name])} - {"openvino-bf16"} == {"dynamic-float16"}
    noted = {name: said for name, preset in PRESETS.items() if (said := note(preset))}
    assert noted == {
        "fused-static-int8": "Here with the kernels qnnpack in the place of fbgemm, which are for x86; not tried on ARM."
    }
    asked = asrquant.custom({}, "fused-static-int8", backend="fbgemm", name="mine")  # by its name
    assert "'fbgemm' is not in this build" in (unavailable(asked) or "") and not note(asked)
    assert "'fbgemm' is not in this build" in (unavailable(asrquant.custom({}, "dynamic-int8", backend="fbgemm")) or "")


def test_a_preset_of_x86_kernels_runs_with_those_of_arm(monkeypatch: pytest.MonkeyPatch, examples) -> None:
    """As far as a processor that has both can show it."""
    from asrquant.engines.torch_eager import recipe

    if "qnnpack" not in recipe._backends():
        pytest.skip("this build of PyTorch has no qnnpack")
    monkeypatch.setattr(recipe, "_backends", lambda: ["qnnpack"])
    original = asrquant.load(str(ROOT / "tests" / "nemo" / "quartznet.nemo"))
    made = asrquant.quantize(original, "fused-static-int8")
    assert made.backend == "qnnpack" and made.preset.name == "fused-static-int8"
    assert isinstance(made.transcribe(examples[0].path).text, str)


def test_a_model_that_a_preset_does_not_fit(an4: Recognizer, tmp_path: Path) -> None:
    fused = {"fused-static-int8", "fused-static-int8-qnnpack"}
    assert fused <= {name for name in PRESETS if unavailable(PRESETS[name], an4)} <= {"openvino-bf16"} | fused
    wavlm = asrquant.load(str(write_transformers("wavlm", tmp_path)))
    attention = f"{wavlm.roles.transformer_layers}.0.attention"
    preset = asrquant.custom({attention: "dynamic"})
    assert unavailable(preset) is None and "float weights" in (unavailable(preset, wavlm) or "")
    kept = Preset("mine", "", OpenVino(int8=True, ignored=("encoder.nothing",)))
    assert "no module 'encoder.nothing'" in (unavailable(kept, an4) or "")
    with pytest.raises(PresetError, match=r"no module 'encoder\.nothing'"):
        refuse_unavailable(kept, an4)
