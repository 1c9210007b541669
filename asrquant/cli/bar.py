"""Progress on a terminal."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

from asrquant.base.progress import BYTES, Progress, nobody_watches


class Bar:
    """A tqdm bar a stage, on a terminal."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show a step."""
        if stage != self._stage:
            self.close()
            hidden = nobody_watches()
            units: dict[str, Any] = {"unit": "B", "unit_scale": True} if stage.endswith(BYTES) else {}
            said = stage.removesuffix(BYTES).rstrip()
            self._bar = tqdm(total=total, desc=said, leave=False, file=sys.stderr, disable=hidden, **units)
            self._stage = stage
        if self._bar is not None:
            self._bar.n = done
            self._bar.refresh()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Clear the bar."""
        if self._bar is not None:
            self._bar.close()
