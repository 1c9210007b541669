"""Values as they come from outside: what is wrong with one is said in a sentence, and nothing is put right in silence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from asrquant.base.errors import RequestError

MAX_REFERENCE = 2_000
"""Characters of a reference."""
_SHOWN = 40
"""Characters of a wrong value that its sentence repeats."""


def whole(value: object, what: str, least: int, most: int) -> int:
    """A whole number within bounds, both included.

    Args:
        value: as it came.
        what: begins the sentence, such as "The number of runs".
        least: lowest that is taken.
        most: highest that is taken.

    Raises:
        RequestError: it is none, or out of bounds.
    """
    found = _number(value)
    if found is None or found != int(found) or not least <= found <= most:
        raise RequestError(f"{what} is {shown(value)}; give a whole number from {least} to {most}.")
    return int(found)


def number(value: object, what: str, least: float, most: float) -> float:
    """A number within bounds, both included.

    Raises:
        RequestError: as ``whole``.
    """
    found = _number(value)
    if found is None or not least <= found <= most:
        raise RequestError(f"{what} is {shown(value)}; give a number from {least:g} to {most:g}.")
    return float(found)


def flag(value: object, what: str) -> bool:
    """Yes or no.

    Raises:
        RequestError: it is neither.
    """
    if not isinstance(value, bool):
        raise RequestError(f"{what} is {shown(value)}; give true or false.")
    return value


def reference_words(value: object) -> str:
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


def shown(value: object) -> str:
    """A value in a sentence, not too much of it."""
    if value is None or value == "":
        return "empty"
    said = repr(value)
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"


def _number(value: object) -> int | float | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None


def by(check: Callable[[object], object]) -> Mapping[str, Callable[[object], object]]:
    """Metadata of a field of a ``Checked``: what makes a value of the field's type of one that came from outside."""
    return {_CHECK: check}


_CHECK = "check"


@dataclass(frozen=True)
class Checked:
    """A dataclass whose fields are checked as it is made, each by its own check (``field(metadata=by(…))``)."""

    def __post_init__(self) -> None:
        """Replace each value by what its check makes of it; raises what the check does."""
        for each in fields(self):
            if check := each.metadata.get(_CHECK):
                object.__setattr__(self, each.name, check(getattr(self, each.name)))
