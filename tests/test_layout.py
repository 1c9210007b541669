"""Imports run one way, and each library is known in one place only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "asrquant"
ORDER = [
    "errors", "account", "terminal", "progress", "quiet", "files", "rounding", "fresh", "hub", "compat", "formats",
    "sound", "audio", "recording", "dataset", "modules", "footprint", "presets", "decoding", "windows", "recognizer",
    "metrics", "divergence", "anatomy", "sources", "pinning", "engines", "sensitivity", "deployment", "compare", "report",
    "journal", "archive", "benchmark", "charts", "report_files", "text", "export", "tutorial", "cli", "__main__", "jobs",
    "ui",
]  # fmt: skip
ALLOWED = {
    "gradio": {"ui"},
    "openvino": {"engines"},
    "nncf": {"engines"},
    "soundfile": {"formats", "engines"},
    "av": {"formats"},
    "speechbrain": {"compat", "sources", "decoding", "metrics", "tutorial"},
}


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_what_stands_above_it(path: Path) -> None:
    here = ORDER.index(room(path))
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "asrquant" and len(parts) > 1 and parts[1] in ORDER:
            assert ORDER.index(parts[1]) <= here, f"{path} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_library_stays_in_its_place(path: Path) -> None:
    for name in imports(path):
        library = name.split(".")[0]
        assert room(path) in ALLOWED.get(library, {room(path)}), f"{path} imports {library}"


def test_the_worker_starts_without_the_page() -> None:
    """It runs app.py's first lines as well, as every spawned process does its parent's."""
    code = "import runpy, sys, asrquant.jobs.worker; runpy.run_path('app.py', run_name='__mp_main__')"
    code += "; print('gradio' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert ran.stdout.split()[-1] == "False"


def test_every_module_has_its_place() -> None:
    assert {room(path) for path in FILES} == set(ORDER)
