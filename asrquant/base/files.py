"""What several modules have to know of files: digests and sizes."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field


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
