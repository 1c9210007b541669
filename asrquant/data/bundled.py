"""The clips that come with asrquant: examples to try, and clips for calibration and for accuracy control."""

from __future__ import annotations

import numpy as np

from asrquant.base.assets import assets
from asrquant.base.errors import DatasetError
from asrquant.data.dataset import Utterance
from asrquant.data.reading import read_clips

CLIPS = assets() / "examples" / "clips"
BUNDLED = "bundled clips (AN4 eval)"
"""What reports call ``example_clips``."""
CALIBRATION_CLIPS = 10
CALIBRATION_SEED = 1337
"""The number and the seed of the SpeechBrain tutorial."""


def example_clips() -> tuple[Utterance, ...]:
    """The bundled examples: two clips of each of AN4's five ``eval`` speakers."""
    return read_clips(CLIPS / "eval")


def validation_clips() -> tuple[Utterance, ...]:
    """Clips for accuracy control: 36 of six speakers that the embedded model was not trained on and who are not in ``eval``."""
    return read_clips(CLIPS / "validation")


def calibration_clips(count: int = CALIBRATION_CLIPS, seed: int = CALIBRATION_SEED) -> tuple[Utterance, ...]:
    """``count`` of the bundled calibration clips (AN4 ``train``), drawn with ``seed`` and without repetition.

    Raises:
        DatasetError: ``count`` is under 1 or above the number of bundled clips.
    """
    bundled = read_clips(CLIPS / "calibration")
    if not 1 <= count <= len(bundled):
        raise DatasetError(
            f"{count} calibration clips were asked for and {len(bundled)} are bundled; pass your own as calibration=."
        )
    chosen = np.random.default_rng(seed).permutation(len(bundled))[:count]
    return tuple(bundled[index] for index in chosen)
