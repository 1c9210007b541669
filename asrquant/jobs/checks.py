"""Values as they come from outside: what is wrong with one is said in a sentence, and nothing is put right in silence."""

from __future__ import annotations

import math
from typing import Any

from asrquant.base.errors import RequestError

MAX_REFERENCE = 2_000
"""Characters of a reference."""
_SHOWN = 40
"""Characters of a wrong value that its sentence repeats."""


def whole(value: Any, what: str, least: int, most: int) -> int:
    """A whole number within bounds, both included.

    Args:
        value: as it came.
        what: begins the sentence, such as "The number of runs".
        least: lowest that is taken.
        most: highest that is taken.

    Raises:
        RequestError: it is none, or out of bounds.
    """
    if not _is_number(value) or value != int(value) or not least <= value <= most:
        raise RequestError(f"{what} is {shown(value)}; give a whole number from {least} to {most}.")
    return int(value)


def number(value: Any, what: str, least: float, most: float) -> float:
    """A number within bounds, both included.

    Raises:
        RequestError: as ``whole``.
    """
    if not _is_number(value) or not least <= value <= most:
        raise RequestError(f"{what} is {shown(value)}; give a number from {least:g} to {most:g}.")
    return float(value)


def reference_words(value: Any) -> str:
    """What is said in a clip; None is nothing.

    Raises:
        RequestError: it is no text, or longer than ``MAX_REFERENCE``: a part of it would give a WER that is wrong.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestError(f"The reference is {shown(value)}; give the words that are said, as text.")
    if len(value) > MAX_REFERENCE:
        raise RequestError(
            f"The reference has {len(value):,} characters and at most {MAX_REFERENCE:,} are taken: shorten it, or leave it out."
        )
    return value


def shown(value: Any) -> str:
    """A value in a sentence, not too much of it."""
    if value is None or value == "":
        return "empty"
    said = repr(value)
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"


def _is_number(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and math.isfinite(value)
    )
