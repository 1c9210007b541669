"""A Hub model → its pin: the commit of ``main``, and the sha256 of every file that loading it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asrquant.base.account import unwritable
from asrquant.base.errors import SourceError, UntrustedSourceError
from asrquant.base.files import File, describe
from asrquant.model.recognizer import Origin
from asrquant.sources import pins
from asrquant.sources.hub import FILES, HUB_ID, again, fetch, locked
from asrquant.sources.pins import Pin, Repository, write_pin
from asrquant.sources.safety import vet
from asrquant.sources.source import Found
from asrquant.sources.toolkits import toolkit_of


def pin(hub_id: str) -> Pin:
    """Pin a model, and what it refers to, as the Hub has it now; a pin that it had is replaced.

    Its files are downloaded and hashed, not loaded, and what loading them would do is checked. The list is changed once all of
    that has succeeded.

    Args:
        hub_id: ``user/name``.

    Raises:
        SourceError: no such model, no network, or other contents than the Hub says.
        UntrustedSourceError: loading it would run code.
    """
    if not HUB_ID.fullmatch(hub_id):
        raise SourceError(f"{hub_id!r} names no model on the Hub; write user/name.")
    if why := unwritable(pins.PINS.parent):
        raise SourceError(f"{pins.PINS.name} cannot be written: {why}; pin with an account that may change it.")
    with locked():
        folder, repository = _fetch(hub_id)
        folders, repositories = {hub_id: folder}, {hub_id: repository}
        name, toolkit = toolkit_of(folder)
        found = Found(hub_id, folder, Origin(hub_id, name, {}), folders)
        try:
            for other in toolkit.repositories(found):
                if other not in folders:
                    folders[other], repositories[other] = _fetch(other)
            vet(found, toolkit)
        except UntrustedSourceError as error:
            raise UntrustedSourceError(f"{hub_id} cannot be pinned: {error}") from None
        write_pin(hub_id, repositories)
    return repositories


def _fetch(hub_id: str) -> tuple[Path, Repository]:
    """The repository at the commit that is its ``main`` now."""
    revision, entries = _listed(hub_id)
    folder = fetch(hub_id, revision)
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    if not files:
        raise SourceError(f"{hub_id} holds none of the files that a model is made of ({', '.join(FILES)}).")
    return folder, Repository(revision, {name: _checked(hub_id, name, path, entries) for name, path in files.items()})


def _listed(hub_id: str) -> tuple[str, dict[str, Any]]:
    """The commit, and what the Hub says of each file there."""
    from huggingface_hub import HfApi, RepoFile

    hub = HfApi()
    try:
        revision = str(hub.model_info(hub_id).sha)
        tree = hub.list_repo_tree(hub_id, recursive=True, revision=revision)
        return revision, {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    except Exception as error:  # the client raises its own, httpx's, and OSError
        raise SourceError(
            f"{hub_id} cannot be pinned, as the Hub did not answer for it ({type(error).__name__}); check the name and "
            "the network, and try again."
        ) from error


def _checked(hub_id: str, name: str, path: Path, entries: dict[str, Any]) -> File:
    """Length and sha256 of what arrived, which must be what the Hub has on record: of large files it knows the sha256."""
    file, entry = describe(path), entries.get(name)
    said = entry.lfs.sha256 if entry and entry.lfs else file.sha256
    if entry is None or entry.size != file.bytes or said != file.sha256:
        raise SourceError(
            f"{hub_id} cannot be pinned: {name} arrived with other contents than the Hub has on record; {again(hub_id)}"
        )
    return file
