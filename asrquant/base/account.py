"""What the account that runs this may lack: a home folder, and folders that it can write to."""

from __future__ import annotations

import logging
import os
import tempfile
from functools import cache
from pathlib import Path

from asrquant.base.errors import SettingError
from asrquant.base.settings import CACHE, settings

NO_HOME = "/nonexistent"
"""What Debian's accounts without a home folder have in its place."""
_log = logging.getLogger(__name__)


def ensure_home() -> None:
    """Give the process a home folder that is not there where it has none, as under ``docker run --user 12345``.

    Libraries look for it when they are imported: some of them fail then, others write into a folder called ``~``. A home that
    cannot be written is known to all of them.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = NO_HOME


def unwritable(folder: Path) -> str | None:
    """Why nothing can be written to a folder, which is made if it is not there; None where it can be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(b"\0")
    except OSError as error:
        return error.strerror or str(error)
    return None


def cache_path(name: str) -> Path:
    """Where asrquant's cache of that name lies, whether it is there or not.

    Raises:
        SettingError: a setting cannot be used.
    """
    return settings().cache.absolute() / name


def cache_folder(name: str) -> Path | None:
    """The cache of that name, ready to be written; None where it cannot be, which the log is told once.

    A cache is a convenience: who gets None works without it.

    Raises:
        SettingError: a setting cannot be used.
    """
    folder = cache_path(name)
    if why := unwritable(folder):
        _tell(folder.parent, why)
        return None
    return folder


@cache
def _tell(root: Path, why: str) -> None:
    _log.warning("%s cannot be written (%s), so nothing is cached; set %s to a folder that can be.", root, why, CACHE)


def ensure_temporary_folder() -> None:
    """Check that there is a folder for temporary files, which libraries need.

    Raises:
        SettingError: there is none that can be written.
    """
    try:
        tempfile.gettempdir()
    except OSError:
        raise SettingError(
            "No folder for temporary files can be written here; set TMPDIR to one that can be."
        ) from None
