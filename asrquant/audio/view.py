"""A file in which some bytes are left out or replaced, for readers that believe what a header says."""

from __future__ import annotations

import itertools
import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from typing import TypeAlias

Part: TypeAlias = "range | bytes"
"""Positions in the file, or bytes that stand in for some of it."""


@dataclass(frozen=True)
class Link:
    """A stretch of a file that is read as if it were a file.

    Attributes:
        parts: what it is made of, in this order.
        declared: samples a channel that its header says it holds; 0 where it says nothing, or where the reader knows.
    """

    parts: tuple[Part, ...]
    declared: int = 0


@dataclass(frozen=True)
class Outline:
    """What can be told of a file without decoding it.

    Attributes:
        links: what is to be read, one after the other; none for the file as it is.
        note: what people should know of it; often nothing.
    """

    links: tuple[Link, ...] = ()
    note: str = ""


def replaced(size: int, changes: Sequence[tuple[int, bytes]]) -> tuple[Part, ...]:
    """The parts of a file in which some bytes are others.

    Args:
        size: of the file.
        changes: where, and the bytes that stand there instead.
    """
    parts: list[Part] = []
    at = 0
    for start, new in sorted(changes):
        parts += [range(at, start), new]
        at = start + len(new)
    return (*parts, range(at, max(at, size)))


class View:
    """The bytes of a ``Link``, as a file object that is read and sought in."""

    def __init__(self, opened: FileIO, parts: Sequence[Part]) -> None:
        self._file, self._parts, self._at = opened.fileno(), [part for part in parts if len(part)], 0
        self._starts = [0, *itertools.accumulate(map(len, self._parts))]

    def read(self, size: int) -> bytes:
        """The next bytes; fewer where a part ends, none at the end."""
        index = bisect_right(self._starts, self._at) - 1
        if size <= 0 or index >= len(self._parts):
            return b""
        part, within = self._parts[index], self._at - self._starts[index]
        taken = part[within : within + size]
        found = taken if isinstance(taken, bytes) else os.pread(self._file, len(taken), taken.start)
        self._at += len(found)
        return found

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer as far as there are bytes."""
        done = 0
        while found := self.read(len(buffer) - done):
            buffer[done : done + len(found)] = found
            done += len(found)
        return done

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go somewhere; returns where that is."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._starts[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at
