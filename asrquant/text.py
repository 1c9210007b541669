"""Comparison and tables → plain text, for the terminal."""

from __future__ import annotations

import re

import pandas as pd

from asrquant.charts import comparison_table
from asrquant.compare import Comparison
from asrquant.divergence import Divergence


def comparison_text(comparison: Comparison) -> str:
    """Both transcripts, the words that changed, and the table."""
    lines = [
        f"{comparison.source}, {comparison.received}, decoder {comparison.decoder}, {comparison.runs} runs each",
        str(comparison.machine),
        "",
        *([f"{'reference':<18} {comparison.reference}"] if comparison.reference else []),
        f"{comparison.names[0]:<18} {comparison.original.text}",
        f"{comparison.names[1]:<18} {comparison.quantized.text}",
        f"{'changed words':<18} {changed_words(comparison)}",
        f"{'divergence':<18} {divergence_line(comparison.divergence)}",
        *([f"{'accuracy control':<18} {comparison.tuning}"] if comparison.tuning else []),
        "",
        aligned(comparison_table(comparison)),
    ]
    return "\n".join(lines)


def changed_words(comparison: Comparison) -> str:
    """The words that quantization changed: ``FIVE→NINE (1.20 s), +OH (1.52 s), -TWO (2.00 s)``, or ``none``."""
    return ", ".join(f"{change} ({change.start:.2f} s)" for change in comparison.divergence.changes) or "none"


def divergence_line(divergence: Divergence) -> str:
    """How far the encoders' answers lie apart: ``0.0058 nats a frame, at most 0.210 at 1.32 s``."""
    peak, at = divergence.peak
    return f"{divergence.mean:.4f} nats a frame, at most {peak:.3f} at {at:.2f} s"


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
