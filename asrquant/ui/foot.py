"""The foot of the page: what becomes of a clip, and whose page this is."""

from __future__ import annotations

import re
from html import escape

import asrquant
from asrquant.base.policy import policy
from asrquant.base.settings import settings

_LICENCE = '<a href="https://www.apache.org/licenses/LICENSE-2.0" target="_blank" rel="noopener">Apache-2.0</a>'


def words(kept_minutes: int) -> str:
    """The foot, as HTML.

    Args:
        kept_minutes: after which an uploaded clip is deleted at the latest.
    """
    return f"<p>{escape(privacy(kept_minutes))}</p><p>{about()}</p>"


def privacy(kept_minutes: int) -> str:
    """What becomes of a clip, in a line; ``SECURITY.md`` has the tests that hold it."""
    where = "on this server" if policy().public else "on the machine that serves this page"
    return (
        f"Your clip is recognized {where} and passed on to nobody; it is deleted within {kept_minutes} minutes, and the log has "
        "none of its words. On the tab On your device it does not leave your browser."
    )


def about() -> str:
    """Version, source, issues and licence, as HTML; a Space knows where its source lies, another copy does not."""
    parts = [f"asrquant {asrquant.__version__}"]
    space = settings().space
    if re.fullmatch(r"[\w.-]+/[\w.-]+", space):
        address = f"https://huggingface.co/spaces/{space}"
        parts += [_link(f"{address}/tree/main", "source"), _link(f"{address}/discussions", "issues")]
    else:
        parts += ["source and issues: where this copy came from"]
    return " · ".join([*parts, f"licence {_LICENCE}"])


def _link(address: str, name: str) -> str:
    return f'<a href="{escape(address)}" target="_blank" rel="noopener">{escape(name)}</a>'
