"""What the tab "Benchmark" asks for: a data set, several presets."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from asrquant.base.errors import DatasetError, PresetError, RequestError
from asrquant.base.policy import policy
from asrquant.data.bundled import BUNDLED, example_clips
from asrquant.data.dataset import Dataset
from asrquant.data.reading import read_dataset
from asrquant.engines.clips import refuse_unvalidated
from asrquant.engines.registry import refuse_unavailable
from asrquant.export import raced
from asrquant.jobs.checks import Checked, by, flag, shown, whole
from asrquant.jobs.clips import OwnClips, read_zip
from asrquant.jobs.models import BUNDLED_CLIPS, Wanted, chosen, known_model
from asrquant.jobs.request import Work
from asrquant.measure.benchmark import benchmark
from asrquant.measure.report import Report
from asrquant.model.presets import Preset
from asrquant.text.decoders import known_decoder
from asrquant.text.normalize import BASIC, NORMALIZATIONS

ZIP, FOLDER = "a zip of my own", "a folder or manifest on this machine"


def kinds() -> list[str]:
    """The data that a visitor may choose; strangers have no folder on this machine."""
    return [BUNDLED, ZIP, FOLDER] if policy().reads_local_folders else [BUNDLED, ZIP]


def most_clips() -> int:
    """Clips that one benchmark may have."""
    return policy().clips_per_benchmark


@dataclass(frozen=True)
class Data:
    """Where the clips are.

    Attributes:
        kind: one of ``kinds()``.
        path: of a zip, a folder or a manifest; None for the bundled clips.
    """

    kind: str
    path: Path | None = None

    @classmethod
    def chosen(cls, kind: object, zipped: object, path: object) -> Data:
        """What a visitor chose.

        Args:
            kind: of data.
            zipped: path of an uploaded zip, for that kind.
            path: of a folder or manifest, for that kind.

        Raises:
            RequestError: there is no such kind here.
            DatasetError: what goes with the kind is missing.
        """
        if kind not in kinds():
            raise RequestError(f"The data is {shown(kind)}; choose {' or '.join(kinds())}.")
        if kind == ZIP and not (zipped and isinstance(zipped, str)):
            raise DatasetError("There is no zip yet: upload one, or choose the bundled clips.")
        if kind == FOLDER and not (isinstance(path, str) and path.strip()):
            raise DatasetError("There is no path yet: give a folder's or a manifest's.")
        where = {ZIP: str(zipped), FOLDER: str(path).strip()}.get(str(kind))
        return cls(str(kind), Path(where) if where else None)

    def read(self, room: Path) -> Dataset:
        """The data set; a zip is unpacked in ``room``.

        Raises:
            DatasetError: it cannot be used.
        """
        if self.path is None:
            return Dataset(BUNDLED, example_clips())
        if self.kind == FOLDER:
            return read_dataset(self.path)
        return read_zip(self.path, room)


def _presets(names: object) -> tuple[Preset, ...]:
    if not isinstance(names, list | tuple):
        raise RequestError(f"The presets are {shown(names)}; give a list of names.")
    asked = [chosen(name, None) for name in dict.fromkeys(map(_name, names))]
    if not (wanted := tuple(preset for preset in asked if preset.engine)):  # the original runs anyway
        raise PresetError("No preset is chosen: tick at least one.")
    return wanted


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise RequestError(f"A preset is {shown(value)}; give its name.")
    return value


def _normalization(value: object) -> str:
    if not isinstance(value, str) or value not in NORMALIZATIONS:
        raise RequestError(f"The normalization is {shown(value)}; choose {', '.join(NORMALIZATIONS)}.")
    return value


def _limit(value: object) -> int:
    return whole(value, "The number of clips", 1, most_clips())


@dataclass(frozen=True, kw_only=True)
class BenchmarkRequest(Checked):
    """A data set through the original and several presets; the result is a ``Report``.

    Attributes:
        data: where the clips are.
        presets: without the original, which runs too; made of names.
        limit: most clips that are run, 1 to ``most_clips()``.
        deployed: whether each model is loaded in a fresh process as well, for load time and peak memory.
        model: name of the model.
        decoder: name of the decoder.
        own: clips to calibrate and validate with.
        normalize: name of the normalization of the texts before they are compared.

    Raises:
        PresetError: no preset is named, there is none of a name, or this machine cannot carry one out.
        RequestError: a value is of the wrong kind, or out of bounds.
        UntrustedSourceError: the model is not offered.
        DecoderError: there is no such decoder.
    """

    data: Data
    presets: tuple[Preset, ...] = field(metadata=by(_presets))
    limit: int = field(metadata=by(_limit))
    deployed: bool = field(metadata=by(partial(flag, what="Load time and peak memory")))
    model: str = field(metadata=by(known_model))
    decoder: str = field(metadata=by(known_decoder))
    own: OwnClips = BUNDLED_CLIPS
    normalize: str = field(default=BASIC.name, metadata=by(_normalization))

    def facts(self) -> Mapping[str, str]:
        """For the log."""
        names = ",".join(preset.name for preset in self.presets)
        return {"tab": "benchmark", "model": self.model, "preset": names, "decoder": self.decoder}

    def wants(self) -> Collection[Wanted]:
        """The original and the quantized ones."""
        return (Wanted(self.model), *(Wanted.of(self.model, preset, self.own) for preset in self.presets))

    def run(self, work: Work) -> Report:
        """Run the benchmark; shows each clip's ``Entry``.

        Raises:
            DatasetError: the data cannot be used.
            AsrQuantError: the model or a preset cannot be had.
        """
        with tempfile.TemporaryDirectory() as room:
            data = self.data.read(Path(room)).take(self.limit)
            work.progress("loading the model", 0, 1)
            recognizers = [work.models.original(self.model, work.progress, self.decoder).with_decoder(self.decoder)]
            for preset in self.presets:  # before any of them is built
                refuse_unavailable(preset, recognizers[0])
                refuse_unvalidated(preset, recognizers[0], self.own.validation)
            for preset in self.presets:
                quantized = work.models.quantized(self.model, preset, work.progress, self.own)
                recognizers.append(quantized.with_decoder(self.decoder))
            report = benchmark(
                recognizers,
                data,
                work.progress,
                keep_partial=True,
                watch=work.show,
                deployed=self.deployed,
                normalize=self.normalize,
            )
            return replace(report, raced=raced.in_a_line(recognizers[0]))
