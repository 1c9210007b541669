"""What a recognizer answers on clips that are always the same, so that two of them can be compared, here or elsewhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base.errors import ArtifactError
from asrquant.base.progress import Progress, silent
from asrquant.data.bundled import example_clips
from asrquant.export.manifest import Verification
from asrquant.model.footprint import quantized_modules
from asrquant.model.recognizer import Recognizer

SECONDS = (0.5, 1, 3, 10, 30)
BATCH_SECONDS = 3
TOLERANCE = 1e-4
"""Largest difference of a log-prob between a recognizer and its artifact."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """What a recognizer makes of the same clips.

    Attributes:
        log_probs: [B, F, V] by clip: five lengths alone, and a batch of two.
        texts: transcript of each bundled example, by its id.
        quantized: quantized modules counted in it.
    """

    log_probs: Mapping[str, Array]
    texts: Mapping[str, str]
    quantized: Mapping[str, int]


def probes() -> dict[str, Array]:
    """Waves [B, T] by name: the bundled examples one after the other, cut to each length, and a batch of two."""
    speech = np.concatenate([utterance.audio().samples for utterance in example_clips()])
    speech = np.tile(speech, -(-int(max(SECONDS) * SAMPLE_RATE) // len(speech)))
    waves = {f"{seconds:g} s": speech[None, : int(seconds * SAMPLE_RATE)] for seconds in SECONDS}
    length = BATCH_SECONDS * SAMPLE_RATE
    waves[f"2 x {BATCH_SECONDS} s"] = speech[: 2 * length].reshape(2, length)
    return waves


def answers(recognizer: Recognizer, progress: Progress = silent) -> Answers:
    """Run a recognizer on the probes and the bundled examples.

    Args:
        recognizer: with the decoder that counts.
        progress: called before each clip; may raise ``Cancelled``.
    """
    waves, examples = probes(), example_clips()
    total = len(waves) + len(examples)
    log_probs: dict[str, Array] = {}
    for index, (name, wave) in enumerate(waves.items()):
        progress("running the model", index, total)
        with torch.inference_mode():
            log_probs[name] = recognizer.encoder(torch.from_numpy(wave)).numpy()
    texts: dict[str, str] = {}
    for index, utterance in enumerate(examples, len(waves)):
        progress("running the model", index, total)
        texts[utterance.id] = recognizer.transcribe(utterance.audio()).text
    return Answers(log_probs, texts, quantized_modules(recognizer.encoder))


def compare_answers(live: Answers, loaded: Answers) -> Verification:
    """How far what was loaded is from what it was made from; see ``Verification``."""
    differences = {name: _difference(wave, loaded.log_probs[name]) for name, wave in live.log_probs.items()}
    return Verification(
        tolerance=TOLERANCE,
        differences=differences,
        transcripts=len(live.texts),
        identical=sum(text == loaded.texts[name] for name, text in live.texts.items()),
        quantized=dict(loaded.quantized),
    )


def _difference(first: Array, second: Array) -> float:
    """Largest absolute difference; the largest number where there is none, as JSON has no infinity."""
    if first.shape != second.shape:
        return sys.float_info.max
    largest = float(np.abs(first - second).max())
    return largest if math.isfinite(largest) else sys.float_info.max


def save_answers(given: Answers, path: Path) -> None:
    """Write answers as a NumPy archive without pickled objects."""
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            texts=np.array([[name, text] for name, text in given.texts.items()], dtype=str),
            quantized=np.array([[name, str(count)] for name, count in given.quantized.items()], dtype=str).reshape(
                -1, 2
            ),
            **{f"log_probs {name}": array for name, array in given.log_probs.items()},  # type: ignore[arg-type]
        )


def load_answers(path: Path) -> Answers:
    """Read what ``save_answers`` wrote.

    Raises:
        ArtifactError: the file is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            log_probs = {
                key.removeprefix("log_probs "): archive[key] for key in archive.files if key.startswith("log_probs ")
            }
            texts = {str(name): str(text) for name, text in archive["texts"]}
            quantized = {str(name): int(count) for name, count in archive["quantized"]}
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"{path.name} cannot be read: {error}") from error
    return Answers(log_probs, texts, quantized)
