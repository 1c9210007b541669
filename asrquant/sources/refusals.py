"""Why the Hub gave nothing: what its client raises, as one sentence that says what to do."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asrquant.base.account import unwritable
from asrquant.base.errors import AsrQuantError, SourceError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_OFFLINE = "connect to the internet and try again, or use source 'an4', which needs none."
_log = logging.getLogger(__name__)


class NoAnswer(Exception):
    """Nobody answered: there is no network, or no Hub in it."""


def unanswered(error: SourceError) -> bool:
    """Whether it says that nobody answered, rather than what the Hub did."""
    return isinstance(error.__cause__, NoAnswer)


@contextmanager
def asking(hub_id: str, folder: Path, setting: str = "HF_HOME") -> Iterator[None]:
    """Ask the Hub for something of a repository.

    Args:
        hub_id: the repository.
        folder: that what it gives is written to.
        setting: the variable that names another one.

    Raises:
        SourceError: nobody answered, which ``unanswered`` tells; it gave nothing; or what it gave cannot be kept.
    """
    try:
        yield
    except AsrQuantError:
        raise
    except Exception as error:  # the client raises its own, its HTTP library's, and OSError
        _log.debug("the Hub gave nothing of %s", hub_id, exc_info=True)
        if known := _refusal(hub_id, error, folder, setting):
            raise known from error
        raise SourceError(
            f"{hub_id} could not be downloaded ({type(error).__name__}) and is not in the cache; {_OFFLINE}"
        ) from NoAnswer(repr(error))


def _refusal(hub_id: str, error: Exception, folder: Path, setting: str) -> SourceError | None:
    """Why, where somebody answered or it is this machine's matter."""
    if said := _answer(hub_id, error):
        return SourceError(said)
    if any(isinstance(each, OSError) and each.errno in _FULL for each in _chain(error)):
        return SourceError(
            f"{hub_id} could not be downloaded: the disk is full; free some space, or set {setting} to a folder on another disk. "
            "What has arrived is kept, and the next try goes on there."
        )
    if why := unwritable(folder):
        return SourceError(
            f"{hub_id} could not be downloaded: the cache of models cannot be written ({why}); set {setting} to a folder that "
            "can be."
        )
    return None


def _answer(hub_id: str, error: Exception) -> str | None:
    """What the Hub itself answered; None where nobody did."""
    from huggingface_hub import errors

    kinds = {type(each) for each in _chain(error)}
    response = next((r for each in _chain(error) if (r := getattr(each, "response", None)) is not None), None)
    status = getattr(response, "status_code", None)
    if errors.GatedRepoError in kinds:
        return (
            f"{hub_id} is gated: its owners give it to those whom they let in. Ask for that on its page "
            f"(https://huggingface.co/{hub_id}), and set HF_TOKEN to a token of your account."
        )
    if errors.DisabledRepoError in kinds:
        return f"{hub_id} has been disabled by the Hub; use another model."
    if errors.RevisionNotFoundError in kinds:
        return f"{hub_id} could not be downloaded: the Hub has not this commit of it any more; pin it again."
    if errors.RemoteEntryNotFoundError in kinds:
        return f"{hub_id} could not be downloaded: the Hub lists a file of it that it has not; try again later."
    if status in (401, 403, 404):
        return (
            f"{hub_id} could not be downloaded: the Hub knows no such model, or not for you ({status}); check the name, and if "
            "it is private, set HF_TOKEN to a token of an account that may read it."
        )
    if response is not None and status == 429:
        return f"{hub_id} could not be downloaded: the Hub answers too many requests from here (429); {_later(response.headers)}."
    return f"{hub_id} could not be downloaded: the Hub has a problem ({status}); try again later." if status else None


def _later(headers: dict[str, str]) -> str:
    after = str(headers.get("Retry-After", ""))
    return f"try again in {int(after)} s" if after.isdecimal() else "try again in some minutes"


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(10):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__
