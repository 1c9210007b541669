"""Tables, names and numbers → text, for terminals and Markdown."""

from __future__ import annotations

import re

import pandas as pd


def aligned(table: pd.DataFrame) -> str:
    """Columns padded with spaces."""
    cells = [list(map(str, table.columns)), *(list(map(str, row)) for row in table.itertuples(index=False))]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


_MARKUP = re.compile(r"[\\`*\[\]<>|~#$&]|(?<![^\W_])_|_(?![^\W_])")
"""What means something to Markdown, wherever it stands; an underscore within a word does not."""


def one_line(text: str) -> str:
    """Text without line breaks, and with a sign in the place of what cannot be printed."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in " ".join(text.split()))


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, in one line: for names that somebody else chose."""
    return _MARKUP.sub(r"\\\g<0>", one_line(text))


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table; its cells and headings are shown as they are."""
    rows = [[escaped(str(cell)) for cell in row] for row in (table.columns, *table.itertuples(index=False))]
    rows.insert(1, ["---"] * len(table.columns))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def rounded(value: float, form: str) -> str:
    """A number in Python's format language, such as ``+.1f``; what rounds to zero has no sign, as nothing has changed.

    ``rounded(-0.04, "+.1f")`` and ``rounded(0.04, "+.1f")`` are ``0.0``; ``rounded(-0.06, "+.1f")`` is ``-0.1``.
    """
    text = format(value, form)
    return text if text.strip("+-0.,e%") else text.lstrip("+-")
