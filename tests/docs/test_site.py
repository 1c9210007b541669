"""The pages as a site: built without a warning, and it asks no other server for anything."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from written import ROOT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None, reason="no mkdocs here (docs/requirements.txt)"
)
FETCHED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=[\"']?((?:https?:)?//[^\"' >]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return folder


def test_it_is_built_without_a_warning(site: Path) -> None:
    assert (site / "index.html").is_file() and (site / "benchmarks" / "embedded.html").is_file()
    assert not list(site.rglob("*.py")) and not (site / "requirements.txt").exists()


def test_it_asks_nobody(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    assert [found for page in pages for found in FETCHED.findall(page.read_text(encoding="utf-8"))] == []


def test_what_is_included_and_what_is_drawn_is_there(site: Path) -> None:
    assert "What is promised" in (site / "security.html").read_text(encoding="utf-8")
    assert "<svg" in (site / "architecture.html").read_text(encoding="utf-8").split("</header>")[1]
    assert "Load a float recognizer" in (site / "reference.html").read_text(encoding="utf-8")
