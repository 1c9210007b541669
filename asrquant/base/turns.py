"""Fair timing: whoever runs after another finds its memory in the caches, so that nobody may always come first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")


def in_turn(items: Sequence[_T], turn: int) -> tuple[_T, ...]:
    """The items from the one whose turn it is, and round: over as many turns as there are items, each comes first once.

    ``in_turn("abc", 1)`` is ``("b", "c", "a")``.

    Args:
        items: at least one.
        turn: any number; -1 is the turn before 0.
    """
    at = turn % len(items)
    return (*items[at:], *items[:at])
