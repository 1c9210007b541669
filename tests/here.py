"""What of asrquant the machine at hand can do, and how it looks on a lesser one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from asrquant.engines.registry import unavailable
from asrquant.model.presets import PRESETS

AVX2_ONLY = {
    "OV_CPU_MAX_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "FBGEMM_ENABLE_INSTRUCTIONS": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
"""Environment in which OpenVINO, PyTorch, and the libraries in it take any processor for one with AVX2 and nothing newer."""


def usable(presets: Iterable[str], *others: Any) -> list[Any]:
    """Parameters for a test, one a preset; one that cannot be used here is skipped with the reason.

    Args:
        presets: names.
        *others: parameters that each has besides.
    """
    return [
        pytest.param(name, *others, marks=pytest.mark.skipif(bool(reason), reason=f"{name}: {reason}"))
        for name in presets
        for reason in [unavailable(PRESETS[name]) or ""]
    ]
