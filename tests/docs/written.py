"""What the README and the pages of docs/ have in them: command lines, Python, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*(?:\S*python[\d.]* -m asrquant|asrquant) (?=[a-z-])(.+)")


@dataclass(frozen=True)
class Command:
    """A command line of asrquant's.

    Attributes:
        page: that it stands on.
        words: what follows ``asrquant``.
    """

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fences(page: Path, *languages: str) -> list[str]:
    """The blocks of code in these languages."""
    return [code for language, code in _FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def lines(page: Path) -> Iterator[str]:
    """Whatever may be a command line: the lines of shell blocks, and code within sentences."""
    for code in fences(page, "sh", "bash", "console"):
        yield from code.replace("\\\n", " ").splitlines()
    yield from (" ".join(code.split()) for code in _INLINE.findall(prose(page)))


def commands() -> list[Command]:
    """Those of asrquant, each once a page."""
    found: dict[Command, None] = {}
    for page in PAGES:
        for line in lines(page):
            if match := _COMMAND.fullmatch(line.strip()):
                found[Command(name(page), tuple(shlex.split(re.sub(r"\s#.*", "", match[1]))))] = None
    return list(found)
