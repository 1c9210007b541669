"""``quantize``: a float recognizer and a preset → a quantized recognizer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asrquant.audio.clip import Audio, read_audio
from asrquant.base.errors import PresetError
from asrquant.base.progress import Progress, silent
from asrquant.base.quiet import quietly
from asrquant.data.bundled import calibration_clips, validation_clips
from asrquant.data.dataset import Utterance
from asrquant.engines.engine import Job, Shelf
from asrquant.engines.registry import get_engine, refuse_unavailable
from asrquant.model.presets import Preset, get_preset
from asrquant.model.recognizer import Recognizer

Clip = Audio | Utterance | str | Path


def quantize(
    recognizer: Recognizer,
    preset: str | Preset,
    calibration: Sequence[Clip] | None = None,
    progress: Progress = silent,
    validation: Sequence[Utterance] | None = None,
    shelf: Shelf | None = None,
) -> Recognizer:
    """Quantize a recognizer. The one that is given stays as it is, to the bit.

    Args:
        recognizer: a float one, as ``load`` returns it.
        preset: a name in ``PRESETS``, or a Preset such as ``custom`` makes.
        calibration: clips to find the ranges of activations with; None takes the bundled ones
            that ``preset.calibration`` says.
        progress: called before each step; may raise ``Cancelled``.
        validation: clips with references for a preset with accuracy control; None takes the bundled ones, of
            speakers that the embedded model was not trained on.
        shelf: where what was built before is found, and what is built now is put aside; None builds it in any case.

    Returns:
        A new recognizer that shares the vocabulary, the decoder, and the weights that stay float with the given one.

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
    clips = _to_calibrate(preset, calibration)
    if validation is None:
        validation = validation_clips() if preset.needs_validation else ()
    if preset.needs_validation and len(validation) == 0:
        raise PresetError(f"The preset {preset.name!r} needs validation clips and none were given.")
    begun = time.perf_counter()
    job = Job(recognizer, preset, [_audio(clip) for clip in clips], validation, progress)
    with quietly():
        built = shelf.build(job, engine) if shelf else engine.build(job)
    took = time.perf_counter() - begun
    return replace(
        recognizer,
        encoder=built.encoder,
        preset=preset,
        backend=built.backend,
        tuning=built.tuning,
        calibration=tuple(_name(clip, index) for index, clip in enumerate(clips)),
        original_bytes=recognizer.size_bytes(),
        build_seconds=None if built.restored else took,
    )


def _to_calibrate(preset: Preset, given: Sequence[Clip] | None) -> Sequence[Clip]:
    if not preset.needs_calibration:
        return ()
    clips = calibration_clips(preset.calibration.clips, preset.calibration.seed) if given is None else given
    if len(clips) == 0:
        raise PresetError(f"The preset {preset.name!r} needs calibration clips and none were given.")
    return clips


def _name(clip: Clip, index: int) -> str:
    if isinstance(clip, Audio):
        return f"clip {index + 1}, {clip.seconds:.1f} s"
    return clip.id if isinstance(clip, Utterance) else Path(clip).name


def _audio(clip: Clip) -> Audio:
    if isinstance(clip, Audio):
        return clip
    return clip.audio() if isinstance(clip, Utterance) else read_audio(clip)
