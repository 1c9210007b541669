"""What the Hub says of a repository's files before any of them is fetched: one commit, and each file's length and hash."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asrquant.base.errors import SourceError
from asrquant.base.files import File, describe
from asrquant.sources.refusals import asking, unanswered

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256 = 64


@dataclass(frozen=True)
class Entry:
    """A file as the Hub has it.

    Attributes:
        bytes: its length.
        etag: the sha256 of a large file, which LFS keeps, and of the others git's id, which is a sha1.
    """

    bytes: int
    etag: str

    @property
    def is_large(self) -> bool:
        """Whether it is kept by LFS."""
        return len(self.etag) == _SHA256

    def read(self, path: Path) -> File | None:
        """Length and sha256 of a file, if it is this one; None where it is another."""
        if not path.is_file() or path.stat().st_size != self.bytes:
            return None
        file = describe(path)
        found = file.sha256 if self.is_large else git_id(path.read_bytes())
        return file if found == self.etag else None


def git_id(contents: bytes) -> str:
    """What git calls a file of these contents."""
    return hashlib.sha1(b"blob %d\0" % len(contents) + contents, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Listing:
    """A repository at one commit.

    Attributes:
        hub_id: ``user/name``.
        revision: the commit.
        entries: path → file.
        unreached: why it is only what the cache has of it; None where the Hub said it.
    """

    hub_id: str
    revision: str
    entries: Mapping[str, Entry]
    unreached: SourceError | None = None

    def refuse_lack(self, name: str) -> None:
        """Check that a file is there.

        Raises:
            SourceError: it is not.
        """
        if name not in self.entries:
            raise self.unreached or SourceError(
                f"{self.hub_id} lacks {name}, which loading it reads; use a model that was published whole."
            )


def hub_cache() -> Path:
    """The Hub client's own cache, which other programs share."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def cached_repository(hub_id: str) -> Path:
    """Where the client's cache has a model repository."""
    return hub_cache() / f"models--{hub_id.replace('/', '--')}"


def list_files(hub_id: str, revision: str = "main") -> Listing:
    """What the Hub has of a repository now, or, where nobody answers, what was once fetched of it into the client's cache.

    Raises:
        SourceError: the Hub refuses it, calls it something else, or is not reached and nothing is cached.
    """
    from huggingface_hub import HfApi, RepoFile

    try:
        with asking(hub_id, hub_cache()):
            hub = HfApi()
            said = hub.model_info(hub_id, revision=revision)
            if str(said.id).lower() != hub_id.lower():
                raise SourceError(f"{hub_id} is called {said.id} on the Hub now; use that name.")
            commit = str(said.sha)
            tree = hub.list_repo_tree(hub_id, recursive=True, revision=commit)
            files = [entry for entry in tree if isinstance(entry, RepoFile)]
    except SourceError as error:
        if unanswered(error) and (found := _cached(hub_id, revision, error)):
            return found
        raise
    entries = {each.path: Entry(each.size, each.lfs.sha256 if each.lfs else each.blob_id) for each in files}
    if strange := [name for name, entry in entries.items() if not _HASH.fullmatch(entry.etag)]:
        raise SourceError(f"{hub_id} cannot be checked: the Hub gives no hash of {strange[0]!r}; use another model.")
    return Listing(hub_id, commit, entries)


def _cached(hub_id: str, revision: str, why: SourceError) -> Listing | None:
    """The client names its copies by the hashes that the Hub said when it fetched them."""
    repository = cached_repository(hub_id)
    try:
        commit = revision if len(revision) == 40 else (repository / "refs" / revision).read_text().strip()
        folder = repository / "snapshots" / commit
        links = [path for path in folder.rglob("*") if path.is_symlink() and path.is_file()]
    except OSError:
        return None
    named = {path.relative_to(folder).as_posix(): (path.stat().st_size, path.readlink().name) for path in links}
    entries = {name: Entry(size, etag) for name, (size, etag) in named.items() if _HASH.fullmatch(etag)}
    return Listing(hub_id, commit, entries, why) if entries else None
