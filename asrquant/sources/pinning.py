"""A Hub model → its pin: the commit of ``main``, and the sha256 of every file that loading it reads."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from asrquant.base.account import unwritable
from asrquant.base.errors import SourceError, UntrustedSourceError
from asrquant.base.progress import Progress, silent
from asrquant.model.recognizer import Origin
from asrquant.sources import pins
from asrquant.sources.choosing import chosen
from asrquant.sources.fetching import Download
from asrquant.sources.hub import folder_of, gather, locked
from asrquant.sources.listing import list_files
from asrquant.sources.pins import HUB_ID, Pin, Repository, write_pin
from asrquant.sources.safety import refuse_code, vet
from asrquant.sources.source import Found
from asrquant.sources.toolkits import toolkit_of

_FIRST = ("hyperparams.yaml", "config.json")
"""One of which says what else there is to read."""


def pin(hub_id: str, progress: Progress = silent, local: bool = False) -> Pin:
    """Pin a model, and what it refers to, as the Hub has it now; a pin that it had is replaced.

    Its files are downloaded and compared with the hashes that the Hub has of them, not loaded, and what loading them would do is
    checked. The list is changed once all of that has succeeded.

    Args:
        hub_id: ``user/name``.
        progress: called with the bytes that have come.
        local: put it into the list in the cache, not into asrquant's own.

    Raises:
        SourceError: no such model, no network, or other contents than the Hub says.
        UntrustedSourceError: loading it would run code.
    """
    if not HUB_ID.fullmatch(hub_id):
        raise SourceError(f"{hub_id!r} names no model on the Hub; write user/name.")
    path = pins.local_pins() if local else pins.PINS
    if local and pins.read_pins().get(hub_id):
        raise SourceError(f"{hub_id} has a pin that came with asrquant, which goes before one that is made here.")
    if why := unwritable(path.parent):
        raise SourceError(f"{path.name} cannot be written: {why}; pin with an account that may change it.")
    with locked():
        try:
            made = _resolved(hub_id, progress)
        except UntrustedSourceError as error:
            raise UntrustedSourceError(f"{hub_id} cannot be pinned: {error}") from None
        write_pin(hub_id, made, path)
    return made


def pin_at_first_use(hub_id: str, progress: Progress = silent) -> Pin:
    """The pin of a model that is asked for; one that has none gets one, in the cache, and keeps it.

    Raises:
        SourceError: as ``pin``.
        UntrustedSourceError: loading it would run code.
    """
    if made := pins.pinned(hub_id):
        return made
    with locked():
        if made := pins.pinned(hub_id):  # by somebody else, meanwhile
            return made
        made = _resolved(hub_id, progress)
        write_pin(hub_id, made, pins.local_pins())
    return made


def with_ngram(hub_id: str, pin: Pin, progress: Progress = silent) -> Pin:
    """The pin with the n-gram that it was made without, if there is one; the commit stays.

    Raises:
        SourceError: as ``pin``.
        UntrustedSourceError: the n-gram is none that is read here.
    """
    if not _lacks(hub_id, pin):
        return pin
    with locked():
        longer = _resolved(hub_id, progress, pin, ngram=True)
        if longer == pin:
            return pin
        write_pin(hub_id, longer, pins.local_pins())
    return longer


def lacks_ngram(hub_id: str) -> bool:
    """Whether a model that is here was fetched without an n-gram that its files name.

    Raises:
        SourceError: a list of pins is damaged.
    """
    pin = pins.pinned(hub_id)
    return pin is not None and folder_of(hub_id, pin[hub_id].revision).is_dir() and _lacks(hub_id, pin)


def _lacks(hub_id: str, pin: Pin) -> bool:
    folder = folder_of(hub_id, pin[hub_id].revision)
    _, toolkit = toolkit_of(folder)
    return not all(_has(pin, owner, each.ngrams) for owner, each in toolkit.wanted(folder, hub_id).items())


def _has(pin: Pin, owner: str, patterns: Sequence[str]) -> bool:
    files = pin[owner].files if owner in pin else {}
    return all(any(fnmatchcase(name, pattern) for name in files) for pattern in patterns)


def _resolved(hub_id: str, progress: Progress, before: Pin | None = None, ngram: bool = False) -> Pin:
    """The pin as it would be; every file has been fetched and checked, and none of them runs code.

    Args:
        hub_id: ``user/name``.
        progress: called with the bytes that have come.
        before: a pin whose commits are kept.
        ngram: whether an n-gram is asked for, whatever its size.
    """
    commits = {other: repository.revision for other, repository in (before or {}).items()}
    progress(f"asking the Hub for {hub_id}", 0, 1)
    own = list_files(hub_id, commits.get(hub_id, "main"))
    first = next((name for name in _FIRST if name in own.entries), None)
    if first is None:
        raise own.unreached or SourceError(
            f"{hub_id} holds no {' and no '.join(_FIRST)}: it holds none of the files that a model begins with."
        )
    download = Download(progress)
    folder = folder_of(hub_id, own.revision)
    gather(folder, download.fetch({hub_id: [first]}, {hub_id: own})[hub_id])
    refuse_code(folder)  # before gigabytes come for nothing
    name, toolkit = toolkit_of(folder)
    wanted = toolkit.wanted(folder, hub_id)
    listings = {other: own if other == hub_id else list_files(other, commits.get(other, "main")) for other in wanted}
    every = {other: chosen(listing, wanted[other], ngram) for other, listing in listings.items()}
    names = {other: files for other, files in every.items() if files}
    fetched = download.fetch(names, listings)
    folders: dict[str, Path] = {}
    for other, files in fetched.items():
        folders[other] = folder_of(other, listings[other].revision, hub_id)
        gather(folders[other], files, alone=True)
    vet(Found(hub_id, folder, Origin(hub_id, name, {}), folders), toolkit)
    return {
        other: Repository(listings[other].revision, {file: each.file for file, each in files.items()})
        for other, files in fetched.items()
    }
