"""For mkdocs: what the pages of docs/ need on the site, and not where they are read as files."""

import re
from pathlib import Path
from typing import Any

_FENCE = re.compile(r"^```mermaid\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
_PICTURES = Path(__file__).parents[1] / "pictures"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page, with a picture in place of its Mermaid diagram: docs/pictures has it, examples/pictures.py drew it."""
    if not _FENCE.search(markdown):
        return markdown
    picture = (_PICTURES / f"{page.file.src_path.removesuffix('.md')}.svg").read_text(encoding="utf-8")
    return _FENCE.sub(lambda _fence: f'<div class="diagram">{picture}</div>\n', markdown)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """The page, marked as one of figures where a command wrote its tables."""
    return f'<div class="figures">{html}</div>' if page.file.src_path.startswith("benchmarks/") else html
