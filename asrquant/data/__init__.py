"""Data sets → utterances: clips with the words spoken in them."""

from asrquant.data.bundled import calibration_clips, example_clips, validation_clips
from asrquant.data.dataset import BadRow, Dataset, Found, Utterance
from asrquant.data.reading import LAYOUTS, read_clips, read_dataset

__all__ = [
    "LAYOUTS",
    "BadRow",
    "Dataset",
    "Found",
    "Utterance",
    "calibration_clips",
    "example_clips",
    "read_clips",
    "read_dataset",
    "validation_clips",
]
