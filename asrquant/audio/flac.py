"""FLAC: several streams in one file, and how much sound follows what a header announces (RFC 9639)."""

from __future__ import annotations

import os
from io import FileIO

from asrquant.audio.view import Link, Outline

MARKER = b"fLaC"
_DESCRIPTION = b"\0\0\0\x22", b"\x80\0\0\x22"
"""How the first block begins: of the stream, 34 bytes; perhaps the last one."""
_TOTAL_AT = 4 + 4 + 13
"""Of the number of samples: 36 bits, the first four shared with another number."""
HEADER = _TOTAL_AT + 5
"""Bytes that a stream has at least."""
_AT_ONCE = 1 << 20
_BEGINNING = len(MARKER) + len(_DESCRIPTION[0])


def outline(opened: FileIO, start: int, size: int) -> Outline:
    """What is to be read of a FLAC file: its streams, in headers that leave their length open.

    A decoder stops after as many samples as the header announces; where it announces none it reads all that is there, and
    the reader sees whether that is less or more.

    Args:
        opened: the file.
        start: where its first stream begins, after any tag.
        size: of the file.
    """
    starts = [at for at in _starts(opened, start, size) if size - at >= HEADER]
    if not starts or starts[0] != start:
        return Outline()
    links = tuple(open_ended(opened, (range(at, end),)) for at, end in zip(starts, [*starts[1:], size], strict=True))
    return Outline(links, f"{len(links)} recordings after each other" if len(links) > 1 else "")


def open_ended(opened: FileIO, parts: tuple[range, ...]) -> Link:
    """A stream whose header leaves its length open; its first part holds the header."""
    start, stop = parts[0].start, parts[0].stop
    at = start + _TOTAL_AT
    total = os.pread(opened.fileno(), 5, at)
    unknown = bytes([total[0] & 0xF0, 0, 0, 0, 0])
    return Link(
        (range(start, at), unknown, range(at + 5, stop), *parts[1:]), int.from_bytes(total, "big") & 0xF_FFFF_FFFF
    )


def _starts(opened: FileIO, start: int, size: int) -> list[int]:
    """Where streams begin. Eight given bytes do not turn up in compressed sound by chance."""
    found: list[int] = []
    for at in range(start, size, _AT_ONCE):
        piece = os.pread(opened.fileno(), _AT_ONCE + _BEGINNING - 1, at)
        here = -1
        while (here := piece.find(MARKER, here + 1)) >= 0:
            if piece[here + len(MARKER) : here + _BEGINNING] in _DESCRIPTION:
                found.append(at + here)
    return found
