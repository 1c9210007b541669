"""How long work reports itself: a callback, which may raise ``Cancelled`` to stop the work."""

from __future__ import annotations

import sys
from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)``, for example ``("calibrating", 4, 10)``, before each step."""

BYTES = "(bytes)"
"""Ends a stage whose steps are bytes, for whoever shows them as people read them."""


def nobody_watches() -> bool:
    """Whether standard error is a file or a pipe, which a bar would fill with a line a step; notebooks do show bars."""
    return not sys.stderr.isatty() and "ipykernel" not in sys.modules


def silent(stage: str, done: int, total: int) -> None:
    """Report to nobody."""
