"""Clips with references: the bundled ones, and folders in LibriSpeech's layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asrquant.audio import Audio, read_audio
from asrquant.errors import DatasetError

CLIPS = Path(__file__).parents[1] / "examples" / "clips"
CALIBRATION_CLIPS = 10
CALIBRATION_SEED = 1337
"""The number and the seed of the SpeechBrain tutorial."""


@dataclass(frozen=True)
class Utterance:
    """A clip on disk and what is said in it.

    Attributes:
        id: the name that its data set gives it.
        path: the audio file.
        reference: the words spoken.
    """

    id: str
    path: Path
    reference: str

    def audio(self) -> Audio:
        """Read the clip.

        Raises:
            AudioError: it cannot be used.
        """
        return read_audio(self.path)


def read_librispeech(root: str | Path) -> tuple[Utterance, ...]:
    """Read a folder in LibriSpeech's layout: at any depth, ``*.trans.txt`` of lines ``id words`` beside the audio.

    Returns:
        Utterances in order of their id.

    Raises:
        DatasetError: no transcripts, a transcript without its clip, an empty reference, or the same id twice.
    """
    root = Path(root)
    if not root.is_dir():
        raise DatasetError(f"There is no folder {str(root)!r}; give one in LibriSpeech's layout.")
    found: dict[str, Utterance] = {}
    for transcript in sorted(root.rglob("*.trans.txt")):
        for line in filter(None, map(str.strip, transcript.read_text(encoding="utf-8").splitlines())):
            clip_id, _, reference = line.partition(" ")
            if not reference.strip():
                raise DatasetError(f"{transcript.name}: {clip_id!r} has no words; every line is 'id words'.")
            if clip_id in found:
                raise DatasetError(f"{transcript.name}: the id {clip_id!r} occurs twice; ids must be unique.")
            path = _clip_beside(transcript, clip_id)
            found[clip_id] = Utterance(clip_id, path, reference.strip())
    if not found:
        raise DatasetError(f"{root} holds no *.trans.txt; LibriSpeech's layout is speaker/chapter/*.flac beside one.")
    return tuple(found[key] for key in sorted(found))


def _clip_beside(transcript: Path, clip_id: str) -> Path:
    for extension in (".flac", ".wav"):
        path = transcript.with_name(clip_id + extension)
        if path.is_file():
            return path
    raise DatasetError(f"{transcript.name}: {clip_id!r} has no {clip_id}.flac or .wav beside it.")


def example_clips() -> tuple[Utterance, ...]:
    """The bundled examples: two clips of each of AN4's five ``eval`` speakers."""
    return read_librispeech(CLIPS / "eval")


def validation_clips() -> tuple[Utterance, ...]:
    """Clips for accuracy control: 36 of six speakers that the embedded model was not trained on and who are not in ``eval``."""
    return read_librispeech(CLIPS / "validation")


def calibration_clips(count: int = CALIBRATION_CLIPS, seed: int = CALIBRATION_SEED) -> tuple[Utterance, ...]:
    """``count`` of the bundled calibration clips (AN4 ``train``), drawn with ``seed`` and without repetition.

    Raises:
        DatasetError: ``count`` is under 1 or above the number of bundled clips.
    """
    bundled = read_librispeech(CLIPS / "calibration")
    if not 1 <= count <= len(bundled):
        raise DatasetError(
            f"{count} calibration clips were asked for and {len(bundled)} are bundled; pass your own as calibration=."
        )
    chosen = np.random.default_rng(seed).permutation(len(bundled))[:count]
    return tuple(bundled[index] for index in chosen)
