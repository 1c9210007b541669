"""What an engine has to offer: float encoder + preset → the encoder that was asked for, and the formats that it is saved in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class PageFormat(Format, Protocol):
    """A format whose folder is a page for a browser, too: the float model stands there beside the quantized one."""

    def fits(self, preset: Preset) -> bool:
        """Whether a preset leaves anything to stand beside the float model."""

    def save_page(self, recognizer: Recognizer, original: Recognizer, folder: Path) -> None:
        """Write the float model and the page's files into the folder that ``save`` has written into.

        Raises:
            ExportError: the original is not what the recognizer was made from, or too large for a browser.
            PresetError: it has no form that a browser can run.
        """


class Kept(Protocol):
    """How a built encoder is put aside for the next process here, which has the float model in memory as well.

    It comes back in the same form, to the bit, where TorchScript for example would have lost its modules.
    """

    @property
    def name(self) -> str:
        """What its entries are called, so that those of another version are none of this one's."""

    def save(self, recognizer: Recognizer, folder: Path) -> None:
        """Write the encoder's files into an empty folder.

        Raises:
            OSError: the disk is full or cannot be written.
        """

    def restore(self, folder: Path, saved: Saved, original: nn.Module) -> nn.Module:
        """Load the encoder from files whose sha256 have been checked.

        Args:
            folder: with the files.
            saved: what has to be known besides.
            original: the float encoder that it was made from; what stays float is shared with it.

        Raises:
            ArtifactError: the files do not fit each other, or the original.
            PresetError: this machine lacks the backend.
        """


class Steps(Protocol):
    """What was finished of builds of one float model, by whatever process: it need not be done again."""

    def finished(self, name: str) -> Path | None:
        """The folder of a step's files, which have been checked; None where it has not been done, or they are damaged."""

    def keep(self, name: str, write: Callable[[Path], object]) -> Path | None:
        """Have a step's files written into an empty folder, and put that aside; None where there is no room for it."""


@dataclass(frozen=True)
class Job:
    """What an engine is asked to build.

    Attributes:
        recognizer: the float one; stays as it is.
        preset: says what and how.
        calibration: clips for the ranges of activations; none for a preset that needs none.
        validation: clips with references, for a preset that looks at the WER.
        progress: called at each step; may raise ``Cancelled``.
        steps: where what is finished can be put aside, should the build be stopped before its end; None for nowhere.
    """

    recognizer: Recognizer
    preset: Preset
    calibration: Sequence[Audio]
    validation: Sequence[Spoken]
    progress: Progress
    steps: Steps | None = None


@dataclass(frozen=True)
class Built:
    """What an engine built.

    Attributes:
        encoder: wave [B, T] → log-probs [B, F, V].
        backend: that it is for.
        tuning: what was tried to keep the accuracy.
        restored: whether it was built before, and only read again.
    """

    encoder: nn.Module
    backend: str
    tuning: Tuning | None = None
    restored: bool = False


class Engine(Protocol):
    """What a folder here offers."""

    FORMATS: tuple[Format, ...]

    def missing(self) -> str | None:
        """Which library is not installed, with the install line; None where the engine can be used."""

    def unfit(self, preset: Preset, recognizer: Recognizer | None) -> str | None:
        """Why this machine cannot carry out a preset of the engine's, or why the preset does not fit a float recognizer.

        Asked only where nothing is ``missing``. Without a recognizer, the machine alone is looked at.
        """

    def kept(self, preset: Preset) -> Kept | None:
        """How a cache keeps what was built by a preset; None where the ``Steps`` of the build leave next to nothing to do."""

    def build(self, job: Job) -> Built:
        """Make the quantized encoder.

        Raises:
            PresetError: the preset does not fit the model or this machine.
        """


class Shelf(Protocol):
    """Where built encoders are put aside, so that each is built once."""

    def build(self, job: Job, engine: Engine) -> Built:
        """The encoder that is asked for: read again where it was built before, else built by its engine and put aside.

        Raises:
            PresetError: as ``Engine.build``.
        """
