"""How many threads everything that computes may have; set once, before any pool of threads starts."""

from __future__ import annotations

import math
import os
from pathlib import Path

import torch

from asrquant.base.settings import settings

GROUPS = Path("/sys/fs/cgroup")
_QUOTAS = ("cpu.max", "cpu/cpu.cfs_quota_us")
"""Of control groups, version 2 (quota and period) and 1 (whose period is a file of its own)."""


def cpus(groups: Path = GROUPS) -> int:
    """CPUs that this process may use: those it may run on, and no more than a container's share of time is worth."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(allowed, *(_quota(groups / name) for name in _QUOTAS))))


def _quota(path: Path) -> float:
    """CPUs' worth of time that a control group has; infinite without a bound."""
    try:
        quota, *period = path.read_text(encoding="utf-8").split()
        per = period[0] if period else path.with_name("cpu.cfs_period_us").read_text(encoding="utf-8")
        return int(quota) / int(per) if int(quota) > 0 else math.inf
    except (OSError, ValueError):  # there is no such group, or it says "max"
        return math.inf


def threads() -> int:
    """What ``ASRQUANT_THREADS`` says, else what PyTorch took from ``OMP_NUM_THREADS``, else a thread for each CPU.

    Raises:
        SettingError: a setting cannot be used.
    """
    return settings().threads or (torch.get_num_threads() if settings().openmp else cpus())


def set_threads() -> None:
    """Tell PyTorch; OpenVINO and ONNX Runtime are told what PyTorch has when a model is compiled or opened."""
    torch.set_num_threads(threads())
