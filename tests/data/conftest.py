from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., None]:
    """Puts sound files below the test's folder."""

    def make(*names: str, seconds: float = 0.25, format: str | None = None) -> None:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            sf.write(tmp_path / name, np.full(int(16_000 * seconds), 0.1, np.float32), 16_000, format=format)

    return make
