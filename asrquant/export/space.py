"""A commit of this repository → a Space on the Hugging Face Hub, or a folder to push there with git.

The Hub takes binary files, and files above 10 MB, through LFS (or Xet) only. Here they are ordinary blobs, so that a clone needs
no git-lfs; the Space gets a ``.gitattributes`` of its own, which says LFS. See ``docs/space.md``.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from asrquant.base.assets import checkout
from asrquant.base.errors import ExportError
from asrquant.export.hub import check, in_a_sentence

ROOT = checkout()
ATTRIBUTES = ".gitattributes"
NEEDED = ("README.md", "app.py", "requirements.txt", "packages.txt", "asrquant/", "artifacts/", "examples/clips/")
"""What the page runs on."""
SHOWN = ("LICENSE", "SECURITY.md", "docs/")
"""What its README leads to."""
LARGE_BYTES = 10_000_000
"""Above this, the Hub takes a file through LFS only."""


@dataclass(frozen=True)
class Upload:
    """What a Space is sent.

    Attributes:
        commit: that the files are from.
        files: path → contents; all but ``.gitattributes`` as the commit has them.
        lfs: paths of those that go through LFS.
    """

    commit: str
    files: Mapping[str, bytes]
    lfs: frozenset[str]


def read_upload(root: Path | None = None) -> Upload:
    """The files of the checkout's commit that a Space needs.

    Args:
        root: the checkout; None takes the one that this code is in.

    Raises:
        ExportError: it is no checkout, has changes that are not committed, or lacks a file.
    """
    root = root or ROOT
    if root is None:
        raise ExportError(
            "A Space is sent from a checkout, and this asrquant was installed without one; clone the repository, and run "
            "python -m asrquant space there."
        )
    if _git(root, "rev-parse", "--show-prefix").strip():
        raise ExportError(f"{root} is no checkout of its own; clone the repository and send it from there.")
    commit = _git(root, "rev-parse", "HEAD").decode().strip()
    if changed := _git(root, "status", "--porcelain").decode(errors="replace").splitlines():
        raise ExportError(
            f"The checkout is not as its commit {commit[:12]} has it ({len(changed)} changes, first {changed[0].strip()!r}); "
            "commit them, or put them aside with git stash --include-untracked."
        )
    packed = _git(root, "-c", "core.autocrlf=false", "archive", "--format=tar", commit, "--", *NEEDED, *SHOWN)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = {member.name: _contents(archive, member) for member in archive if not member.isdir()}
    kinds = sorted({_pattern(name) for name, contents in files.items() if _needs_lfs(contents)})
    lines = [f"{kind} filter=lfs diff=lfs merge=lfs -text\n" for kind in kinds]
    lfs = frozenset(name for name in files if _pattern(name) in kinds)
    return Upload(commit, {ATTRIBUTES: "".join(lines).encode(), **files}, lfs)


def publish(upload: Upload, space: str, private: bool = False) -> str:
    """Send the files to a Space, in one commit; the Space is made if it is not there.

    What a former commit had in the same folders, and this one has not, is removed there.

    Args:
        upload: what to send.
        space: ``user/name``.
        private: make it a private one; a Space that is there stays what it is.

    Returns:
        The address of the commit.

    Raises:
        ExportError: no token, a refusal, or no network.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    hub = HfApi(token=check(space))
    folders = tuple({f"{name.split('/')[0]}/" for name in upload.files if "/" in name})
    with in_a_sentence(space):
        hub.create_repo(
            space, repo_type="space", space_sdk="gradio", visibility="private" if private else None, exist_ok=True
        )
        there = hub.list_repo_files(space, repo_type="space")
        gone = [name for name in there if name.startswith(folders) and name not in upload.files]
        commit = hub.create_commit(
            space,
            [
                *(CommitOperationDelete(name) for name in gone),
                *(CommitOperationAdd(name, contents) for name, contents in upload.files.items()),
            ],
            commit_message=f"asrquant at {upload.commit}",
            repo_type="space",
        )
        return str(commit.commit_url)


def write_folder(upload: Upload, folder: Path) -> None:
    """Write the files into a new or empty folder, to be committed (with git-lfs) and pushed from there.

    Raises:
        ExportError: the folder is not empty, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ExportError(f"{folder} is not empty; name a new folder.")
        for name, contents in upload.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(contents)
    except OSError as error:
        raise ExportError(f"{folder} cannot be written: {error.strerror}.") from error


def _git(root: Path, *arguments: str) -> bytes:
    try:
        ran = subprocess.run(["git", "-C", str(root), *arguments], stdin=subprocess.DEVNULL, capture_output=True)
    except OSError as error:
        raise ExportError(f"git cannot be run ({error.strerror}); a Space is sent from a checkout, with git.") from None
    if ran.returncode != 0:
        said = ran.stderr.decode(errors="replace").strip().splitlines() or ["it failed"]
        raise ExportError(f"{root} cannot be sent as a commit: git says {said[-1]!r}.")
    return ran.stdout


def _contents(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member) if member.isreg() else None
    if file is None:
        raise ExportError(f"{member.name} is not a plain file, which a Space would not get as it is.")
    return file.read()


def _needs_lfs(contents: bytes) -> bool:
    if len(contents) > LARGE_BYTES or b"\0" in contents:
        return True
    try:
        contents.decode()
    except UnicodeDecodeError:
        return True
    return False


def _pattern(name: str) -> str:
    """How ``.gitattributes`` names files of this kind: by their suffix, or one by one where they have none."""
    suffix = PurePosixPath(name).suffix
    return f"*{suffix}" if suffix else f"/{name}"
