"""The processor: its name, and those of its instructions that speed of recognition hangs on."""

from __future__ import annotations

import platform
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_TOLD = (
    "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx_vnni", "amx_int8", "amx_bf16",
    "asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2",
)  # fmt: skip
"""By Linux' names: x86 in the first line, ARM in the second."""
INT8_PRODUCTS = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
"""Those that multiply int8 and add the products up in one instruction."""
BF16_PRODUCTS = ("avx512_bf16", "amx_bf16", "bf16")
"""Those that do so with bfloat16."""


def cpu_name(cpuinfo: Path = _CPUINFO) -> str:
    """What the processor calls itself, or its kind where the system does not tell."""
    names = _values(cpuinfo, "model name")
    return names[0] if names else platform.processor() or platform.machine()


def instruction_sets(cpuinfo: Path = _CPUINFO) -> tuple[str, ...]:
    """Those of ``_TOLD`` that the processor has; empty where the system does not tell."""
    flags = {flag for value in (*_values(cpuinfo, "flags"), *_values(cpuinfo, "Features")) for flag in value.split()}
    return tuple(name for name in _TOLD if name in flags)


def _values(cpuinfo: Path, key: str) -> list[str]:
    """What the first processor's line of a key says, if there is one."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = (line.partition(":") for line in lines if ":" in line)
    return next(([value.strip()] for name, _, value in found if name.strip() == key), [])
