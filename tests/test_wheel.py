"""``pip install .``: it works from any directory, and what it asks for fits what was tested."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from asrquant.base import assets
from asrquant.cli import main
from asrquant.export import space

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
WANTED = [
    Requirement(each) for each in [*PROJECT["dependencies"], *(each for extra in EXTRAS.values() for each in extra)]
]
needs_backend = pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None, reason="no hatchling here (tests/requirements.txt)"
)


def pins(*files: str) -> dict[str, str]:
    lines = [line.split("#")[0].strip() for file in files for line in (ROOT / file).read_text().splitlines()]
    return dict(line.lower().replace("_", "-").split("==") for line in lines if "==" in line)


def pip(*arguments: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        *arguments,
        "--quiet",
        "--no-deps",
        "--no-index",
        "--disable-pip-version-check",
    ]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel is installed in, alone."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("asrquant-*.whl")
    pip("install", "--target", str(folder / "site"), str(wheel))
    return folder / "site"


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Start the command, or with ``-c`` Python, in a folder, with nothing of the checkout in sight."""
    program = arguments if arguments[0] == "-c" else (str(installed / "bin" / "asrquant"), *arguments)
    environment = {name: value for name, value in os.environ.items() if name != "ASRQUANT_EXPORTS"}
    environment |= {"PYTHONPATH": str(installed), "ASRQUANT_CACHE": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, *program], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


@needs_backend
def test_a_clip_is_transcribed_from_an_empty_directory(installed: Path, tmp_path: Path) -> None:
    clip = installed / "asrquant" / "assets" / "examples" / "clips" / "eval" / "mdms2" / "1" / "mdms2-1-cen2.flac"
    ran = run(installed, tmp_path, "transcribe", str(clip), "--preset", "original")
    assert (ran.returncode, ran.stdout.strip()) == (0, "D A V I D"), ran.stderr


@needs_backend
def test_python_has_model_clips_and_types_there(installed: Path, tmp_path: Path) -> None:
    code = "import asrquant; print(asrquant.__file__, len(asrquant.calibration_clips(20)), asrquant.load().transcribe("
    code += "asrquant.example_clips()[0].path).text)"
    ran = run(installed, tmp_path, "-c", code)
    assert ran.stdout.startswith(f"{installed / 'asrquant' / '__init__.py'} 20 "), ran.stderr
    assert (installed / "asrquant" / "py.typed").is_file()
    assert not (installed / "artifacts").exists() and not (installed / "examples").exists()


@needs_backend
@pytest.mark.long
def test_artifacts_go_to_the_working_directory_and_a_space_needs_a_checkout(installed: Path, tmp_path: Path) -> None:
    ran = run(installed, tmp_path, "export", "--preset", "dynamic-int8", "--no-benchmark")
    assert ran.returncode == 0 and (tmp_path / "exports" / "an4-dynamic-int8-torchscript").is_dir(), ran.stderr
    ran = run(installed, tmp_path, "space", "user/name", "--dry-run")
    assert ran.returncode == 2 and "A Space is sent from a checkout" in ran.stderr and "Traceback" not in ran.stderr


@needs_backend
def test_the_wheel_has_every_file_of_the_package_and_nothing_else(installed: Path) -> None:
    listing = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run([*listing, "asrquant", "artifacts", "examples/clips"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no checkout of git's")
    names = [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]
    moved = {name if name.startswith("asrquant/") else f"asrquant/assets/{name}" for name in names}
    here = {path.relative_to(installed).as_posix() for path in (installed / "asrquant").rglob("*") if path.is_file()}
    assert {name for name in here if "__pycache__" not in name} == moved


def test_a_checkout_has_its_own(model_folder: Path) -> None:
    assert assets.checkout() == assets.assets() == ROOT == space.ROOT
    assert model_folder.is_relative_to(assets.assets())
    assert assets.default_exports_folder() == ROOT / "artifacts" / "exports"


def test_without_a_checkout_a_sentence_says_so(monkeypatch, capsys) -> None:
    monkeypatch.setattr(space, "ROOT", None)
    assert main(["space", "user/name", "--dry-run"]) == 2
    assert "clone the repository" in capsys.readouterr().err


def test_what_is_asked_for_holds_what_was_tested() -> None:
    """Each range of pyproject.toml holds its pin of the requirements, and no library is pinned that is not asked for."""
    names = {requirement.name.lower().replace("_", "-") for requirement in WANTED}
    assert set(pins("requirements.txt")) <= names
    tested = pins("requirements.txt", "tests/requirements.txt")
    unpinned = names - set(tested)
    assert unpinned == {"datasets"}  # which tests stand in for
    for requirement in WANTED:
        if (name := requirement.name.lower().replace("_", "-")) in tested:
            assert requirement.specifier.contains(tested[name]), requirement
            assert "==" not in str(requirement.specifier), "a range, not a pin"
