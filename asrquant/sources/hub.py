"""Models from the Hugging Face Hub → a local folder, of which every byte is known where the model is pinned.

What is fetched lies in the Hub client's own cache (``HF_HOME``), where nothing is fetched twice. A pinned model is loaded from
a folder of asrquant's own with links to its files there, and to no others.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import filelock

from asrquant.base.account import cache_path, unwritable
from asrquant.base.errors import SourceError
from asrquant.base.progress import Progress, silent
from asrquant.base.settings import CACHE
from asrquant.model.card import CARD
from asrquant.sources.fetching import TIMEOUT_SECONDS, Download, Fetched
from asrquant.sources.listing import hub_cache, list_files
from asrquant.sources.pins import HUB_ID, Repository, check_files
from asrquant.sources.refusals import asking

__all__ = ["FILES", "HUB_ID", "again", "cache", "download", "folder_of", "gather", "locked", "snapshot"]

FILES = ("*.yaml", "*.json", "*.ckpt", "*.safetensors", "*.arpa", "*.bin", "*.txt", "*.model", "LICENSE*", CARD)
"""What models are made of, and what says whose they are. Code is never among it."""
_log = logging.getLogger(__name__)


def cache() -> Path:
    """Folders of pinned models only, one a model and commit; nobody else writes there."""
    return cache_path("hub")


def download(hub_id: str, revision: str, patterns: Sequence[str] = FILES) -> Path:
    """A model repository's files as they are now, from the client's cache or the network; they are not checked.

    Args:
        hub_id: ``user/name``.
        revision: branch, tag or commit.
        patterns: names of the files that are wanted, with wildcards.

    Raises:
        SourceError: it is not in the cache and cannot be reached, or the cache cannot be written.
    """
    from huggingface_hub import snapshot_download

    with asking(hub_id, hub_cache()):
        return Path(
            snapshot_download(hub_id, revision=revision, allow_patterns=list(patterns), etag_timeout=TIMEOUT_SECONDS)
        )


@contextmanager
def locked() -> Iterator[None]:
    """Be the only one, among all processes, who downloads pinned models or changes pins.

    Raises:
        SourceError: the cache cannot be written.
    """
    why = unwritable(cache())
    lock = filelock.FileLock(cache() / ".lock")
    try:
        if not why:
            lock.acquire()
    except OSError as error:
        why = error.strerror
    if why:
        raise SourceError(f"The cache of models cannot be written ({why}); set {CACHE} to a folder that can be.")
    try:
        yield
    finally:
        lock.release()


def snapshot(hub_id: str, repository: Repository, model: str = "", progress: Progress = silent) -> Path:
    """The folder of a pinned repository, downloaded if it has to be, and checked file by file every time.

    A cache that somebody else filled, such as an image's, need not be writable.

    Args:
        hub_id: ``user/name``.
        repository: its pin.
        model: that it is a part of; none where it is a model itself.
        progress: called with the bytes that have come.

    Raises:
        SourceError: it cannot be reached or kept, or a file is missing, changed or too many.
    """
    folder = folder_of(hub_id, repository.revision, model)

    def whole() -> bool:
        return all((folder / name).is_file() for name in repository.files)

    with nullcontext() if whole() and unwritable(cache()) else locked():
        if not whole():
            listing = list_files(hub_id, repository.revision)
            fetched = Download(progress).fetch({hub_id: tuple(repository.files)}, {hub_id: listing})
            gather(folder, fetched[hub_id])
        what = f"{hub_id} at {repository.revision[:8]}"
        check_files(folder, repository.files, what, again=again(hub_id))
    return folder


def gather(folder: Path, fetched: Mapping[str, Fetched], alone: bool = False) -> None:
    """Make links in a folder to files in the client's cache; the lock must be held.

    Args:
        folder: that they are made in.
        fetched: name there → file.
        alone: remove what was in the folder before.

    Raises:
        SourceError: it cannot be written.
    """
    try:
        if alone:
            shutil.rmtree(folder, ignore_errors=True)
        for name, each in fetched.items():
            link = folder / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(each.path.resolve())
    except OSError as error:
        raise SourceError(
            f"The cache of models cannot be written ({error.strerror}); set {CACHE} to a folder that can be."
        ) from error


def folder_of(hub_id: str, revision: str, model: str = "") -> Path:
    """Where a repository lies at a commit; as a part of another model, of which other files may be needed, by itself."""
    part = f"part-of--{model.replace('/', '--')}" if model not in ("", hub_id) else "snapshots"
    return _cached(hub_id) / part / revision


def again(hub_id: str) -> str:
    """What to do about files there that are not what they should be."""
    return f"delete {_cached(hub_id).name} from asrquant's cache (hub/ in it) and try again."


def _cached(hub_id: str) -> Path:
    return cache() / f"models--{hub_id.replace('/', '--')}"
