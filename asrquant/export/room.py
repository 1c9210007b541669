"""A bound on the disk that models take: downloaded and built ones, the longest unused first."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asrquant.base.account import cache_path
from asrquant.base.files import remove
from asrquant.base.policy import policy
from asrquant.base.settings import settings
from asrquant.export.built import FOLDER
from asrquant.sources import hub
from asrquant.sources.pins import read_pins


@dataclass(frozen=True, order=True)
class _Thing:
    """What goes as a whole: when it was last used, what it takes, and where it is."""

    used: float
    bytes: int
    path: Path


def make_room() -> int:
    """Remove what was not used for longest until models take no more than they may; returns how many things went.

    Downloaded models go on a public page only: on one's own machine they are the person's. What was used last stays.

    Raises:
        SettingError: a setting cannot be used.
    """
    things = sorted(_things())
    over, removed = sum(thing.bytes for thing in things) - settings().models_bytes, 0
    for thing in things[:-1]:
        if over <= 0:
            break
        if remove(thing.path):
            over, removed = over - thing.bytes, removed + 1
    return removed


def _things() -> Iterator[_Thing]:
    found = [*cache_path(FOLDER).glob("[!.]*")]
    if policy().models_give_way:
        found += hub.cache().glob("models--*")
    for path in found:
        with contextlib.suppress(OSError):  # removed meanwhile
            yield _Thing(path.stat().st_mtime, _bytes(path), path)


def _bytes(path: Path) -> int:
    """What a folder takes; links, of which the Hub's client makes many, weigh nothing."""
    total = 0
    for parent, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):  # removed meanwhile
                file = Path(parent, name).lstat()
                total += file.st_size if stat.S_ISREG(file.st_mode) else 0
    return total


def mark_used(source: str) -> None:
    """Note that a downloaded model is in use, and the repositories that it refers to."""
    for hub_id in read_pins().get(source) or ():
        with contextlib.suppress(OSError):  # it is not there, or another account's
            os.utime(hub.cache() / f"models--{hub_id.replace('/', '--')}")
