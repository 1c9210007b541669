"""A folder with one manifest somewhere in it, such as Hugging Face's ``audiofolder`` or a zip of clips and a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from asrquant.base.errors import DatasetError
from asrquant.base.files import printable_name
from asrquant.data.dataset import Layout, Rows
from asrquant.data.layouts import lhotse, manifest
from asrquant.data.scope import Scope

SUMMARY = "a folder with one manifest, such as Hugging Face's audiofolder"
_SHOWN = 6


def accepts(path: Path, scope: Scope) -> bool:
    """Whether there is a manifest somewhere below."""
    return path.is_dir() and bool(_manifests(path, scope))


def read(path: Path, scope: Scope) -> Rows:
    """The rows of the manifest.

    Raises:
        DatasetError: it cannot be read, or there are several.
    """
    found = _manifests(path, scope)
    if len(found) > 1:
        names = ", ".join(str(each.relative_to(path)) for each in found[:_SHOWN]) + (
            " …" if len(found) > _SHOWN else ""
        )
        raise DatasetError(f"{printable_name(path)} has {len(found)} manifests ({names}); give one of them.")
    layout: Layout = lhotse if lhotse.accepts(found[0], scope) else manifest
    rows = layout.read(found[0], scope)
    return rows if found[0].stem.lower() == "metadata" else replace(rows, name=printable_name(found[0]))


def _manifests(path: Path, scope: Scope) -> list[Path]:
    """Those that could be one; recordings are part of the supervisions beside them."""
    files = [file for file in scope.files(path).files if manifest.has_ending(file) and not scope.leads_out(file)]
    found = [file for file in files if manifest.fits(file, scope) or lhotse.kind_of(file, scope)]
    halves = {each.with_name(each.name.replace("supervisions", "recordings")) for each in found if _half(each)}
    return [each for each in found if each not in halves]


def _half(path: Path) -> bool:
    return "supervisions" in path.name
