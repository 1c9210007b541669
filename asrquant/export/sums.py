"""``SHA256SUMS``: whether the files of an artifact are those that were made.

It has the form of ``sha256sum``'s output, so ``sha256sum --check SHA256SUMS`` reads it too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from asrquant.base.errors import ArtifactError
from asrquant.base.files import File, describe, sha256
from asrquant.export.manifest import DECODER, MANIFEST

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_AGAIN = "download or export the artifact again."


def describe_files(folder: Path) -> dict[str, File]:
    """Every file below ``folder`` by its path there, but for the manifest and the sums."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name: describe(folder / name) for name in names if name not in (MANIFEST, SUMS)}


def write_sums(folder: Path, files: Mapping[str, File] | None = None) -> None:
    """Write ``SHA256SUMS`` over every file below ``folder``.

    Args:
        folder: of the artifact.
        files: what ``describe_files`` says of it, where that is known; only the manifest is then read.
    """
    digests = {name: entry.sha256 for name, entry in (files or describe_files(folder)).items()}
    digests[MANIFEST] = sha256(folder / MANIFEST)
    lines = [f"{digest}  {name}\n" for name, digest in sorted(digests.items())]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_sums(folder: Path, needed: Sequence[str] = (MANIFEST, DECODER)) -> None:
    """Check that the folder holds the files of its ``SHA256SUMS``, unchanged, and no others (hidden ones aside).

    Args:
        folder: of the artifact.
        needed: files without which it is none.

    Raises:
        ArtifactError: names the file that is missing, changed or too many.
    """
    if not (folder / SUMS).is_file():
        raise ArtifactError(f"{folder.name} holds no {SUMS}, so it is not a whole artifact of asrquant's.")
    digests = _read_sums(folder / SUMS)
    for name in needed:
        if name not in digests:
            raise ArtifactError(f"{SUMS} does not list {name}; {_AGAIN}")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in sorted(there - digests.keys() - {SUMS}):
        if not any(part.startswith(".") for part in name.split("/")):
            raise ArtifactError(f"{name} does not belong to the artifact; move it out of {folder.name}.")
    for name, digest in digests.items():
        if name not in there:
            raise ArtifactError(f"{name} is missing from {folder.name}; {_AGAIN}")
        if sha256(folder / name) != digest:
            raise ArtifactError(f"{name} has changed since the artifact was made; {_AGAIN}")


def _read_sums(path: Path) -> dict[str, str]:
    digests: dict[str, str] = {}
    text = path.read_bytes().decode("utf-8", errors="replace")
    if not text.endswith("\n"):
        raise ArtifactError(f"{SUMS} is cut short; {_AGAIN}")
    for line in text.split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        if not match or match[2] in digests:
            raise ArtifactError(f"{SUMS} has changed since the artifact was made; {_AGAIN}")
        digests[match[2]] = match[1]
    return digests
