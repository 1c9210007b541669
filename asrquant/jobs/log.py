"""The server's log on standard error, and the lines that tell of each request."""

from __future__ import annotations

import logging

_log = logging.getLogger(__name__)


def configure() -> None:
    """Show what asrquant logs, from INFO up; other libraries keep what they have."""
    ours = logging.getLogger("asrquant")
    if not ours.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        ours.addHandler(handler)
        ours.setLevel(logging.INFO)
        ours.propagate = False


def line(event: str, **facts: object) -> None:
    """Write ``event key=value key=value``; what is None is left out."""
    said = {name: f"{v:.3f}" if isinstance(v, float) else v for name, v in facts.items() if v is not None}
    _log.info("%s %s", event, " ".join(f"{name}={value}" for name, value in said.items()))
