"""The job of the tab "Compare"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asrquant.audio import read_audio
from asrquant.compare import Comparison, compare
from asrquant.errors import AudioError
from asrquant.jobs.models import Models, chosen
from asrquant.progress import Progress

MAX_RUNS = 10


def comparison(
    models: Models,
    progress: Progress,
    show: Callable[[Any], None],
    path: str | None,
    preset: str,
    settings: dict[str, Any],
    reference: str,
    source: str,
    decoder: str,
    runs: int,
) -> Comparison:
    """One clip through the original and a quantized model; shows (which, its text) as they are heard."""
    if not path:
        raise AudioError("There is no clip yet: record one, upload a file, or click an example.")
    audio, wanted = read_audio(path), chosen(preset, settings)
    progress("loading the model", 0, 1)
    original = models.original(source).with_decoder(decoder)
    show(("Original", original.transcribe(audio).text))
    quantized = models.quantized(source, wanted, progress).with_decoder(decoder)

    def heard(name: str, text: str) -> None:
        show(("Original" if name == "original" else "Quantized", text))

    return compare(original, quantized, audio, reference, max(1, min(MAX_RUNS, int(runs))), progress, heard)
