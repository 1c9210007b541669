"""What an artifact says of itself: ``manifest.json`` and ``decoder.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from asrquant.base.errors import ArtifactError
from asrquant.base.files import File
from asrquant.export.manifest_1 import OLDEST_VERSION, from_version_1
from asrquant.export.manifest_2 import from_version_2
from asrquant.model.card import Card
from asrquant.model.modules import Roles
from asrquant.model.presets import Preset
from asrquant.model.recognizer import Tuning
from asrquant.model.used import UsedClips
from asrquant.text.metrics import Measure

FORMAT_VERSION = 3
MANIFEST, DECODER = "manifest.json", "decoder.json"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Source:
    """The float model that the artifact was made from; see ``recognizer.Origin``."""

    name: str
    toolkit: str
    sha256: Mapping[str, str]
    card: Card = field(default_factory=Card)
    commit: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verification:
    """How the artifact, loaded in a fresh process, answered beside the recognizer that it was made from.

    Attributes:
        tolerance: largest difference of a log-prob that is accepted.
        differences: largest difference found, by clip (its batch and length).
        transcripts: bundled clips transcribed by both.
        identical: how many of those transcripts were the same; always all of them in an artifact that is offered.
        quantized: quantized modules counted in the reloaded model.
    """

    tolerance: float
    differences: Mapping[str, float]
    transcripts: int
    identical: int
    quantized: Mapping[str, int]

    @property
    def largest(self) -> float:
        """The largest difference of all."""
        return max(self.differences.values())

    @property
    def passed(self) -> bool:
        """Whether it answers as the model that it was made from."""
        return self.largest <= self.tolerance and self.identical == self.transcripts


@dataclass(frozen=True)
class BrowserCheck:
    """How an artifact that is a page answered in a browser, beside the models that it was made from.

    Rounding in int8 depends on the last bits of what comes before, which differ between processors and browsers, and even between
    two optimizations of ONNX Runtime's on one: a log-prob of an unlikely label moves by one or two. So of the quantized model the
    best labels are compared, and of the original the log-probs.

    Attributes:
        browser: the one that was found and opened it; empty where there was none.
        note: why it was opened in none.
        clips: bundled clips that were transcribed.
        tolerance: largest difference of a log-prob of the original that is accepted.
        largest: largest difference found.
        same_best: share of the frames in which the quantized model's best label is the same.
        least_same: the least that is accepted.
        original_texts: greedy transcripts of the original that are the same.
        quantized_texts: greedy transcripts of the quantized model that are the same.
    """

    browser: str = ""
    note: str = ""
    clips: int = 0
    tolerance: float = 1e-3
    largest: float = 0.0
    same_best: float = 1.0
    least_same: float = 0.98
    original_texts: int = 0
    quantized_texts: int = 0

    @property
    def passed(self) -> bool:
        """Whether it answers as the models do."""
        return (
            self.largest <= self.tolerance and self.same_best >= self.least_same and self.original_texts == self.clips
        )


@dataclass(frozen=True)
class Result:
    """A line of a benchmark; WER and CER in percent. Artifacts of before CER was measured have none."""

    preset: str
    wer: float | None
    encoder_rtf: float
    rtf: float
    speedup: float
    cer: float | None = None


@dataclass(frozen=True)
class Measurement:
    """What a benchmark of the artifact's recognizer found.

    Attributes:
        data: what it was measured on.
        clips: how many clips.
        words: how many words their references have.
        decoder: that all used.
        machine: where.
        results: the original and the artifact's preset.
        measure: the main figure, ``WER`` or ``CER``.
        normalization: of the texts before they were compared; empty in artifacts of before it could be chosen.
    """

    data: str
    clips: int
    words: int
    decoder: str
    machine: str
    results: tuple[Result, ...]
    measure: Measure = "WER"
    normalization: str = ""


@dataclass(frozen=True)
class Manifest:
    """``manifest.json``.

    Attributes:
        format_version: of this description and the files' layout.
        name: the artifact's.
        format: how the model is saved, such as ``torchscript``.
        model_file: name of the file with the weights.
        model_bytes: length of all files that the model is in.
        original_bytes: what saving the float model's state dict takes.
        created: UTC, ISO 8601.
        source: the float model.
        preset: with every setting.
        roles: path of the module in each role.
        backend: quantized kernels that the weights are packed for; empty where there are none.
        calibration: clips that the ranges of activations were found with; None for a preset that needs none.
        decoder: name of the decoder.
        versions: of Python and the libraries that made it.
        machine: that made it.
        files: all files but this one and ``SHA256SUMS``.
        tuning: what was tried to keep the accuracy.
        validation: clips that it was looked at on.
        verification: None only while the artifact is being made.
        measurement: None where no benchmark was run.
        frame_samples: from one frame of the log-probs to the next; None where it has to be measured.
        browser: how a page answered in a browser; None for what is no page.
    """

    format_version: int
    name: str
    format: str
    model_file: str
    model_bytes: int
    original_bytes: int
    created: str
    source: Source
    preset: Preset
    roles: Roles
    backend: str
    calibration: UsedClips | None
    decoder: str
    versions: Mapping[str, str]
    machine: str
    files: Mapping[str, File]
    tuning: Tuning | None = None
    validation: UsedClips | None = None
    verification: Verification | None = None
    measurement: Measurement | None = None
    frame_samples: int | None = None
    browser: BrowserCheck | None = None

    @property
    def size_ratio(self) -> float:
        """Size of the model file as a share of the float model's."""
        return self.model_bytes / self.original_bytes


@dataclass(frozen=True)
class DecoderSettings:
    """``decoder.json``: a ``decoding.Vocabulary``, with the n-gram as the name of a file beside it."""

    decoder: str
    labels: tuple[str, ...]
    texts: tuple[str, ...]
    blank_index: int
    ngram: str | None = None
    search: Mapping[str, Any] = field(default_factory=dict)
    punctuation: str = ""


def to_json(value: object, indent: int | None = None) -> bytes:
    """A dataclass of this module as JSON."""
    return TypeAdapter(type(value)).dump_json(value, indent=indent)


def write_json(value: object, path: Path) -> None:
    """Write a dataclass of this module."""
    path.write_bytes(to_json(value, indent=1) + b"\n")


def read_json(kind: type[_T], path: Path) -> _T:
    """Read a dataclass of this module; raises as ``parse_json``."""
    return parse_json(kind, path.read_bytes(), path.name)


def parse_json(kind: type[_T], contents: bytes, name: str) -> _T:
    """A dataclass of this module from JSON.

    Args:
        kind: the dataclass.
        contents: the JSON.
        name: where it is from, for the error.

    Raises:
        ArtifactError: it is not what ``kind`` says, or of a version of the format that is not read any more, or not yet.
    """
    try:
        said = json.loads(contents)
        version = said.get("format_version", FORMAT_VERSION)
    except (ValueError, AttributeError):
        raise ArtifactError(f"{name} is not a JSON object; this is no artifact of asrquant's.") from None
    if version in range(OLDEST_VERSION, FORMAT_VERSION):
        said = from_version_2(from_version_1(said) if version == OLDEST_VERSION else said)
        contents = json.dumps({**said, "format_version": FORMAT_VERSION}).encode()
    elif version != FORMAT_VERSION:
        raise ArtifactError(
            f"The artifact is of format version {version}; this asrquant reads versions {OLDEST_VERSION} to {FORMAT_VERSION}. "
            "Use the asrquant that made it, or export again."
        )
    try:
        value: _T = TypeAdapter(kind).validate_json(contents)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        why = (
            first["msg"].removeprefix("Value error, ").rstrip(".")
        )  # pydantic's word for what a dataclass refuses itself
        raise ArtifactError(f"{name}: {where} cannot be used: {why}.") from None
    return value
