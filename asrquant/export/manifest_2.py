"""Manifests of format version 2, which had the names of the calibration clips only, as those of today."""

from __future__ import annotations

from collections.abc import Mapping


def from_version_2(manifest: Mapping[str, object]) -> dict[str, object]:
    """The manifest with its calibration as version 3 has it; what is not as version 2 had it is left for the reader to refuse.

    Args:
        manifest: as parsed from JSON, by its keys.
    """
    names = manifest.get("calibration")
    if not isinstance(names, list):
        return dict(manifest)
    used = {"name": "", "clips": [{"id": name} for name in names]} if names else None
    return {**manifest, "calibration": used}
