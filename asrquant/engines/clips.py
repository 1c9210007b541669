"""The clips that quantizing needs: which they are, read whole, and what a model has to know of them for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asrquant.audio.clip import Audio, read_audio
from asrquant.base.errors import AudioError, DatasetError, PresetError
from asrquant.base.files import sha256
from asrquant.data.bundled import calibration_clips, validation_clips
from asrquant.data.dataset import Dataset, Utterance
from asrquant.data.reading import read_dataset
from asrquant.data.sounds import read_sounds
from asrquant.model.presets import Preset
from asrquant.model.recognizer import Recognizer
from asrquant.model.used import UsedClip, UsedClips
from asrquant.sources.loading import is_embedded
from asrquant.text.normalize import has_words

Clip = Audio | Utterance | str | Path
Clips = Sequence[Clip] | Dataset | str | Path
"""Clips, or where they are: of the latter as many are drawn as the preset's calibration says."""
WithWords = Sequence[Utterance] | Dataset | str | Path
BUNDLED, BUNDLED_VALIDATION = "bundled ones, AN4", "bundled ones, AN4, other speakers"
OWN = "of one's own"
"""What clips are called of which nobody says where they are from."""
_FOR_AN4 = "English letters and numbers for the model an4"
NOTICE = (
    f"calibrated with the bundled clips, {_FOR_AN4}, which say little about other speech: calibrate with clips of the model's "
    "own kind (--calibration PATH, calibration=, on the page a zip)"
)


@dataclass(frozen=True)
class Spoken:
    """A clip, and the words spoken in it."""

    audio: Audio
    reference: str


@dataclass(frozen=True)
class Heard:
    """Clips to calibrate with, as they were read; ``used`` is None where none are needed."""

    used: UsedClips | None = None
    audio: tuple[Audio, ...] = ()


@dataclass(frozen=True)
class Checked:
    """Clips to look at the accuracy on, as they were read; ``used`` is None where none are needed."""

    used: UsedClips | None = None
    spoken: tuple[Spoken, ...] = ()


def strange(recognizer: Recognizer, why: str, ways: str) -> str | None:
    """Why the bundled clips cannot judge a recognizer, in a sentence; None where they can: it is the embedded one.

    Args:
        recognizer: that would be judged.
        why: it would be; begins the sentence.
        ways: to give other clips.
    """
    if is_embedded(recognizer):
        return None
    what = f"{why}, and the bundled ones, {_FOR_AN4}, say nothing about {recognizer.source}"
    return f"{what}; give clips with their words ({ways})."


def unvalidated(preset: Preset, recognizer: Recognizer, validation: object) -> str | None:
    """Why a preset's accuracy control has no clips to go by, in a sentence; None where it has, or needs none.

    Args:
        preset: that may need some.
        recognizer: to be quantized.
        validation: clips of one's own; None takes the bundled ones, which are for the embedded model only.
    """
    if not preset.needs_validation or validation is not None:
        return None
    why = f"The preset {preset.name!r} goes by the errors on validation clips"
    return strange(recognizer, why, "--validation PATH, validation=, on the page a zip")


def refuse_unvalidated(preset: Preset, recognizer: Recognizer, validation: object) -> None:
    """Raise what ``unvalidated`` finds, before anything is built.

    Raises:
        PresetError: it found something.
    """
    if reason := unvalidated(preset, recognizer, validation):
        raise PresetError(reason)


def to_calibrate(preset: Preset, recognizer: Recognizer, given: Clips | None) -> Heard:
    """The clips that a preset's ranges are found with.

    Args:
        preset: says how many are drawn, with which seed; clips that are listed one by one are all taken.
        recognizer: to be quantized.
        given: clips of one's own; None takes the bundled ones.

    Raises:
        PresetError: there are none.
        DatasetError: they cannot be found.
        AudioError: one of them cannot be used.
    """
    if not preset.needs_calibration:
        return Heard()
    draw = preset.calibration
    if given is None:
        notice = "" if is_embedded(recognizer) else NOTICE
        clips: Sequence[Clip] = calibration_clips(draw.clips, draw.seed)
        used = UsedClips(BUNDLED, (), seed=draw.seed, notice=notice)
    elif isinstance(given, Dataset | str | Path):
        data = given if isinstance(given, Dataset) else read_sounds(given)
        clips = data.take(draw.clips, draw.seed).utterances
        drawn = draw.seed if len(clips) < len(data.utterances) else None
        used = UsedClips(data.name, (), len(data.utterances), drawn, len(data.bad))
    else:
        clips, used = given, UsedClips(OWN, ())
    if len(clips) == 0:
        raise PresetError(f"The preset {preset.name!r} needs calibration clips and none were given.")
    audio = tuple(_audio(clip, "calibration") for clip in clips)
    return Heard(_with(used, clips, audio), audio)


def to_validate(preset: Preset, recognizer: Recognizer, given: WithWords | None) -> Checked:
    """The clips that a preset with accuracy control goes by: all that are given.

    Raises:
        PresetError: there are none, or they are the bundled ones, which say nothing about this model.
        DatasetError: they cannot be found, or one has no words.
        AudioError: one of them cannot be used.
    """
    if not preset.needs_validation:
        return Checked()
    refuse_unvalidated(preset, recognizer, given)
    data = labelled(given, validation_clips)
    clips = data.utterances
    if len(clips) == 0:
        raise PresetError(f"The preset {preset.name!r} needs validation clips and none were given.")
    for clip in clips:
        if not has_words(clip.reference):
            raise DatasetError(f"The validation clip {clip.id!r} has no words; every one needs the words spoken.")
    audio = tuple(_audio(clip, "validation") for clip in clips)
    spoken = tuple(Spoken(sound, clip.reference) for sound, clip in zip(audio, clips, strict=True))
    return Checked(_with(UsedClips(data.name, (), refused=len(data.bad)), clips, audio), spoken)


def labelled(given: WithWords | None, bundled: Callable[[], Sequence[Utterance]]) -> Dataset:
    """Clips with their words, from wherever they are given; without any, those that are ``bundled``.

    Raises:
        DatasetError: they cannot be found.
    """
    if given is None:
        return Dataset(BUNDLED_VALIDATION, tuple(bundled()))
    if isinstance(given, str | Path):
        return read_dataset(given)
    return given if isinstance(given, Dataset) else Dataset(OWN, tuple(given))


def _with(used: UsedClips, clips: Sequence[Clip], audio: Sequence[Audio]) -> UsedClips:
    pairs = enumerate(zip(clips, audio, strict=True))
    return replace(used, clips=tuple(_used(index, clip, sound) for index, (clip, sound) in pairs))


def _used(index: int, clip: Clip, sound: Audio) -> UsedClip:
    digest = hashlib.sha256(sound.samples.astype("<f4").tobytes()).hexdigest()
    if isinstance(clip, Audio):
        return UsedClip(f"clip {index + 1}, {clip.seconds:.1f} s", None, digest)
    path = clip.path if isinstance(clip, Utterance) else Path(clip)
    return UsedClip(_name(clip), sha256(path), digest)


def _name(clip: Utterance | str | Path) -> str:
    return clip.id if isinstance(clip, Utterance) else Path(clip).name


def _audio(clip: Clip, what: str) -> Audio:
    if isinstance(clip, Audio):
        return clip
    try:
        return clip.audio() if isinstance(clip, Utterance) else read_audio(clip)
    except AudioError as error:
        raise AudioError(f"The {what} clip {_name(clip)!r} cannot be used: {error}") from None
