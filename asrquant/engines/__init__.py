"""Engines: float encoder + Preset → the encoder that was asked for. One file an engine, found here by its name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

from torch import nn

from asrquant.audio import Audio, read_audio
from asrquant.dataset import Utterance, calibration_clips, validation_clips
from asrquant.errors import ExportError, MissingDependencyError, PresetError
from asrquant.modules import Roles
from asrquant.presets import Preset, get_preset
from asrquant.progress import Progress, silent
from asrquant.quiet import quietly
from asrquant.recognizer import Recognizer, Tuning

Clip = Audio | Utterance | str | Path
ARCHITECTURE = "architecture"
"""Folder, in what a format writes, of the files of an ``Origin.architecture``."""
FLOAT_ENGINE = "torch_eager"
"""The engine whose formats the float model is saved in."""


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
    validation: Sequence[Utterance]
    progress: Progress


@dataclass(frozen=True)
class Built:
    """What an engine built: an encoder (wave [B, T] → log-probs [B, F, V]), the backend that it is for, and what was tried."""

    encoder: nn.Module
    backend: str
    tuning: Tuning | None = None


class Engine(Protocol):
    """What a file in this folder offers."""

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


def engines() -> tuple[str, ...]:
    """Names of the engines that this version knows."""
    return tuple(info.name for info in pkgutil.iter_modules(__path__))


def get_engine(name: str) -> Engine:
    """The engine of that name.

    Raises:
        PresetError: there is none.
        MissingDependencyError: a library that it needs is not installed.
    """
    engine = _engine(name)
    if reason := engine.missing():
        raise MissingDependencyError(reason)
    return engine


def _engine(name: str) -> Engine:
    if name not in engines():
        raise PresetError(f"There is no engine {name!r}; there are {', '.join(engines())}.")
    return cast(Engine, importlib.import_module(f"{__name__}.{name}"))


def unavailable(preset: Preset, recognizer: Recognizer | None = None) -> str | None:
    """Why a preset cannot be used here, in a sentence; None where it can.

    Args:
        preset: that somebody may choose.
        recognizer: the float one that it is for; None asks about the machine and what is installed on it alone.
    """
    if not preset.engine:
        return None
    engine = _engine(preset.engine)
    return engine.missing() or engine.unfit(preset, recognizer)


def refuse_unavailable(preset: Preset, recognizer: Recognizer | None = None) -> None:
    """Raise what ``unavailable`` finds, so that nothing is built for a preset that must fail.

    Raises:
        MissingDependencyError: a library of the preset's engine is not installed.
        PresetError: the machine lacks what the preset needs, or the preset does not fit the recognizer.
    """
    if not preset.engine:
        return
    if reason := get_engine(preset.engine).unfit(preset, recognizer):
        raise PresetError(reason)


def formats(preset: Preset) -> tuple[Format, ...]:
    """The formats that a recognizer of this preset can be saved in: those of its engine.

    Raises:
        MissingDependencyError: a library that the engine needs is not installed.
    """
    return get_engine(preset.engine or FLOAT_ENGINE).FORMATS


def get_format(name: str | None, preset: Preset) -> Format:
    """A format by name; without one, the preset's first.

    Raises:
        ExportError: recognizers of this preset have no such format; lists those that they have.
        MissingDependencyError: a library that the engine needs is not installed.
    """
    offered = formats(preset)
    for candidate in offered:
        if name is None or candidate.name == name:
            return candidate
    names = " or ".join(candidate.name for candidate in offered)
    raise ExportError(f"A {preset.name!r} model cannot be saved as {name!r}; choose {names}.")


def quantize(
    recognizer: Recognizer,
    preset: str | Preset,
    calibration: Sequence[Clip] | None = None,
    progress: Progress = silent,
    validation: Sequence[Utterance] | None = None,
) -> Recognizer:
    """Quantize a recognizer. The one that is given stays as it is, to the bit.

    Args:
        recognizer: a float one, as ``load`` returns it.
        preset: a name in ``PRESETS``, or a Preset such as ``custom`` makes.
        calibration: clips to find the ranges of activations with; None takes the bundled ones
            (``preset.calibration_clips`` of them, drawn with ``preset.calibration_seed``).
        progress: called before each step; may raise ``Cancelled``.
        validation: clips with references for a preset with accuracy control; None takes the bundled ones, of
            speakers that the embedded model was not trained on.

    Returns:
        A new recognizer that shares the vocabulary and the decoder with the given one.

    Raises:
        PresetError: the preset does not fit the model or this machine, the recognizer is quantized already, or no clips
            were given.
        AudioError: a calibration clip cannot be used.
        MissingDependencyError: the preset's engine is not installed.
    """
    preset = get_preset(preset)
    if recognizer.preset.engine:
        raise PresetError(f"The recognizer is quantized already ({recognizer.preset.name}); start from the float one.")
    if not preset.engine:
        return recognizer
    engine = get_engine(preset.engine)
    refuse_unavailable(preset, recognizer)
    clips: Sequence[Clip] = ()
    if preset.needs_calibration:
        if calibration is None:
            calibration = calibration_clips(preset.calibration_clips, preset.calibration_seed)
        if len(calibration) == 0:
            raise PresetError(f"The preset {preset.name!r} needs calibration clips and none were given.")
        clips = calibration
    if validation is None:
        validation = validation_clips() if preset.needs_validation else ()
    if preset.needs_validation and len(validation) == 0:
        raise PresetError(f"The preset {preset.name!r} needs validation clips and none were given.")
    job = Job(recognizer, preset, [_audio(clip) for clip in clips], validation, progress)
    with quietly():
        built = engine.build(job)
    return replace(
        recognizer,
        encoder=built.encoder,
        preset=preset,
        backend=built.backend,
        tuning=built.tuning,
        calibration=tuple(_name(clip, index) for index, clip in enumerate(clips)),
        original_bytes=recognizer.size_bytes(),
    )


def _name(clip: Clip, index: int) -> str:
    if isinstance(clip, Audio):
        return f"clip {index + 1}, {clip.seconds:.1f} s"
    return clip.id if isinstance(clip, Utterance) else Path(clip).name


def _audio(clip: Clip) -> Audio:
    if isinstance(clip, Audio):
        return clip
    return clip.audio() if isinstance(clip, Utterance) else read_audio(clip)
