"""Settings: read in one place and once, refused with a sentence, and written down as they are."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from asrquant.base import settings as settings_file
from asrquant.base.errors import SettingError
from asrquant.base.settings import Settings, settings, table, variables
from asrquant.cli import main

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "asrquant"
BAD = {
    "ASRQUANT_THREADS": ["0", "-1", "many", "2.5", " ", "1025", "9" * 30],
    "ASRQUANT_EXPORTS": [" ", "~/exports", "~somebody"],
    "ASRQUANT_EXPORTS_GB": ["0", "-1", "lots", "inf", "nan", "1e308", "4 GB", " "],
    "ASRQUANT_CACHE": [" ", "~/cache"],
    "ASRQUANT_UPLOADS_GB": ["0", "-1", "much", "inf", "nan"],
    "ASRQUANT_PUBLIC": ["2", "public", "ja", " "],
    "ASRQUANT_RACE": ["2", "never", " "],
    "ASRQUANT_SHOWCASE": ["2", "never", " "],
    "GRADIO_TEMP_DIR": ["~/files"],
    "ASRQUANT_MODELS_GB": ["0", "-1", "all", "nan"],
    "ASRQUANT_BUILD_SECONDS": ["0", "-1", "soon", "inf", "nan", "10 min"],
}
TAKES_ALL = {"OMP_NUM_THREADS", "SPACE_ID"}
"""Whose values are another program's business; any of them holds."""
MECHANISMS = {
    "__init__.py": "switches off what libraries would tell others; reads nothing",
    "engines/onnxruntime/transcribe_onnx.py": "the same, in a program that runs without asrquant",
    "base/account.py": "gives a process a HOME that has none",
    "base/fresh.py": "hands the environment to a process of our own",
    "base/pickles.py": "what PyTorch itself reads at each load is looked at, and told, at that moment and not before",
    "cluster/connection.py": "tells a Ray that this process starts to listen here only, and to report to nobody",
    "jobs/worker.py": "tells libraries and child processes where a job's temporary files go (TMPDIR)",
    "ui/server.py": "the same for a run of the page; takes from Gradio what it does on Spaces (SYSTEM)",
}
"""Files that touch the environment though they read no setting from it, and why."""


def test_an_empty_environment() -> None:
    assert (
        Settings.read({})
        == Settings()
        == Settings.read(dict.fromkeys([each.name for each in variables().values()], ""))
    )
    assert Settings().cache == Path.home() / ".cache" / "asrquant" and Settings().exports.parts[-2:] == (
        "artifacts",
        "exports",
    )


def test_every_setting_is_read() -> None:
    said = {
        "ASRQUANT_THREADS": "3", "OMP_NUM_THREADS": "2", "ASRQUANT_EXPORTS": "/x/made here", "ASRQUANT_EXPORTS_GB": "0.4",
        "ASRQUANT_CACHE": "kept", "GRADIO_TEMP_DIR": "/x/files", "ASRQUANT_UPLOADS_GB": " 2 ", "ASRQUANT_PUBLIC": "Yes",
        "SPACE_ID": "somebody/asrquant", "ASRQUANT_MODELS_GB": "7.5", "ASRQUANT_BUILD_SECONDS": "90",
        "ASRQUANT_RACE": "off",
        "ASRQUANT_SHOWCASE": "no",
    }  # fmt: skip
    assert set(said) == {each.name for each in variables().values()}
    assert Settings.read(said) == Settings(
        threads=3, openmp=True, exports=Path("/x/made here"), exports_bytes=400_000_000, cache=Path("kept"),
        models_bytes=7_500_000_000, build_seconds=90.0, race=False, showcase=False,
        uploads=Path("/x/files"), uploads_bytes=2_000_000_000, public=True, space="somebody/asrquant",
    )  # fmt: skip


@pytest.mark.parametrize(("text", "public"), [("1", True), ("on", True), ("TRUE", True), ("0", False), ("no", False)])
def test_yes_and_no(text: str, public: bool) -> None:
    assert Settings.read({"ASRQUANT_PUBLIC": text}).public is public


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_value_is_a_sentence(name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.read({name: value})
    said = str(refused.value)
    assert said.startswith(f"{name} is {value!r}; give a") or said.startswith(f"{name} is {value!r}; give 1")
    assert said.endswith(".") and "\n" not in said
    monkeypatch.setenv(name, value)
    assert main(["modules"]) == 2
    assert capsys.readouterr().err == f"asrquant: {said}\n"


def test_every_setting_that_can_be_bad_is_tried() -> None:
    assert set(BAD) | TAKES_ALL == {each.name for each in variables().values()}


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=200, check=False
    )


def test_nothing_is_read_by_an_import() -> None:
    """Nor by ``--help``; a worker and a notebook import before anybody can hear of an error."""
    code = "import asrquant.cli, asrquant.tutorial, asrquant.jobs.worker, asrquant.ui.page; asrquant.cli.main(['export', '-h'])"
    told = started("-c", code, **{name: values[0] for name, values in BAD.items()})
    assert told.returncode == 0 and "ASRQUANT_EXPORTS" in told.stdout, told.stderr


def test_the_terminal_says_it_and_exits_with_2() -> None:
    told = started("-m", "asrquant", "modules", ASRQUANT_EXPORTS_GB="lots")
    sentence = "asrquant: ASRQUANT_EXPORTS_GB is 'lots'; give a number of gigabytes above 0, such as 0.5.\n"
    assert (told.returncode, told.stdout, told.stderr) == (2, "", sentence)


def test_the_page_does_not_come_up() -> None:
    told = started("app.py", ASRQUANT_PUBLIC="please")
    sentence = "asrquant: ASRQUANT_PUBLIC is 'please'; give 1 (true, yes, on) or 0 (false, no, off).\n"
    assert (told.returncode, told.stdout, told.stderr) == (1, "", sentence)


def test_they_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_file, "_read", cache(settings_file._read))  # as it is outside of tests
    monkeypatch.setenv("ASRQUANT_THREADS", "many")
    with pytest.raises(SettingError):
        settings()
    monkeypatch.setenv("ASRQUANT_THREADS", "3")
    assert settings().threads == 3  # an error is not kept
    monkeypatch.setenv("ASRQUANT_THREADS", "4")
    assert settings().threads == 3
    monkeypatch.setattr(settings_file, "_given", None)
    settings_file.use_settings(Settings(threads=5))
    assert settings().threads == 5


def test_the_table_is_the_class() -> None:
    assert table() in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"), f"docs/settings.md needs:\n{table()}"


def test_no_text_speaks_of_another_setting() -> None:
    known = {each.name for each in variables().values()} | {"ASRQUANT_TEST_KILLS", "ASRQUANT_MUTATIONS"}
    texts = [ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md"), *PACKAGE.rglob("*.py")]
    said = {name for path in texts for name in re.findall(r"\bASRQUANT_[A-Z_]+\b", path.read_text(encoding="utf-8"))}
    assert said <= known


def touches_environment(tree: ast.AST) -> bool:
    """Whether a file names what of ``os`` is the environment."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names})
        for node in ast.walk(tree)
    )


def test_settings_are_read_in_one_file() -> None:
    settings_names = {each.name for each in variables().values()}
    touching, naming = set(), set()
    for path in (*PACKAGE.rglob("*.py"), ROOT / "app.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        name = str(path.relative_to(PACKAGE)) if PACKAGE in path.parents else path.name
        if touches_environment(tree):
            touching.add(name)
        if any(isinstance(node, ast.Constant) and node.value in settings_names for node in ast.walk(tree)):
            naming.add(name)
    assert touching == {"base/settings.py", *MECHANISMS}
    assert naming == {"base/settings.py"}
