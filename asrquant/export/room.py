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


@dataclass(frozen=True)
class _Thing:
    """What goes as a whole: when it was last used, what it takes, and where it is."""

    used: float
    bytes: int
    folders: tuple[Path, ...]

    @classmethod
    def at(cls, *folders: Path) -> _Thing:
        """What lies there, in those of the folders that there are."""
        there = tuple(folder for folder in folders if folder.is_dir())
        return cls(max((folder.stat().st_mtime for folder in there), default=0.0), sum(map(_bytes, there)), there)


def make_room() -> int:
    """Remove what was not used for longest until models take no more than they may; returns how many things went.

    Downloaded models go on a public page only, and those of the list alone: all others are somebody's own. What was used last
    stays.

    Raises:
        SettingError: a setting cannot be used.
        SourceError: the list of pins is damaged.
    """
    things = sorted(_things(), key=lambda thing: thing.used)
    over, removed = sum(thing.bytes for thing in things) - settings().models_bytes, 0
    for thing in things[:-1]:
        if over <= 0:
            break
        gone = [remove(folder) for folder in thing.folders]
        if all(gone):
            over, removed = over - thing.bytes, removed + 1
    return removed


def mark_used(source: str) -> None:
    """Note that a model of the list is in use, and the repositories that it refers to."""
    for hub_id in read_pins().get(source) or ():
        with contextlib.suppress(OSError):  # it is not there, or another account's
            os.utime(_folders(hub_id)[0])


def _things() -> Iterator[_Thing]:
    found: list[tuple[Path, ...]] = []
    with contextlib.suppress(OSError):  # the cache is another account's
        found += [(folder,) for folder in cache_path(FOLDER).glob("[!.]*")]
    if policy().models_give_way:
        found += map(_folders, {hub_id for pin in read_pins().values() for hub_id in pin or ()})
    for folders in found:
        with contextlib.suppress(OSError):  # removed meanwhile
            if (thing := _Thing.at(*folders)).folders:
                yield thing


def _folders(hub_id: str) -> tuple[Path, ...]:
    """Where the files of a repository lie: in our cache, and in that of the Hub's client."""
    from huggingface_hub import constants

    name = f"models--{hub_id.replace('/', '--')}"
    return hub.cache() / name, Path(constants.HF_HUB_CACHE) / name


def _bytes(path: Path) -> int:
    """What a folder takes; links, of which the Hub's client makes many, weigh nothing."""
    total = 0
    for parent, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):  # removed meanwhile
                file = Path(parent, name).lstat()
                total += file.st_size if stat.S_ISREG(file.st_mode) else 0
    return total
