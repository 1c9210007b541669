"""Numbers → text."""

from __future__ import annotations


def rounded(value: float, form: str) -> str:
    """A number in Python's format language, such as ``+.1f``; what rounds to zero has no sign, as nothing has changed.

    ``rounded(-0.04, "+.1f")`` and ``rounded(0.04, "+.1f")`` are ``0.0``; ``rounded(-0.06, "+.1f")`` is ``-0.1``.
    """
    text = format(value, form)
    return text if text.strip("+-0.,e%") else text.lstrip("+-")
