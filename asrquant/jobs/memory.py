"""How much memory this process may still take: what the machine has free, and what its control groups leave of that."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")
_V2 = ("", "memory.max", "memory.current", "")
_V1 = ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
"""Of control groups, version 2 and 1: where they lie, the bound, what is taken, and what the lines of ``memory.stat`` about
a group and those below it begin with."""
_FILES = ("inactive_file", "active_file")
"""What is taken by caches of files, mapped ones too, which go when there is need."""


def free(root: Path = ROOT) -> float:
    """Bytes that can be taken before somebody has to go; infinite where the system does not tell.

    Args:
        root: in which the system's files are looked for.
    """
    return min(_available(root), *(_left(group, *names) for group, names in _groups(root)))


def total(root: Path = ROOT) -> float:
    """Bytes that the machine has; infinite where the system does not tell."""
    return _meminfo(root, "MemTotal")


def give_back() -> None:
    """Return to the system what is not used any more, so that ``free`` knows of it."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc does so by itself, or never
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _available(root: Path) -> float:
    """What the kernel thinks can be had without swapping, caches of files included."""
    return _meminfo(root, "MemAvailable")


def _meminfo(root: Path, wanted: str) -> float:
    for line in _lines(root / "proc/meminfo"):
        name, _, value = line.partition(":")
        if name == wanted:
            return 1024 * int(value.split()[0])
    return math.inf


def _groups(root: Path) -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """The control groups that this process is in, and those that they are in: the bound of each holds for all below it.

    In a container the uppermost that is seen is the container's own.
    """
    for line in [*_lines(root / "proc/self/cgroup"), "0::/", "0:memory:/"]:
        _, controllers, inside = line.split(":", 2)
        for controller, *names in (_V2, _V1):
            if controller in controllers.split(","):
                there = PurePosixPath(inside.lstrip("/"))
                for path in (there, *there.parents):
                    yield root / "sys/fs/cgroup" / controller / path, (names[0], names[1], names[2])


def _left(group: Path, limit: str, usage: str, prefix: str) -> float:
    """What a control group has left; infinite without a bound, or where there is no such group."""
    try:
        bound = int((group / limit).read_text(encoding="ascii"))
        taken = int((group / usage).read_text(encoding="ascii"))
    except (OSError, ValueError):  # it says "max", or nothing
        return math.inf
    caches = [prefix + name for name in _FILES]
    stat = (line.split() for line in _lines(group / "memory.stat"))
    return max(0, bound - taken + sum(int(count) for name, count in stat if name in caches))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
