"""Models from the Hugging Face Hub → a local folder, of which every byte is known where the model is pinned."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import filelock

from asrquant.base.account import cache_path, unwritable
from asrquant.base.errors import SourceError
from asrquant.base.settings import CACHE
from asrquant.model.card import CARD
from asrquant.sources.pins import Repository, check_files

TIMEOUT_SECONDS = 10
HUB_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*")
FILES = ("*.yaml", "*.json", "*.ckpt", "*.safetensors", "*.arpa", "*.bin", "*.txt", "*.model", "LICENSE*", CARD)
"""What models are made of, and what says whose they are. Code is never among it."""
_log = logging.getLogger(__name__)


def cache() -> Path:
    """Pinned models only, one folder a model and commit, in the Hub client's own layout; nobody else writes there."""
    return cache_path("hub")


def download(hub_id: str, revision: str, patterns: Sequence[str] = FILES, cache: Path | None = None) -> Path:
    """A model repository's files, from a cache or the network; they are not checked.

    Args:
        hub_id: ``user/name``.
        revision: branch, tag or commit.
        patterns: names of the files that are wanted, with wildcards.
        cache: None takes the Hub client's own, which other programs use too.

    Raises:
        SourceError: it is not in the cache and cannot be reached, or the cache cannot be written.
    """
    from huggingface_hub import constants, snapshot_download

    try:
        folder = snapshot_download(
            hub_id, revision=revision, allow_patterns=list(patterns), cache_dir=cache, etag_timeout=TIMEOUT_SECONDS
        )
    except Exception as error:  # the client raises its own, httpx's, and OSError for the same thing: no way there
        _log.debug("download of %s failed", hub_id, exc_info=True)
        if why := unwritable(cache or Path(constants.HF_HUB_CACHE)):
            raise SourceError(
                f"{hub_id} could not be downloaded: the cache of models cannot be written ({why}); set "
                f"{CACHE if cache else 'HF_HOME'} to a folder that can be."
            ) from error
        raise SourceError(
            f"{hub_id} could not be downloaded ({type(error).__name__}) and is not in the cache; connect to the "
            "internet and try again, or use source 'an4', which needs none."
        ) from error
    return Path(folder)


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


def snapshot(hub_id: str, repository: Repository) -> Path:
    """The folder of a pinned repository, downloaded if it has to be, and checked file by file every time.

    A cache that somebody else filled, such as an image's, need not be writable.

    Raises:
        SourceError: it cannot be reached or kept, or a file is missing, changed or too many.
    """
    folder = _cached(hub_id) / "snapshots" / repository.revision

    def whole() -> bool:
        return all((folder / name).is_file() for name in repository.files)

    with nullcontext() if whole() and unwritable(cache()) else locked():
        if not whole():
            fetch(hub_id, repository.revision, tuple(repository.files))
        what = f"{hub_id} at {repository.revision[:8]}"
        check_files(folder, repository.files, what, again=again(hub_id))
    return folder


def fetch(hub_id: str, revision: str, patterns: Sequence[str] = FILES) -> Path:
    """``download`` into the cache of pinned models; the lock must be held, and the files be checked."""
    return download(hub_id, revision, patterns, cache())


def again(hub_id: str) -> str:
    """What to do about files there that are not what they should be."""
    return f"delete {_cached(hub_id).name} from asrquant's cache (hub/ in it) and try again."


def _cached(hub_id: str) -> Path:
    return cache() / f"models--{hub_id.replace('/', '--')}"
