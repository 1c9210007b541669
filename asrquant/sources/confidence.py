"""How sure the embedded models may be of their words, as ``examples/calibrate_confidence.py`` found out for these weights."""

from __future__ import annotations

import json
from pathlib import Path

from asrquant.base.files import sha256
from asrquant.text.confidence import Calibration

_FOLDER = Path(__file__).with_name("calibrations")
_MANIFEST = "manifest.json"


def calibration_file(model: str) -> Path:
    """Where the calibration of an embedded model lies."""
    return _FOLDER / f"{model}.json"


def fingerprint(folder: Path) -> str:
    """The sha256 of an embedded model's manifest, which has those of all its files."""
    return sha256(folder / _MANIFEST)


def read_calibration(model: str, folder: Path) -> Calibration | None:
    """The calibration of an embedded model; None where there is none for the files in its folder."""
    try:
        found = json.loads(calibration_file(model).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if found["weights"] != fingerprint(folder):
        return None
    return Calibration(float(found["slope"]), float(found["intercept"]), float(found["doubt"]), str(found["knows"]))
