"""The README and docs/ say what is there: files, presets, public names, and a diagram as it was drawn."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from written import PAGES, ROOT, fences, name, prose

import asrquant

README = ROOT / "README.md"
DOCS = ROOT / "docs"
ARCHITECTURE = DOCS / "architecture.md"
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def table(page: Path, head: str) -> list[list[str]]:
    """The cells of the first table with this head, a row a list."""
    rows = page.read_text(encoding="utf-8").split(f"{head}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 160


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files(page: Path) -> None:
    assert [link for link in LINK.findall(prose(page)) if not (page.parent / link).exists()] == []


def test_the_readme_leads_to_every_page_of_the_first_rank() -> None:
    led = {Path(link).name for link in LINK.findall(prose(README))}
    included = {"index.md", "security.md", "contributing.md", "changelog.md", "settings.md"}
    assert {page.name for page in DOCS.glob("*.md")} - included <= led


def test_every_page_is_on_the_site() -> None:
    listed = set(re.findall(r"[\w/-]+\.md\b", (ROOT / "mkdocs.yml").read_text().split("\nnav:")[1]))
    assert listed == {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}


def test_presets_are_those_that_there_are() -> None:
    rows = table(README, "| preset | what it does |")
    assert {found for row in rows for found in re.findall(r"`([\w-]+)`", row[0])} == {*asrquant.PRESETS, "custom"}
    assert table(DOCS / "presets.md", "| preset | what it does |") == rows


def test_decoders_are_those_that_there_are() -> None:
    rows = table(DOCS / "models.md", "| decoder | what it does |")
    assert {row[0].strip("`") for row in rows} == set(asrquant.DECODERS)


def test_first_results_are_an_excerpt_of_what_was_printed() -> None:
    whole = table(DOCS / "benchmarks" / "embedded.md", "| preset | WER (%) | change (points) | RTF encoder | RTF whole | "
                  "encoder speed-up | p50 / p95 (ms) | size (MB) | build (s) | load (s) | peak (MB) |")  # fmt: skip
    printed = {row[0]: [row[1], row[2], row[5], row[7]] for row in whole}
    for preset, *figures in table(README, "| preset | WER (%) | change (points) | encoder speed-up | size (MB) |"):
        assert figures == printed[preset.strip("`")]


def test_the_reference_has_every_public_name() -> None:
    named = re.findall(r"^::: asrquant\.(\w+)$", (DOCS / "reference.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(asrquant.__all__)


def test_the_architecture_names_files_that_there_are() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    (diagram,) = fences(ARCHITECTURE, "mermaid")
    drawn = re.findall(r'\w+\["[^"]*<br>([^"]+)"\]', diagram)
    assert len(drawn) == diagram.count('["') > 10
    named = {*(f"asrquant/{file}" for file in drawn), *re.findall(r"`(asrquant/[\w/.]+)`", text)}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_rooms_are_in_the_order_in_which_they_may_import() -> None:
    from test_layout import ROOMS

    rows = table(ARCHITECTURE, "| room | what it does | where to begin |")
    assert [row[0].strip("`") for row in rows] == [room for room in ROOMS if room != "__main__"]


def test_the_diagram_was_drawn_from_what_is_written() -> None:
    """After a change: examples/pictures.py --mermaid (docs/developing.md)."""
    picture = (DOCS / "pictures" / "architecture.svg").read_text(encoding="utf-8")
    (text,) = fences(ARCHITECTURE, "mermaid")
    assert html.unescape(picture.split("<desc>")[1].split("</desc>")[0]) == text


def test_the_citation_is_of_this_version() -> None:
    said = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(said)
    assert (said["version"], said["license"]) == (asrquant.__version__, "Apache-2.0")


def test_a_commit_is_looked_at_as_make_check_does() -> None:
    hooks = YAML(typ="safe").load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nstyle:")[1].split("\n\n")[0]
    asked = [line.strip().replace("$(BIN)", ".venv/bin").removesuffix(" .") for line in recipe.splitlines()[1:]]
    assert [hook["entry"] for hook in hooks] == asked


def test_what_a_new_thing_touches_is_there() -> None:
    """The files that CONTRIBUTING.md names, but for those that are new, which have NAME in them."""
    named = {path for row in re.findall(r"^\| (`.*?) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
             for path in re.findall(r"`([^`]+)`", row)}  # fmt: skip
    assert (
        len(named) > 20 and [path for path in sorted(named) if "NAME" not in path and not (ROOT / path).exists()] == []
    )
