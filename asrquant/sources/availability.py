"""Whether a listed model is on this machine, can be fetched, or cannot be had; nothing is fetched to find out."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from asrquant.base.errors import SourceError
from asrquant.base.files import megabytes
from asrquant.sources.hub import folder_of
from asrquant.sources.listed import LISTED
from asrquant.sources.pins import pinned

_PATIENCE = 3.0
"""Seconds that the Hub has for its answer."""
_KEPT = 5.0
"""Seconds for which an answer, or none, is taken to hold."""
_log = logging.getLogger(__name__)
_lock = threading.Lock()


@dataclass(frozen=True)
class _Asked:
    at: float
    trouble: str


_last: _Asked | None = None


@dataclass(frozen=True)
class Availability:
    """How far away a model is.

    Attributes:
        ready: whether all of its files are on this machine.
        usable: whether it can be had.
        words: what to expect, or why not.
    """

    ready: bool
    usable: bool
    words: str


def availability(hub_id: str) -> Availability:
    """How far away a model of the Hub is; asks for an answer of the Hub's at most, and that not often.

    Raises:
        SettingError: a setting cannot be used.
    """
    try:
        pin = pinned(hub_id)
    except SourceError as error:
        return Availability(False, False, str(error))
    if pin and all(
        (folder_of(name, repository.revision, hub_id) / file).is_file()
        for name, repository in pin.items()
        for file in repository.files
    ):
        return Availability(True, True, f"on this machine, at {pin[hub_id].revision[:8]}")
    if trouble := hub_trouble():
        return Availability(False, False, trouble)
    size = f" ({megabytes(LISTED[hub_id].bytes)})" if hub_id in LISTED else ""
    return Availability(False, True, f"downloaded{size} when it is first used")


def hub_trouble() -> str:
    """Why nothing can be fetched from the Hub now; empty where it answers."""
    global _last
    with _lock:
        if _last is None or time.monotonic() - _last.at > _KEPT:
            _last = _Asked(time.monotonic(), _ask())
        return _last.trouble


def forget() -> None:
    """Ask the Hub again when it is needed next, whatever it has just said."""
    global _last
    with _lock:
        _last = None


def _ask() -> str:
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=_PATIENCE, follow_redirects=False)
    except Exception as error:  # the HTTP library's, and the client's where it is told to stay offline
        _log.debug("the Hub does not answer: %s", error)
        return f"not reached: the Hugging Face Hub does not answer from here ({type(error).__name__})"
    return ""
