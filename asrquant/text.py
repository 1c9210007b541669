"""Comparison and tables → plain text, for the terminal."""

from __future__ import annotations

import pandas as pd

from asrquant.charts import comparison_table
from asrquant.compare import Comparison


def comparison_text(comparison: Comparison) -> str:
    """Both transcripts, the words that changed, and the table."""
    lines = [
        f"{comparison.source}, {comparison.received}, decoder {comparison.decoder}, {comparison.runs} runs each",
        str(comparison.machine),
        "",
        *([f"{'reference':<18} {comparison.reference}"] if comparison.reference else []),
        f"{comparison.original.preset:<18} {comparison.original.text}",
        f"{comparison.quantized.preset:<18} {comparison.quantized.text}",
        f"{'changed words':<18} {changed_words(comparison)}",
        *([f"{'accuracy control':<18} {comparison.tuning}"] if comparison.tuning else []),
        "",
        aligned(comparison_table(comparison)),
    ]
    return "\n".join(lines)


def changed_words(comparison: Comparison) -> str:
    """The words that quantization changed: ``FIVE→NINE, +OH, -TWO``, or ``none``."""
    marks = {"S": "{0}→{1}", "I": "+{1}", "D": "-{0}"}
    changes = [marks[e.operation].format(e.first, e.second) for e in comparison.changes if e.operation != "="]
    return ", ".join(changes) or "none"


def aligned(table: pd.DataFrame) -> str:
    """Columns padded with spaces."""
    cells = [list(map(str, table.columns)), *(list(map(str, row)) for row in table.itertuples(index=False))]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table."""
    rows = [table.columns, ["---"] * len(table.columns), *table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
