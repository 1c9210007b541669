"""What an engine has to offer: float encoder + preset → the encoder that was asked for, and the formats that it is saved in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import nn

from asrquant.audio.clip import Audio
from asrquant.base.progress import Progress
from asrquant.engines.clips import Spoken
from asrquant.model.modules import Roles
from asrquant.model.presets import Preset
from asrquant.model.recognizer import Recognizer, Tuning

ARCHITECTURE = "architecture"
"""Folder, in what a format writes, of the files of an ``Origin.architecture``."""


@dataclass(frozen=True)
class Saved:
    """What has to be known of a saved encoder to load it; see ``Recognizer`` and ``Origin``."""

    preset: Preset
    backend: str
    roles: Roles
    toolkit: str


class Format(Protocol):
    """How an encoder becomes files and comes back."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def summary(self) -> str:
        """One line on what it is good for."""

    @property
    def model_files(self) -> tuple[str, ...]:
        """Names of the files that the encoder is in, the one to open first; their size is the artifact's."""

    @property
    def library(self) -> str:
        """What opens those files, as ``library_name`` of a card on the Hub."""

    @property
    def script(self) -> Path:
        """A program that transcribes a clip with the artifact beside it."""

    @property
    def script_needs(self) -> str:
        """The libraries that the program imports, such as ``torch and soundfile``."""

    def save(self, recognizer: Recognizer, folder: Path) -> None:
        """Write the encoder's files into an empty folder.

        Raises:
            ExportError: this encoder has no such form.
        """

    def restore(self, folder: Path, saved: Saved) -> nn.Module:
        """Load the encoder from files whose sha256 have been checked.

        Raises:
            ArtifactError: the files do not fit each other.
            PresetError: this machine lacks the backend.
        """


@dataclass(frozen=True)
class Job:
    """What an engine is asked to build.

    Attributes:
        recognizer: the float one; stays as it is.
        preset: says what and how.
        calibration: clips for the ranges of activations; none for a preset that needs none.
        validation: clips with references, for a preset that looks at the WER.
        progress: called at each step; may raise ``Cancelled``.
    """

    recognizer: Recognizer
    preset: Preset
    calibration: Sequence[Audio]
    validation: Sequence[Spoken]
    progress: Progress


@dataclass(frozen=True)
class Built:
    """What an engine built: an encoder (wave [B, T] → log-probs [B, F, V]), the backend that it is for, and what was tried."""

    encoder: nn.Module
    backend: str
    tuning: Tuning | None = None


class Engine(Protocol):
    """What a folder here offers."""

    FORMATS: tuple[Format, ...]

    def missing(self) -> str | None:
        """Which library is not installed, with the install line; None where the engine can be used."""

    def unfit(self, preset: Preset, recognizer: Recognizer | None) -> str | None:
        """Why this machine cannot carry out a preset of the engine's, or why the preset does not fit a float recognizer.

        Asked only where nothing is ``missing``. Without a recognizer, the machine alone is looked at.
        """

    def build(self, job: Job) -> Built:
        """Make the quantized encoder.

        Raises:
            PresetError: the preset does not fit the model or this machine.
        """
