"""For mkdocs: what the pages of docs/ need on the site, and not where they are read as files."""

import re
from pathlib import Path
from typing import Any

_DOCS = Path(__file__).parents[1]
_TOP = {"security.md": "SECURITY.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
"""Pages that are, on the site, files at the top of the repository."""
_FENCE = re.compile(r"^```mermaid\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page, with links to the top of the repository led to pages, and a picture in place of its Mermaid diagram.

    docs/pictures has the picture; examples/pictures.py drew it.
    """
    name = page.file.src_path
    up = "../"
    if name in _TOP:
        up = ""
        markdown = (_DOCS.parent / _TOP[name]).read_text(encoding="utf-8").replace("](docs/", "](")
    for here, top in _TOP.items():
        markdown = markdown.replace(f"]({up}{top}", f"]({here}")
    if not _FENCE.search(markdown):
        return markdown
    picture = (_DOCS / "pictures" / f"{name.removesuffix('.md')}.svg").read_text(encoding="utf-8")
    return _FENCE.sub(lambda _fence: f'<div class="diagram">{picture}</div>\n', markdown)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """The page, marked as one of figures where a command wrote its tables."""
    return f'<div class="figures">{html}</div>' if page.file.src_path.startswith("benchmarks/") else html
