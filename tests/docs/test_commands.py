"""Every command line of the README and of docs/ is one that asrquant takes, and the quick ones run; so does the Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from written import PAGES, ROOT, Command, commands, fences, lines, name

from asrquant.cli import main
from asrquant.cli.command import _parser
from asrquant.measure.conditions import here
from asrquant.measure.search.found import Found, Limits, Point, write_found
from asrquant.measure.search.trial import Measured
from asrquant.model.presets import PRESETS
from asrquant.sources.listed import LISTED

COMMANDS = commands()
QUICK = {"compare", "data", "transcribe", "modules", "verify"}
PYTHON = [(name(page), code) for page in PAGES for code in fences(page, "python", "py")]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples) -> Path:
    """A folder with what the pages speak of: clips and the checkout's examples."""
    for clip in ("clip.flac", "one.wav", "two.wav"):
        shutil.copy(examples[0].path, tmp_path / clip)
    samples = examples[0].audio().samples
    soundfile.write(tmp_path / "call.wav", np.stack([samples, samples[::-1]], 1), 16_000)
    shutil.copytree(ROOT / "examples" / "clips" / "eval", tmp_path / "PATH")
    shutil.copy(ROOT / "tests" / "nemo" / "quartznet.nemo", tmp_path / "model.nemo")
    write_found(three_points(), tmp_path / "found.json")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def three_points() -> Found:
    """What a search may have found, for commands that name one of its points."""
    measured = Measured(0.001, 0.0, (1.0,), (0.5,), 7_000_000)
    points = [Point(1, each, PRESETS[each], measured) for each in ("dynamic-int8", "mixed-int8", "dynamic-float16")]
    return Found(
        "an4",
        "greedy",
        "clips",
        1,
        1,
        0,
        "WER",
        1,
        4,
        0,
        0.1,
        False,
        Limits(max_nats=0.01),
        tuple(points),
        1,
        17_000_000,
        here(),
    )


def test_the_pages_have_commands_and_python() -> None:
    named = {command.words[0] for command in COMMANDS}
    assert {
        "compare",
        "data",
        "benchmark",
        "modules",
        "sensitivity",
        "export",
        "transcribe",
        "verify",
        "pin",
        "search",
        "space",
    } <= named
    assert len(COMMANDS) > 20 and len(PYTHON) > 2


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_one_that_asrquant_takes(command: Command, desk: Path, capsys) -> None:
    try:
        assert _parser().parse_args(command.words).run
    except SystemExit as end:
        assert end.code == 0 and "--help" in command.words, capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        each if each.page == "README.md" else pytest.param(each, marks=pytest.mark.long)
        for each in COMMANDS
        if each.words[0] in QUICK
    ],
    ids=str,
)
def test_a_quick_command_runs(command: Command, desk: Path, exported, capsys) -> None:
    if any(word in LISTED for word in command.words):
        pytest.skip("asks the Hub; tests/sources does, on a local one")
    if "DIR" in command.words:
        (desk / "DIR").symlink_to(exported("dynamic-int8", "torchscript")[1].folder)
    if "--help" in command.words:
        with pytest.raises(SystemExit, match=r"^0$"):
            main(command.words)
    else:
        assert main(command.words) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(("page", "code"), PYTHON, ids=lambda value: value if value.endswith(".md") else "")
def test_python_compiles(page: str, code: str) -> None:
    compile(code, page, "exec")


@pytest.mark.parametrize(
    ("page", "code"),
    [each if each[0] == "README.md" else pytest.param(*each, marks=pytest.mark.long) for each in PYTHON],
    ids=lambda value: value if value.endswith(".md") else "",
)
def test_python_runs(page: str, code: str, desk: Path) -> None:
    if "gradio_client" in code:
        pytest.skip("asks a running page; tests/ui/test_api.py does")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ASRQUANT_EXPORTS": str(desk / "exports")}
    ran = subprocess.run([sys.executable, "-c", code], cwd=desk, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


def test_programs_and_targets_are_there() -> None:
    """What else is to be typed: ``python examples/…``, ``make …``."""
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for line in lines(page):
            if match := re.match(r"(?:\S+=\S+ )*\S*python[\d.]* (?:-m pytest -s )?(\S+\.py)\b", line):
                assert (ROOT / match[1]).is_file(), f"{name(page)}: {line}"
            if match := re.match(r"make (\w+)", line):
                assert match[1] in targets, f"{name(page)}: {line}"
