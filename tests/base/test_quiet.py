"""The terminal and Python say what we say: libraries are heard only by those who ask, and reasons never get lost."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import kenlm
import pytest
from small_models import write_base, write_speechbrain, write_transformers

import asrquant
from asrquant import Recognizer
from asrquant.base import quiet
from asrquant.base.quiet import Shared, kenlm_quietly, quietly
from asrquant.cli.common import Bar

ROOT = Path(__file__).parents[2]
CLIP = str(asrquant.example_clips()[0].path)
NGRAM = str(ROOT / "artifacts" / "an4-wav2vec2-ctc" / "lm.arpa.ckpt")


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process of its own, every warning shown that reaches Python's filters."""
    return subprocess.run(
        [sys.executable, "-W", "default", "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


@pytest.mark.long
def test_python_says_nothing(tmp_path: Path) -> None:
    said = run(
        """
import sys, asrquant
clip, folder = sys.argv[1:]
original = asrquant.load()
for decoder in asrquant.DECODERS:
    original.with_decoder(decoder).transcribe(clip)
asrquant.compare(original, asrquant.quantize(original, "mixed-int8"), clip, runs=1)
artifact = asrquant.export(original, "torchscript", folder)
asrquant.load_artifact(artifact.path).transcribe(clip)
import asrquant.tutorial
""",
        CLIP,
        str(tmp_path),
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_a_build_for_gpus_says_nothing_without_one() -> None:
    said = run(
        """
import logging, asrquant, torch.utils.cpp_extension
log = logging.getLogger("torch.utils.cpp_extension")
log.warning("No CUDA runtime is found")
log.error("a real fault")
"""
    )
    assert "No CUDA" not in said.stderr and "a real fault" in said.stderr


@pytest.mark.long
def test_the_terminal_says_only_what_we_say(tmp_path: Path) -> None:
    said = run(
        """
import sys
from pathlib import Path
from asrquant.cli import main
clip, folder = sys.argv[1:]
assert main(["compare", clip, "--preset", "openvino-int8", "--decoder", "fast", "--runs", "1"]) == 0
assert main(["benchmark", "--limit", "1", "--preset", "dynamic-int8", "--no-deployment"]) == 0
assert main(["modules", "--preset", "dynamic-int8"]) == 0
assert main(["export", "--preset", "mixed-int8", "--format", "torchscript", "--no-benchmark", "--out", folder]) == 0
""",
        CLIP,
        str(tmp_path),
    )
    assert (said.returncode, said.stderr) == (0, "")
    for word in ("Warning", "Loading", "unigrams", "[transformers]", "it/s", "INFO", "%|", "Applying"):
        assert word not in said.stdout
    # In a process that has quantized nothing, PyTorch prints what it has to say of quantized tensors past Python.
    (artifact,) = (path for path in tmp_path.iterdir() if not path.name.startswith("."))
    heard = run("import sys; from asrquant.cli import main; sys.exit(main(sys.argv[1:]))", "verify", str(artifact))
    assert (heard.returncode, heard.stderr) == (0, "")
    script = [sys.executable, "-W", "default", str(artifact / artifact.name / "transcribe.py"), CLIP]
    alone = subprocess.run(script, capture_output=True, text=True, timeout=120)
    assert alone.returncode == 0
    first, *rest = (
        alone.stderr.splitlines()
    )  # KenLM may say that it reads, as the script is without what keeps it from that
    assert first.startswith("decoder: ") and all(
        line.startswith(("Loading the LM", "Reading ", "----5", "****")) for line in rest
    )


@pytest.mark.long
def test_models_of_transformers_own_and_in_speechbrains_wrapper(tmp_path: Path) -> None:
    write_base(tmp_path / "base")
    folders = [
        write_transformers("wav2vec2", tmp_path / "wav2vec2"),
        write_speechbrain(tmp_path / "sb", tmp_path / "base"),
    ]
    said = run(
        """
import sys, asrquant
out, clip, *folders = sys.argv[1:]
for folder, form in zip(folders, ("torchscript", "state-dict")):
    model = asrquant.load(folder, trust_source=True)
    asrquant.load_artifact(asrquant.export(model, form, out).path).transcribe(clip)
""",
        str(tmp_path / "out"),
        CLIP,
        *map(str, folders),
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_verbose_lets_them_speak() -> None:
    said = run("import sys; from asrquant.cli import main; sys.exit(main(sys.argv[1:]))", "-v", "transcribe", CLIP)
    assert said.returncode == 0 and len(said.stdout.splitlines()) == 1
    assert "Loading the LM" in said.stderr and "unigrams" in said.stderr


def test_kenlm_is_silenced_and_nobody_else(capfd) -> None:
    """Not standard error is closed, as a crash and other threads write there, but KenLM's own stream."""
    with kenlm_quietly():
        kenlm.Model(NGRAM)
        os.write(2, b"the reason\n")
    assert capfd.readouterr().err == "the reason\n"
    kenlm.Model(NGRAM)
    assert "Loading the LM" in capfd.readouterr().err


def test_a_change_lasts_until_the_last_thread_has_left() -> None:
    """One that came first and leaves first does not take the quiet from the other, and then it is over."""
    before = warnings.filters[:]
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with quietly():
            first_in.set()
            second_in.wait(10)
        first_out.set()

    thread = threading.Thread(target=first)
    thread.start()
    first_in.wait(10)
    with quietly():
        second_in.set()
        first_out.wait(10)
        assert warnings.filters[0][0] == "ignore"
    thread.join()
    assert warnings.filters == before


def test_a_change_is_undone_by_an_error() -> None:
    state = []

    @quiet.contextmanager
    def change():
        state.append("on")
        try:
            yield
        finally:
            state.append("off")

    shared = Shared(change)
    with pytest.raises(ZeroDivisionError), shared, shared:
        raise ZeroDivisionError
    assert state == ["on", "off"]


def test_what_a_callback_prints_is_heard(greedy: Recognizer, capsys) -> None:
    """NNCF draws its bars on standard output; they are not drawn, and nothing else is held back."""
    asrquant.quantize(greedy, "openvino-int8", progress=lambda stage, *_: print(stage))
    out = capsys.readouterr().out
    assert set(out.splitlines()) == {
        "converting to OpenVINO", "checking what was converted", "preparing to calibrate", "calibrating",
        "correcting biases, layer", "compiling",
    }  # fmt: skip


def test_errors_of_speechbrain_are_heard_and_its_advice_is_not(capsys, monkeypatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging, "lastResort", logging.StreamHandler(sys.stderr))
    log = logging.getLogger("speechbrain.decoders.ctc")
    log.warning("Only 99 unigrams passed")
    log.error("the file is broken")
    assert capsys.readouterr().err == "the file is broken\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_bars_are_for_terminals(monkeypatch, terminal: bool) -> None:
    """In a log file each step would be a line."""
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", stream)
    with Bar() as progress:
        progress("calibrating", 0, 2)
        progress("calibrating", 1, 2)
    assert ("calibrating" in stream.getvalue()) == terminal
