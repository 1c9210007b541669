"""``quantize``: a float recognizer and a preset → a quantized recognizer."""

from __future__ import annotations

import time
from dataclasses import replace

from asrquant.base.errors import PresetError
from asrquant.base.progress import Progress, silent
from asrquant.base.quiet import quietly
from asrquant.engines.clips import Clips, WithWords, to_calibrate, to_validate
from asrquant.engines.engine import Job, Shelf
from asrquant.engines.registry import get_engine, refuse_unavailable
from asrquant.model.presets import Preset, get_preset
from asrquant.model.recognizer import Recognizer


def quantize(
    recognizer: Recognizer,
    preset: str | Preset,
    calibration: Clips | None = None,
    progress: Progress = silent,
    validation: WithWords | None = None,
    shelf: Shelf | None = None,
) -> Recognizer:
    """Quantize a recognizer. The one that is given stays as it is, to the bit.

    Args:
        recognizer: a float one, as ``load`` returns it.
        preset: a name in ``PRESETS``, or a Preset such as ``custom`` makes.
        calibration: clips to find the ranges of activations with, of which all are taken; or a data set, its path, or that of
            a folder of clips without words, of which as many are drawn as ``preset.calibration`` says. None draws from the
            bundled ones, which fit the embedded model; of another model it is said of the recognizer that they were.
        progress: called before each step; may raise ``Cancelled``.
        validation: clips with references, or a data set of them or its path, for a preset with accuracy control; None takes
            the bundled ones, of speakers that the embedded model was not trained on, and is for that model only.
        shelf: where what was built before is found, and what is built now is put aside; None builds it in any case.

    Returns:
        A new recognizer that shares the vocabulary, the decoder, and the weights that stay float with the given one.

    Raises:
        PresetError: the preset does not fit the model or this machine, the recognizer is quantized already, or no clips
            were given, or accuracy control would go by bundled clips for another model than the embedded one.
        DatasetError: there are no clips where they are said to be, or a validation clip has no words.
        AudioError: a clip cannot be used.
        MissingDependencyError: the preset's engine is not installed.
    """
    preset = get_preset(preset)
    if recognizer.preset.engine:
        raise PresetError(f"The recognizer is quantized already ({recognizer.preset.name}); start from the float one.")
    if not preset.engine:
        return recognizer
    engine = get_engine(preset.engine)
    refuse_unavailable(preset, recognizer)
    begun = time.perf_counter()
    checked = to_validate(preset, recognizer, validation)
    heard = to_calibrate(preset, recognizer, calibration)
    job = Job(recognizer, preset, heard.audio, checked.spoken, progress)
    with quietly():
        built = shelf.build(job, engine) if shelf else engine.build(job)
    took = time.perf_counter() - begun
    return replace(
        recognizer,
        encoder=built.encoder,
        preset=preset,
        backend=built.backend,
        tuning=built.tuning,
        calibration=heard.used,
        validation=checked.used,
        original_bytes=recognizer.size_bytes(),
        build_seconds=None if built.restored else took,
    )
