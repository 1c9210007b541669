"""How long work reports itself: a callback, which may raise ``Cancelled`` to stop the work."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)``, for example ``("calibrating", 4, 10)``, before each step."""


def silent(stage: str, done: int, total: int) -> None:
    """Report to nobody."""
