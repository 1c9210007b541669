"""``transcribe.py`` of a downloaded artifact, where only the libraries that it names can be imported."""

from __future__ import annotations

import ast
import difflib
import importlib.metadata
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from packaging.requirements import Requirement
from scipy.signal import resample_poly

import asrquant

# What each format's script may import, and the file with its weights.
SCRIPTS = {
    ("mixed-int8", "torchscript"): (("torch", "soundfile"), "encoder.torchscript.pt"),
    ("openvino-int8", "openvino-ir"): (("openvino", "soundfile"), "encoder.bin"),
    ("onnx-int8", "onnx"): (("onnxruntime", "soundfile"), "encoder.onnx"),
}
BLOCKED = ("asrquant", "speechbrain", "transformers", "gradio", "scipy", "kenlm", "torchaudio", "pandas", "pydantic")


def required(*packages: str) -> set[str]:
    """The packages and everything that they require, by their own metadata."""
    found: set[str] = set()
    waiting = list(packages)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            requirements = importlib.metadata.requires(name) or ()
        except importlib.metadata.PackageNotFoundError:  # torch's GPU libraries, which a CPU build goes without
            continue
        found.add(name)
        parsed = [Requirement(text) for text in requirements]
        waiting += [r.name for r in parsed if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def site(folder: Path, packages: tuple[str, ...]) -> Path:
    """A folder with links to these packages and what they require, to be all that can be imported."""
    for package in required(*packages):
        for file in importlib.metadata.files(package) or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not top.endswith(".pth") and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(importlib.metadata.distribution(package).locate_file(top))))
    return folder


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda pair: pair[1])
def run(request, exported, tmp_path_factory):
    packages, model_file = SCRIPTS[request.param]
    importable = site(tmp_path_factory.mktemp("site"), packages)
    folder = tmp_path_factory.mktemp("downloads")
    live, artifact = exported(*request.param)
    with zipfile.ZipFile(artifact.zip) as archive:
        archive.extractall(folder)
    # No site, no environment, no current folder: the packages above and the standard library are all there is.
    start = f"import sys; sys.path.append({str(importable)!r}); import runpy; sys.argv = sys.argv[1:]; "
    start += "runpy.run_path(sys.argv[0], run_name='__main__')"

    def run_(*arguments: str, code: str = start) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "-c", code, *arguments]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)

    run_.folder, run_.script, run_.start = folder, str(folder / artifact.name / "transcribe.py"), start
    run_.live, run_.model = live.with_decoder("greedy"), folder / artifact.name / model_file
    return run_


@pytest.mark.parametrize("name", BLOCKED)
def test_nothing_else_can_be_imported(run, name: str) -> None:
    code = run.start.split("import runpy")[0] + f"import importlib.util; print(importlib.util.find_spec({name!r}))"
    assert run(code=code).stdout == "None\n"


def test_it_transcribes(run, examples) -> None:
    for utterance in examples[:3]:
        done = run(run.script, str(utterance.path))
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == run.live.transcribe(utterance.path).text
        assert done.stderr == "decoder: greedy, as ctc-beam-decoder is not installed\n"


def test_with_the_library_it_searches_with_the_n_gram(run, examples, tmp_path: Path) -> None:
    library = site(tmp_path, ("ctc-beam-decoder",))
    fast = run.live.with_decoder("fast")
    for utterance in examples[:3]:
        done = run(run.script, str(utterance.path), code=f"import sys; sys.path.append({str(library)!r}); {run.start}")
        assert done.stdout.strip() == fast.transcribe(utterance.path).text, done.stderr
        assert "decoder: beam search with the n-gram lm.arpa" in done.stderr


def test_it_takes_other_rates_and_channels(run, examples) -> None:
    samples = examples[1].audio().samples
    path = run.folder / "stereo48k.wav"
    sf.write(path, np.stack([resample_poly(samples, 3, 1)] * 2, axis=1), 48_000, subtype="FLOAT")
    done = run(run.script, str(path))
    reference = run.live.transcribe(examples[1].path).text
    # Another resampler, so other samples: a letter may change in a model that is as finely balanced as this one.
    assert difflib.SequenceMatcher(None, reference, done.stdout.strip()).ratio() >= 0.9, (reference, done.stdout)


def test_it_says_how_it_is_used(run) -> None:
    assert run(run.script).stderr.strip() == "usage: python transcribe.py clip.wav"


def test_it_refuses_a_changed_model(run, examples) -> None:
    whole = run.model.read_bytes()
    run.model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    done = run(run.script, str(examples[0].path))
    run.model.write_bytes(whole)
    assert done.returncode == 1 and done.stdout == ""
    assert f"{run.model.name} is not the file that manifest.json describes" in done.stderr


def test_the_state_dicts_script_uses_asrquant(exported, examples) -> None:
    live, artifact = exported("mixed-int8", "state-dict")
    environment = {**os.environ, "PYTHONPATH": str(Path(asrquant.__file__).parents[1])}
    command = [sys.executable, str(artifact.folder / "transcribe.py"), str(examples[0].path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == live.transcribe(examples[0].path).text
    assert done.stderr == "decoder: ngram\n"
    assert not (artifact.folder / "__pycache__").exists()


def test_what_the_scripts_share_is_one_text() -> None:
    """Each goes into an artifact alone, where it can import nothing of ours, so that they cannot share a file."""
    engines = Path(asrquant.__file__).parent / "engines"
    shared = []
    for path in sorted(engines.glob("*/transcribe_*.py")):
        if path.name == "transcribe_asrquant.py":  # which decodes with asrquant
            continue
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        named = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
        constants = [
            each for each in tree.body if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
        ]
        parts = [*constants, named["text_of"], named["named"]]
        shared.append([ast.get_source_segment(text, part) for part in parts])
    assert len(shared) == 3 and shared[0] == shared[1] == shared[2] and len(shared[0]) == 6
