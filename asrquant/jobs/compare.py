"""The job of the tab "Compare"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from asrquant.audio.clip import read_audio
from asrquant.base.errors import AudioError
from asrquant.base.progress import Progress
from asrquant.jobs.checks import reference_words, whole
from asrquant.jobs.models import Custom, Models, chosen
from asrquant.measure.compare import Comparison, compare

MAX_RUNS = 10
NO_CLIP = "There is no clip yet: record one, upload a file and wait until it is shown, or click an example."
GONE = "The clip is no longer kept here: record or upload it again."


def comparison(
    models: Models,
    progress: Progress,
    show: Callable[[Any], None],
    path: str | None,
    preset: str,
    settings: Custom | None,
    reference: str,
    source: str,
    decoder: str,
    runs: int,
) -> Comparison:
    """One clip through the original and a quantized model; shows (which, its text) as they are heard."""
    if not path:
        raise AudioError(NO_CLIP)
    said, count = reference_words(reference), whole(runs, "The number of runs", 1, MAX_RUNS)
    wanted = chosen(preset, settings)
    if not Path(path).is_file():
        raise AudioError(GONE)
    audio = read_audio(path)
    progress("loading the model", 0, 1)
    original = models.original(source).with_decoder(decoder)
    show(("Original", original.transcribe(audio).text))
    quantized = models.quantized(source, wanted, progress).with_decoder(decoder)

    def heard(name: str, text: str) -> None:
        show(("Original" if name == "original" else "Quantized", text))

    return compare(original, quantized, audio, said, count, progress, heard)
