"""Manifests of format version 1, whose presets had the settings of all engines side by side, as those of version 2."""

from __future__ import annotations

from collections.abc import Mapping

OLDEST_VERSION = 1
_TORCH_EAGER = ("dynamic", "static", "dynamic_dtype", "backend", "observer", "per_channel")


def from_version_1(manifest: Mapping[str, object]) -> dict[str, object]:
    """The manifest with its preset as version 2 has it; what is not as version 1 had it is left for the reader to refuse.

    Args:
        manifest: as parsed from JSON, by its keys.
    """
    preset = manifest.get("preset")
    return {**manifest, "preset": _preset(preset) if isinstance(preset, dict) else preset}


def _preset(flat: Mapping[str, object]) -> dict[str, object]:
    calibration = {name: flat[f"calibration_{name}"] for name in ("clips", "seed") if f"calibration_{name}" in flat}
    kept = {name: flat[name] for name in ("name", "summary") if name in flat}
    return {**kept, "settings": _settings(flat), "calibration": calibration}


def _settings(flat: Mapping[str, object]) -> dict[str, object] | None:
    engine = flat.get("engine", "torch_eager")
    if engine == "":
        return None
    own = flat.get("openvino") if engine == "openvino" else {name: flat[name] for name in _TORCH_EAGER if name in flat}
    return {**(own if isinstance(own, dict) else {}), "engine": engine}
