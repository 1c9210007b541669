"""Files of the Hub → its client's own cache, each checked before it is there; what was interrupted goes on where it stopped.

The client begins every file anew, so large ones are received here. Where they lie is the client's layout (``blobs``, and
``snapshots`` with links to them), so that other programs find them, and those that others fetched are not fetched again.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from asrquant.base.errors import AsrQuantError, SourceError
from asrquant.base.files import File, megabytes
from asrquant.base.progress import BYTES, Progress
from asrquant.sources.listing import Entry, Listing, cached_repository, hub_cache
from asrquant.sources.refusals import asking

TIMEOUT_SECONDS = 10
_CHUNK = 1_000_000
_TRIES = 5
"""Connections in a row that may break without a byte."""
_SPARE = 100_000_000
"""Bytes that a download leaves on the disk."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """A file that is in the client's cache.

    Attributes:
        path: where.
        file: its length and sha256.
    """

    path: Path
    file: File


class Download:
    """What several repositories have to give, counted together."""

    def __init__(self, progress: Progress) -> None:
        """``progress`` is called with the bytes that have come, and may raise ``Cancelled``."""
        self._progress = progress
        self._done = self._total = 0
        self._what = ""

    def fetch(
        self, wanted: Mapping[str, Sequence[str]], listings: Mapping[str, Listing]
    ) -> dict[str, dict[str, Fetched]]:
        """Fetch files, those that are in the cache already excepted.

        Args:
            wanted: Hub id → names of files.
            listings: Hub id → what the Hub says of it.

        Returns:
            Hub id → name → where it lies.

        Raises:
            SourceError: they cannot be had, there is no room for them, or what arrives is not what the Hub says.
            Cancelled: by ``progress``; what has come stays for the next time.
        """
        found: dict[str, dict[str, Fetched]] = {hub_id: {} for hub_id in wanted}
        missing: list[tuple[Listing, str]] = []
        for hub_id, names in wanted.items():
            for name in names:
                listing = listings[hub_id]
                listing.refuse_lack(name)
                if there := _there(listing, name):
                    found[hub_id][name] = there
                else:
                    missing.append((listing, name))
        self._total = sum(listing.entries[name].bytes for listing, name in missing)
        self._done = sum(_partial_bytes(listing, name) for listing, name in missing)
        _refuse_lack_of_room(missing, self._total - self._done)
        for listing, name in missing:
            if listing.unreached:
                raise listing.unreached
            self._what = f"downloading {listing.hub_id} {BYTES}"
            found[listing.hub_id][name] = self._receive(listing, name)
        return found

    def _receive(self, listing: Listing, name: str) -> Fetched:
        entry, blob = listing.entries[name], _blob(listing, name)
        partial = _partial(blob)
        with asking(listing.hub_id, hub_cache()):
            blob.parent.mkdir(parents=True, exist_ok=True)
            address = _address(listing, name)
            resumed = partial.is_file() and partial.stat().st_size > 0
            self._complete(partial, entry, address)
            file = entry.read(partial)
            if file is None and resumed:  # what was there before may have been something else
                self._done -= partial.stat().st_size
                partial.unlink()
                self._complete(partial, entry, address)
                file = entry.read(partial)
            if file is None:
                partial.unlink()
                raise SourceError(
                    f"{listing.hub_id} cannot be used: {name} arrived with other contents than the Hub has on record; try again, "
                    "and if it stays so, use another model."
                )
            partial.replace(blob)
            return Fetched(_link(listing, name, blob), file)

    def _complete(self, partial: Path, entry: Entry, address: str) -> None:
        """Receive what a file lacks still, whatever breaks in between."""
        tries = _TRIES
        with partial.open("ab") as file:
            if file.tell() > entry.bytes:
                _empty(file)
            while True:
                before = file.tell()
                try:
                    _stream(address, file, entry.bytes, self._count)
                    if file.tell() in (before, entry.bytes):
                        return
                except (AsrQuantError, OSError):  # an answer of the Hub's is an OSError, too
                    raise
                except Exception as error:
                    tries = tries - 1 if file.tell() == before else _TRIES
                    if not tries:
                        raise
                    _log.debug("the connection broke (%s), going on at %d", error, file.tell())

    def _count(self, count: int) -> None:
        self._done += count
        self._progress(self._what, min(self._done, self._total), self._total)


def _stream(address: str, file: IO[bytes], whole: int, count: Callable[[int], None]) -> None:
    """Append what comes from where the file ends."""
    from huggingface_hub import get_session, hf_raise_for_status
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    have = file.tell()
    if have >= whole > 0:
        return
    headers: dict[str, Any] = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with get_session().stream(
        "GET", address, headers=headers, timeout=TIMEOUT_SECONDS, follow_redirects=True
    ) as answer:
        hf_raise_for_status(answer)
        if have and answer.status_code != 206:  # it begins at the beginning
            _empty(file)
            count(-have)
        for chunk in answer.iter_bytes(_CHUNK):
            if file.tell() + len(chunk) > whole:
                raise SourceError("The Hub sends more of a file than it says that there is; try again later.")
            file.write(chunk)
            count(len(chunk))
        file.flush()


def _empty(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()


def _address(listing: Listing, name: str) -> str:
    """Where the contents are; of a large file, whether they are those that the list had is asked first.

    Raises:
        SourceError: they are not.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    entry = listing.entries[name]
    address = str(hf_hub_url(listing.hub_id, name, revision=listing.revision))
    if entry.is_large:
        said = get_hf_file_metadata(address, timeout=TIMEOUT_SECONDS)
        if said.etag != entry.etag or said.size not in (None, entry.bytes):
            raise SourceError(
                f"{listing.hub_id} cannot be used: the Hub says two things of {name}, one in its list of files and one where it "
                "lies; try again later."
            )
    return address


def _refuse_lack_of_room(missing: Sequence[tuple[Listing, str]], need: int) -> None:
    if not need:
        return
    there = next(folder for folder in (hub_cache(), *hub_cache().absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    if need + _SPARE > free:
        names = " and ".join(dict.fromkeys(listing.hub_id for listing, _ in missing))
        raise SourceError(
            f"{names} needs {megabytes(need)} and the disk has {megabytes(free)} free; free some space, or set HF_HOME to a "
            "folder on another disk."
        )


def _there(listing: Listing, name: str) -> Fetched | None:
    """A file that is in the cache, if it is what it should be; what is damaged is fetched again."""
    path = _pointer(listing, name)
    for at in (path, _blob(listing, name)):
        if file := listing.entries[name].read(at):
            return Fetched(path if at == path else _link(listing, name, at), file)
    return None


def _link(listing: Listing, name: str, blob: Path) -> Path:
    """The snapshot's link to a file's contents, as the client makes it."""
    path = _pointer(listing, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    up = "../" * (2 + name.count("/"))
    path.symlink_to(f"{up}blobs/{blob.name}")
    return path


def _pointer(listing: Listing, name: str) -> Path:
    return cached_repository(listing.hub_id) / "snapshots" / listing.revision / name


def _blob(listing: Listing, name: str) -> Path:
    return cached_repository(listing.hub_id) / "blobs" / listing.entries[name].etag


def _partial(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.incomplete")


def _partial_bytes(listing: Listing, name: str) -> int:
    partial = _partial(_blob(listing, name))
    return min(partial.stat().st_size, listing.entries[name].bytes) if partial.is_file() else 0
