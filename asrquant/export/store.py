"""The folder of artifacts: one directory an artifact, put there whole by a single rename, bounded in bytes.

``ROOT/NAME/`` holds the artifact's folder ``NAME``, ``NAME.zip`` and ``NAME.zip.sha256``. Whatever is not yet, or no longer, an
artifact has a name that begins with a dot, and is swept by the next one who holds the lock.
"""

from __future__ import annotations

import errno
import math
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asrquant.base.account import unwritable
from asrquant.base.errors import ArtifactError, AsrQuantError, ExportError
from asrquant.base.files import DELETED, fsync, megabytes, tree_bytes
from asrquant.base.progress import Progress, silent
from asrquant.base.settings import EXPORTS, settings
from asrquant.export import shared_folder
from asrquant.export.manifest import MANIFEST, Manifest, read_json


@dataclass(frozen=True)
class Artifact:
    """An artifact on disk.

    Attributes:
        name: its own.
        path: the directory that was put there as a whole.
        folder: the artifact's files; what ``load_artifact`` takes.
        zip: the same files to hand out.
        zip_sha256: hex digest of the zip.
        manifest: what it says of itself.
    """

    name: str
    path: Path
    folder: Path
    zip: Path
    zip_sha256: str
    manifest: Manifest

    @property
    def bytes(self) -> int:
        """What it takes on disk, folder and zip."""
        return tree_bytes(self.path)


class Exports:
    """Artifacts below a root, those of one owner: on a public page each visitor has a directory of their own."""

    def __init__(
        self,
        root: str | Path | None = None,
        owner: str = "",
        bound_bytes: int | None = None,
        gives_way_seconds: float | None = None,
    ) -> None:
        """Artifacts in ``root``, or in ``root/owner``.

        Args:
            root: folder of all artifacts; None takes the settings'.
            owner: directory in it.
            bound_bytes: of the whole root; None takes the settings'.
            gives_way_seconds: age after which an artifact of anybody's gives way to a new one, if there is no room;
                None never.

        Raises:
            SettingError: a setting is needed and cannot be used.
        """
        self.root = settings().exports if root is None else Path(root)
        self.gives_way_seconds = gives_way_seconds
        self.folder = self.root / owner if owner else self.root
        self.bound_bytes = settings().exports_bytes if bound_bytes is None else bound_bytes

    def artifacts(self) -> tuple[Artifact, ...]:
        """The owner's artifacts, the newest first. Their files are not checked here."""
        try:
            paths = list(self.folder.iterdir())
        except OSError:  # not there yet, or not for this account
            return ()
        found = []
        for path in paths:
            if not path.name.startswith(".") and (path / path.name / MANIFEST).is_file():
                try:
                    found.append(read_artifact(path))
                except (ArtifactError, OSError):  # a damaged one is not offered; `verify` says what is wrong with it
                    continue
        return tuple(sorted(found, key=lambda artifact: artifact.manifest.created, reverse=True))

    def artifact(self, name: str) -> Artifact:
        """One of the owner's artifacts.

        Raises:
            ArtifactError: there is none of that name.
        """
        for artifact in self.artifacts():
            if artifact.name == name:
                return artifact
        raise ArtifactError(f"There is no artifact {name!r} here any more.")

    def delete(self, name: str) -> None:
        """Remove an artifact; it is gone at once, its files a moment later.

        Raises:
            ArtifactError: there is none of that name.
            ExportError: the folder cannot be written.
        """
        doomed = self.root / f"{DELETED}{uuid.uuid4().hex}"
        try:
            self.artifact(name).path.rename(doomed)
        except ArtifactError:
            raise
        except OSError as error:
            raise ExportError(f"{name} cannot be deleted: {error.strerror}; it may be another account's.") from error
        shutil.rmtree(doomed, ignore_errors=True)

    def check(self) -> None:
        """Refuse a folder that cannot be written; to be asked before the work that is done for it.

        Raises:
            ExportError: says why, and what to do.
        """
        if why := unwritable(self.folder):
            raise self._refused(why)

    def _refused(self, why: str | None) -> ExportError:
        return ExportError(
            f"Artifacts cannot be written to {self.root.name}: {why}; set {EXPORTS} to a folder that can be, or give another "
            "one (--out)."
        )

    @contextmanager
    def lock(self, progress: Progress = silent) -> Iterator[None]:
        """Be the only one who puts artifacts here, among all processes; sweeps what a killed one left behind.

        Raises:
            ExportError: the folder cannot be written.
            Cancelled: by ``progress``, while waiting.
        """
        self.check()
        try:
            lock = shared_folder.acquire(self.root, progress, "waiting for another export")
        except OSError as error:
            raise self._refused(error.strerror) from error
        try:
            shared_folder.sweep(self.root)
            yield
        finally:
            lock.release()

    def sweep(self) -> None:
        """Remove leftovers of killed processes, unless somebody is at work here."""
        shared_folder.sweep_if_free(self.root)

    def expire(self, seconds: float, need: int | None = None) -> None:
        """Remove artifacts of all owners that are older than this, the oldest first; for a public page.

        Args:
            seconds: age.
            need: bytes to make room for, after which the others stay; None removes them all.
        """
        found = [path for path in self.root.glob("*/*/") if (path / path.name / MANIFEST).is_file()]
        over = math.inf if need is None else self._used() + need - self.bound_bytes
        for changed, path in sorted((path.stat().st_mtime, path) for path in found):
            if time.time() - changed <= seconds or over <= 0:
                return
            over -= tree_bytes(path)
            Exports(self.root, owner=path.parent.name).delete(path.name)

    def _used(self) -> int:
        return sum(tree_bytes(path) for path in self.root.iterdir() if not path.name.startswith("."))

    def admit(self, need: int) -> None:
        """Refuse what would not fit, before work is done for it.

        Args:
            need: bytes that the artifact will take, folder and zip, about.

        Raises:
            ExportError: says what to delete, or how much must be freed.
        """
        self.stay_within_bound(need)
        free = shutil.disk_usage(self.root).free
        if need > free:
            raise ExportError(
                f"The artifact needs about {megabytes(need)} and the disk has {megabytes(free)} free; free some space "
                "or choose another folder."
            )

    def stay_within_bound(self, need: int) -> None:
        """Refuse what the bound on all artifacts has no room for.

        Raises:
            ExportError: says what to delete.
        """
        if self.gives_way_seconds is not None:
            self.expire(self.gives_way_seconds, need)
        if (used := self._used()) + need <= self.bound_bytes:
            return
        mine = sorted(self.artifacts(), key=lambda artifact: artifact.bytes, reverse=True)
        listed = ", ".join(f"{artifact.name} ({megabytes(artifact.bytes)})" for artifact in mine[:5])
        raise ExportError(
            f"The artifacts here take {megabytes(used)} of the {megabytes(self.bound_bytes)} that they may, and this one "
            f"needs about {megabytes(need)}; " + (f"delete some first: {listed}." if mine else "try again later.")
        )

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty folder on the same disk, gone afterwards. The lock must be held.

        Raises:
            ExportError: the disk is full or cannot be written; nothing stays behind.
        """
        try:
            with shared_folder.staged(self.root) as folder:
                yield folder
        except AsrQuantError:
            raise
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            cause = (
                "The disk became full while the artifact was being written"
                if full
                else f"Writing failed ({error.strerror})"
            )
            raise ExportError(f"{cause}; nothing was kept. Free some space or choose another folder.") from error

    def free_name(self, wanted: str) -> str:
        """``wanted``, or ``wanted-2`` and so on: nothing is ever overwritten."""
        taken = {path.name for path in self.folder.iterdir()}
        names = (f"{wanted}-{number}" if number > 1 else wanted for number in range(1, len(taken) + 2))
        return next(name for name in names if name not in taken)

    def publish(self, staged: Path) -> Artifact:
        """Bring everything in ``staged`` to the disk and rename it to its final name, which is its own."""
        for path in (*staged.rglob("*"), staged):
            fsync(path)
        final = self.folder / staged.name
        staged.rename(final)
        fsync(self.folder)
        return read_artifact(final)


def read_artifact(path: Path) -> Artifact:
    """The artifact in a directory of ``Exports``.

    Raises:
        ArtifactError: there is none, or its manifest cannot be read.
    """
    folder, packed = path / path.name, path / f"{path.name}.zip"
    sums = packed.with_name(packed.name + ".sha256")
    if not (folder / MANIFEST).is_file() or not sums.is_file():
        raise ArtifactError(f"{path.name} is not a whole artifact of asrquant's.")
    digest = sums.read_text(encoding="utf-8").split(" ")[0]
    return Artifact(path.name, path, folder, packed, digest, read_json(Manifest, folder / MANIFEST))
