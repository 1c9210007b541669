"""What several modules have to know of files: digests and sizes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

DELETED = ".deleted-"
"""What the names of things begin with that are being deleted."""


@dataclass(frozen=True)
class File:
    """Length and sha256 of a file."""

    bytes: int
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def describe(path: Path) -> File:
    """Length and sha256 of a file that is there."""
    return File(path.stat().st_size, sha256(path))


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(path: Path) -> bool:
    """Remove a file or a folder: it is gone at once, its files a moment later; False where it cannot be removed.

    One that is killed in the midst of it leaves a name beside it that begins with ``DELETED``, for the next one to sweep.
    """
    doomed = path.with_name(f"{DELETED}{uuid.uuid4().hex}")
    try:
        path.rename(doomed)
    except OSError:
        return False
    if doomed.is_dir():
        shutil.rmtree(doomed, ignore_errors=True)
    else:
        doomed.unlink(missing_ok=True)
    return True


def fsync(path: Path) -> None:
    """Bring a file, or what a folder lists, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tree_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):  # removed meanwhile
                total += (Path(parent) / name).stat().st_size
    return total


def megabytes(count: float) -> str:
    """Bytes as people read them: ``7.7 MB``, ``1.28 GB``."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def printable_name(path: Path) -> str:
    """A file's name for a sentence: nothing in it that cannot be printed, and at most 80 characters of it."""
    name = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in path.name)
    return name if len(name) <= 80 else f"{name[:59]}…{name[-20:]}"
