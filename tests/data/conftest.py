from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf


def noise(seconds: float) -> np.ndarray:
    return 0.1 * np.random.default_rng(19).normal(size=int(16_000 * seconds)).astype(np.float32)


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., None]:
    """Puts sound files below the test's folder."""

    def make(*names: str, seconds: float = 0.25, format: str | None = None) -> None:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            sf.write(tmp_path / name, noise(seconds), 16_000, format=format)

    return make
