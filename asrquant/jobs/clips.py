"""Clips of a visitor's own to calibrate and validate with: zips, unpacked only while a model is made with them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from asrquant.base.errors import DatasetError, RequestError
from asrquant.base.files import printable_name, sha256
from asrquant.base.policy import policy
from asrquant.data.archive import unpack
from asrquant.data.dataset import Dataset
from asrquant.data.reading import read_dataset
from asrquant.data.sounds import read_sounds
from asrquant.jobs.checks import shown
from asrquant.model.presets import Preset

GONE = "The zip {!r} is no longer kept here: upload it again."


@dataclass(frozen=True)
class Opened:
    """The clips in a visitor's zips; None takes the bundled ones."""

    calibration: Dataset | None = None
    validation: Dataset | None = None


@dataclass(frozen=True)
class OwnClips:
    """A visitor's zips, by their paths; None takes the bundled clips.

    Attributes:
        calibration: clips for the ranges of activations, with words or without.
        validation: clips with their words, that the accuracy is looked at on.
    """

    calibration: Path | None = None
    validation: Path | None = None

    @classmethod
    def chosen(cls, calibration: object, validation: object) -> OwnClips:
        """What a visitor uploaded, as it came.

        Raises:
            RequestError: it is no file.
        """
        return cls(_path(calibration, "calibration"), _path(validation, "validation"))

    def heard_by(self, preset: Preset) -> OwnClips:
        """Those that a preset needs, so that it is not made anew for the others."""
        return OwnClips(
            self.calibration if preset.needs_calibration else None, self.validation if preset.needs_validation else None
        )

    def digests(self) -> Digests:
        """What tells these clips from all others.

        Raises:
            DatasetError: a zip is gone.
        """
        return Digests(*(sha256(_there(path)) if path else "" for path in (self.calibration, self.validation)))

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        """The clips, for as long as this lasts.

        Raises:
            DatasetError: a zip is gone, or cannot be used.
        """
        with tempfile.TemporaryDirectory() as room:
            calibration = (
                _unpacked(self.calibration, Path(room, "calibration"), words=False) if self.calibration else None
            )
            validation = _unpacked(self.validation, Path(room, "validation"), words=True) if self.validation else None
            yield Opened(calibration, validation and _some(validation))


@dataclass(frozen=True)
class Digests:
    """sha256 of a visitor's zips; empty for the bundled clips."""

    calibration: str = ""
    validation: str = ""


def read_zip(path: Path, room: Path, words: bool = True) -> Dataset:
    """The clips in a zip, unpacked in ``room``.

    Args:
        path: of the zip.
        room: an empty folder.
        words: whether clips need their words.

    Raises:
        DatasetError: it is gone, or cannot be used.
    """
    unpack(_there(path), room)
    data = read_dataset(room, inside=room) if words else read_sounds(room, inside=room)
    return replace(data, name=printable_name(path)) if data.name == room.name else data


def _path(value: object, what: str) -> Path | None:
    if value is None:
        return None
    if not value or not isinstance(value, str):
        raise RequestError(f"The {what} clips are {shown(value)}; upload a zip, or none for the bundled clips.")
    return Path(value)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise DatasetError(GONE.format(printable_name(path)))
    return path


def _unpacked(path: Path, room: Path, words: bool) -> Dataset:
    """The clips in a zip under its own name, which tells them apart in what is made with them."""
    room.mkdir()
    return replace(read_zip(path, room, words), name=printable_name(path))


def _some(data: Dataset) -> Dataset:
    """No more than a benchmark may have."""
    most = policy().clips_per_benchmark
    count = len(data.utterances)
    return replace(data.take(most), name=f"{data.name}, the first {most} of {count}") if count > most else data
