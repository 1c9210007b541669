"""Post-training int8 by NNCF, with and without accuracy control.

The recipe is that of OpenVINO's speech recognition tutorials: calibration with whole clips, the transformer model type,
the CTC output left in float. Accuracy control is NNCF's ``quantize_with_accuracy_control``: operations are ranked by what
quantizing them costs and go back to float until the drop is small enough.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from functools import cache
from typing import Any

import numpy as np
import torch

from asrquant.audio.clip import Audio
from asrquant.base.errors import PresetError
from asrquant.base.progress import Progress, silent
from asrquant.base.quiet import is_loud
from asrquant.engines.clips import Spoken
from asrquant.engines.openvino.encoder import (
    QUANTIZABLE,
    OpenVinoEncoder,
    as_saved,
    core,
    is_int8,
    module_path,
    openvino,
)
from asrquant.model.engine_settings import OpenVino
from asrquant.model.ignored import float_paths
from asrquant.model.recognizer import Recognizer, Trial, Tuning
from asrquant.text.metrics import Measure, WordErrors, main_measure, normalize_text, total_errors, word_errors

QUANTILE = 1e-4
"""Share of a clip's activations beyond each end of its range, for ``mean-quantile``."""
_STAGES = {"Applying Fast Bias correction": "correcting biases, layer", "Calculating ranking scores": "ranking layers"}
"""What NNCF is at, as we say it; of the clips that it takes, we tell ourselves."""
_progress: ContextVar[Progress] = ContextVar("progress", default=silent)
_GRACE = 1e-9
"""A drop that equals ``max_drop`` is allowed; rates of words are fractions that binary numbers miss by a hair."""


def quantize_model(
    model: Any, recognizer: Recognizer, settings: OpenVino, calibration: Sequence[Audio], progress: Progress
) -> Any:
    """Quantize an OpenVINO model of a recognizer's encoder, without looking at what it costs."""
    nncf = _nncf()
    _progress.set(progress)
    progress("preparing to calibrate", 0, 1)
    return nncf.quantize(
        model, _data(calibration, progress), subset_size=len(calibration), **_options(recognizer, settings)
    )


def quantize_accurately(
    model: Any,
    recognizer: Recognizer,
    settings: OpenVino,
    calibration: Sequence[Audio],
    validation: Sequence[Spoken],
    progress: Progress,
) -> tuple[Any, Tuning]:
    """Quantize as much as ``max_drop`` of the settings allows.

    Args:
        model: the float model.
        recognizer: whose decoder counts, and whose modules have the roles.
        settings: with ``max_drop``.
        calibration: clips for the ranges of activations.
        validation: clips with references, on which the errors are counted: WER, or CER where the script puts no spaces between
            words.
        progress: called before each clip; may raise ``Cancelled``.

    Returns:
        The model, and what was tried.
    """
    nncf = _nncf()
    _progress.set(progress)
    drop = settings.max_drop or 0.0
    trials: list[Trial] = []
    measure = main_measure(normalize_text(" ".join(clip.reference for clip in validation)))
    waves = [(clip.reference, clip.audio.samples[None]) for clip in validation]

    def accuracy(compiled: Any, indices: Iterable[int]) -> tuple[float, list[float]]:
        """Words right in percent of those spoken (100 - WER), or characters; and the same clip by clip for the ranking."""
        errors: list[WordErrors] = []
        for index in indices:
            reference, wave = waves[index]
            progress(f"validating, trial {len(trials) + 1}", len(errors), len(waves))
            text = recognizer.decoder(torch.from_numpy(compiled(wave)[0][0].copy()))
            errors.append(word_errors(reference, text))
        total = total_errors(errors)
        if len(errors) == len(waves):
            trials.append(Trial(total.wer or 0.0, len(waves), total.cer))
        return 100 - _rate(total, measure), [100 - _rate(error, measure) for error in errors]

    options = _options(recognizer, settings)
    tuned = nncf.quantize_with_accuracy_control(
        model,
        _data(calibration, progress),
        nncf.Dataset(range(len(waves))),
        accuracy,
        max_drop=drop + _GRACE,
        drop_type=nncf.DropType.ABSOLUTE,
        subset_size=len(calibration),
        advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(num_ranking_workers=1),
        advanced_quantization_parameters=options.pop("advanced_parameters"),
        **options,
    )
    # NNCF tries models with float weights that are rounded on the way; what counts is the one returned, as it is used.
    returned = OpenVinoEncoder(as_saved(tuned), settings.precision)
    accuracy(lambda wave: [returned(torch.from_numpy(wave)).numpy()], range(len(waves)))
    return tuned, Tuning(drop, len(waves), tuple(trials), kept_float(tuned, recognizer, settings), measure)


def _rate(errors: WordErrors, measure: Measure) -> float:
    return (errors.cer if measure == "CER" else errors.wer) or 0.0


def kept_float(model: Any, recognizer: Recognizer, settings: OpenVino) -> tuple[str, ...]:
    """Module paths of the operations with weights that stayed float though they were not ignored."""
    patterns = [re.compile(pattern) for pattern in ignored_patterns(recognizer, settings)]
    names = [
        operation.get_friendly_name()
        for operation in model.get_ops()
        if operation.get_type_name() in QUANTIZABLE and not is_int8(operation)
    ]
    return tuple(
        sorted(
            {module_path(name) for name in names if "__module" in name and not any(p.fullmatch(name) for p in patterns)}
        )
    )


def ignored_patterns(recognizer: Recognizer, settings: OpenVino) -> list[str]:
    """Regular expressions of the names that the operations of ignored modules have in the converted model.

    What computes features stays float whatever the settings say.

    Raises:
        PresetError: there is no such module.
    """
    paths = float_paths(recognizer, recognizer.roles, settings.ignored)
    return ["__module" + re.escape(path.removeprefix("encoder")) + r"[./].*" for path in paths]


def _options(recognizer: Recognizer, settings: OpenVino) -> dict[str, Any]:
    nncf = _nncf()
    advanced = nncf.AdvancedQuantizationParameters()
    options: dict[str, Any] = {"model_type": nncf.ModelType.TRANSFORMER, "advanced_parameters": advanced}
    if not settings.smooth_quant:
        advanced.smooth_quant_alphas = nncf.AdvancedSmoothQuantParameters(convolution=-1, matmul=-1)
    if patterns := ignored_patterns(recognizer, settings):
        options["ignored_scope"] = nncf.IgnoredScope(patterns=patterns)
    if settings.ranges == "mean-quantile":
        estimators = nncf.quantization.range_estimator
        end = estimators.StatisticsCollectorParameters(
            statistics_type=estimators.StatisticsType.QUANTILE,
            aggregator_type=estimators.AggregatorType.MEAN,
            quantile_outlier_prob=QUANTILE,
        )
        advanced.activations_range_estimator_params = estimators.RangeEstimatorParameters(min=end, max=end)
    return options


def _data(calibration: Sequence[Audio], progress: Progress) -> Any:
    """The clips as NNCF's data set, which reports each clip that is taken."""
    if not calibration:
        raise PresetError("NNCF needs calibration clips and none were given.")
    count = len(calibration)

    def wave(index: int) -> Any:
        progress("calibrating", index, count)
        return np.ascontiguousarray(calibration[index].samples[None])

    return _nncf().Dataset(range(count), wave)


@cache
def _nncf() -> Any:
    """The library, without its bars, as ours report its progress; its log goes to standard error like any other."""
    openvino()
    core()
    import nncf
    from nncf.common.logging import track_progress

    class _NoBar(track_progress.Progress):  # type: ignore[misc]
        def __init__(self, *columns: Any, **settings: Any) -> None:
            super().__init__(*columns, **{**settings, "disable": True})

        def track(self, sequence: Any, total: float | None = None, description: str = "", **_: Any) -> Iterator[Any]:
            stage, count = _STAGES.get(description), int(total or 0) or 1
            for index, each in enumerate(sequence):
                if stage:
                    _progress.get()(stage, min(index, count), count)
                yield each

    track_progress.Progress = _NoBar
    if not is_loud():
        nncf.set_log_level(logging.ERROR)
    for handler in nncf.nncf_logger.handlers:
        handler.setStream(sys.stderr)
    return nncf
