"""Imports run one way, from room to room and from file to file, and each library is known in one place only."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "asrquant"
ROOMS = [
    "base", "audio", "text", "data", "model", "sources", "engines", "measure", "show", "export", "tutorial", "jobs", "cluster",
    "cli", "__main__", "ui",
]  # fmt: skip
"""In the order of the data's way: each imports only from itself and from those before it."""
ALLOWED = {
    "gradio": {"ui"},
    "ray": {"cluster"},
    "optuna": {"measure"},
    "sqlalchemy": {"measure"},
    "openvino": {"engines"},
    "nncf": {"engines"},
    "onnxruntime": {"engines"},
    "onnx": {"engines"},
    "plotly": {"show"},
    "soundfile": {"audio", "engines"},
    "av": {"audio"},
    "speechbrain": {"sources", "text", "tutorial"},
    "torchaudio": {"base"},
}
LINES = 300


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {name_of(path): path for path in FILES}


def imports(path: Path) -> set[str]:
    """Modules that a file imports, also within functions; of this package, the files themselves."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            names |= {each if each in MODULES else node.module for each in whole.values()}
    return names


def room(module: str) -> str:
    """The room of ``asrquant.room.file``; empty for the package itself, which opens all of them."""
    return module.partition(".")[2].partition(".")[0]


IMPORTS = {name: imports(path) for name, path in MODULES.items()}
INSIDE = [name for name in MODULES if room(name)]


@pytest.mark.parametrize("module", INSIDE)
def test_a_room_imports_only_from_those_before_it(module: str) -> None:
    here = ROOMS.index(room(module))
    later = [name for name in IMPORTS[module] if name.startswith("asrquant.") and ROOMS.index(room(name)) > here]
    assert later == []


@pytest.mark.parametrize("module", INSIDE)
def test_a_library_stays_in_its_place(module: str) -> None:
    for name in IMPORTS[module]:
        library = name.split(".")[0]
        assert room(module) in ALLOWED.get(library, {room(module)}), f"{module} imports {library}"


def test_no_file_imports_itself_by_way_of_others() -> None:
    ours = {name: {other for other in IMPORTS[name] if other in MODULES} for name in INSIDE}
    assert list(TopologicalSorter(ours).static_order())  # raises CycleError, with the circle


def test_every_file_is_in_a_room() -> None:
    assert {room(name) for name in INSIDE} == set(ROOMS)
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= set(ROOMS)


def test_folders_open_their_rooms_and_define_nothing() -> None:
    for path in FILES:
        if path.name == "__init__.py" and path.parent != PACKAGE:
            body = ast.parse(path.read_text()).body
            assert all(isinstance(node, ast.Expr | ast.ImportFrom | ast.Assign) for node in body), path
            assert [ast.unparse(node.targets[0]) for node in body if isinstance(node, ast.Assign)] in ([], ["__all__"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_read_in_one_go(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LINES
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


def test_the_worker_starts_without_the_page() -> None:
    """It runs app.py's first lines as well, as every spawned process does its parent's."""
    code = "import runpy, sys, asrquant.jobs.worker; runpy.run_path('app.py', run_name='__mp_main__')"
    code += "; print('gradio' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert ran.stdout.split()[-1] == "False"


def test_an_artifact_is_loaded_without_charts() -> None:
    code = "import sys, asrquant; print('plotly' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert ran.stdout.split()[-1] == "False"
