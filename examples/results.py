"""What a command that measures leaves behind: a table for people, and the figures for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from asrquant.base.tables import markdown


def write_results(out: Path, table: pd.DataFrame, held: str, found: Sequence[Any]) -> None:
    """Write ``table.md`` and ``results.json``, and print the table.

    Args:
        out: the folder.
        table: for people.
        held: on what it was measured, in a sentence.
        found: the figures, as dataclasses.
    """
    text = f"{markdown(table)}\n\n{held}\n"
    (out / "table.md").write_text(text, encoding="utf-8")
    (out / "results.json").write_text(
        json.dumps([dataclasses.asdict(each) for each in found], indent=1), encoding="utf-8"
    )
    print(f"\n{text}")
