"""The job of the tab "Benchmark", and the data that it may be about."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asrquant.base.errors import DatasetError, PresetError
from asrquant.base.policy import policy
from asrquant.base.progress import Progress
from asrquant.data import manifest
from asrquant.data.archive import unpack
from asrquant.data.bundled import BUNDLED, example_clips
from asrquant.data.dataset import Dataset
from asrquant.data.reading import read_dataset
from asrquant.engines.registry import refuse_unavailable
from asrquant.jobs.checks import whole
from asrquant.jobs.models import Models, chosen
from asrquant.measure.benchmark import benchmark
from asrquant.measure.report import Report

ZIP, FOLDER = "a zip of my own", "a folder or manifest on this machine"


def report(
    models: Models,
    progress: Progress,
    show: Callable[[Any], None],
    kind: str,
    zipped: str | None,
    path: str,
    presets: list[str],
    limit: int,
    deployed: bool,
    source: str,
    decoder: str,
) -> Report:
    """A data set through the original and several presets; shows each clip's ``Entry``."""
    most = whole(limit, "The number of clips", 1, most_clips())
    asked = [chosen(name, None) for name in dict.fromkeys(presets)]
    wanted = [preset for preset in asked if preset.engine]  # the original runs anyway
    if not wanted:
        raise PresetError("No preset is chosen: tick at least one.")
    with tempfile.TemporaryDirectory() as room:
        data = _data(kind, zipped, path, Path(room)).take(most)
        progress("loading the model", 0, 1)
        recognizers = [models.original(source).with_decoder(decoder)]
        for preset in wanted:  # before any of them is built
            refuse_unavailable(preset, recognizers[0])
        for preset in wanted:
            recognizers.append(models.quantized(source, preset, progress).with_decoder(decoder))
        return benchmark(recognizers, data, progress, keep_partial=True, watch=show, deployed=deployed)


def kinds() -> list[str]:
    """The data that a visitor may choose; strangers have no folder on this machine."""
    return [BUNDLED, ZIP, FOLDER] if policy().reads_local_folders else [BUNDLED, ZIP]


def most_clips() -> int:
    """Clips that one benchmark may have."""
    return policy().clips_per_benchmark


def _data(kind: str, zipped: str | None, path: str, room: Path) -> Dataset:
    """The data that was asked for; a zip is unpacked in ``room``.

    Raises:
        DatasetError: there is none, or it cannot be used.
    """
    if kind == ZIP:
        if not zipped:
            raise DatasetError("There is no zip yet: upload one, or choose the bundled clips.")
        unpack(Path(zipped), room)
        manifests = [p for p in room.rglob("*") if manifest.accepts(p)]
        return read_dataset(manifests[0] if len(manifests) == 1 else room, inside=room)
    if kind == FOLDER and policy().reads_local_folders:
        if not path.strip():
            raise DatasetError("There is no path yet: give a folder's or a manifest's.")
        return read_dataset(path.strip())
    return Dataset(BUNDLED, example_clips())
