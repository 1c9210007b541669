"""Recognizers x data set → ``Report``: a row a clip and preset, a summary a preset."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from asrquant.compare import Machine, this_machine
from asrquant.dataset import Utterance
from asrquant.errors import DatasetError
from asrquant.metrics import WordErrors, total_errors, word_errors
from asrquant.progress import Progress, silent
from asrquant.recognizer import Recognizer


@dataclass(frozen=True)
class Row:
    """One recognizer on one clip."""

    utterance: str
    preset: str
    reference: str
    hypothesis: str
    errors: WordErrors
    audio_seconds: float
    encoder_seconds: float
    decoder_seconds: float


@dataclass(frozen=True)
class Summary:
    """One recognizer on all clips.

    Attributes:
        preset: its name.
        errors: over all clips.
        encoder_rtf: encoder seconds over audio seconds, summed over the clips.
        rtf: the same for encoder and decoder.
        speedup: of the encoder against the original: the median over the clips of the ratio of their times.
        size_bytes: of the saved encoder.
    """

    preset: str
    errors: WordErrors
    encoder_rtf: float
    rtf: float
    speedup: float
    size_bytes: int


@dataclass(frozen=True)
class Report:
    """What a benchmark found; ``data`` says on what."""

    data: str
    source: str
    decoder: str
    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    machine: Machine


def benchmark(
    recognizers: Sequence[Recognizer],
    utterances: Sequence[Utterance],
    progress: Progress = silent,
    data: str = "clips of one's own",
) -> Report:
    """Run every recognizer on every clip, interleaved clip by clip so that a slow minute hits all alike.

    Args:
        recognizers: the first is the reference for the speed-up; all should share one decoder.
        utterances: clips with references.
        progress: called before each clip; may raise ``Cancelled``.
        data: what the clips are, for the report.

    Raises:
        DatasetError: there are no clips.
        AudioError: a clip cannot be used.
    """
    if not utterances:
        raise DatasetError("There are no clips to run; give a data set with at least one.")
    warm_up = utterances[0].audio()
    for recognizer in recognizers:
        recognizer.transcribe(warm_up)
    rows: list[Row] = []
    for index, utterance in enumerate(utterances):
        progress("transcribing", index, len(utterances))
        audio = utterance.audio()
        turn = index % len(recognizers)
        found = {}
        for recognizer in (*recognizers[turn:], *recognizers[:turn]):  # nobody always runs first
            heard = recognizer.transcribe(audio)
            errors = word_errors(utterance.reference, heard.text)
            found[recognizer.preset.name] = Row(
                utterance.id, recognizer.preset.name, utterance.reference, heard.text, errors,
                heard.audio_seconds, heard.encoder_seconds, heard.decoder_seconds,
            )  # fmt: skip
        rows += [found[recognizer.preset.name] for recognizer in recognizers]
    progress("transcribing", len(utterances), len(utterances))
    first = recognizers[0]
    return Report(
        data=data,
        source=first.source,
        decoder=first.decoder.name,
        rows=tuple(rows),
        summaries=tuple(_summary(r, rows, first.preset.name) for r in recognizers),
        machine=this_machine(next((r.backend for r in recognizers if r.backend), "")),
    )


def _summary(recognizer: Recognizer, rows: Sequence[Row], reference_preset: str) -> Summary:
    mine = [row for row in rows if row.preset == recognizer.preset.name]
    reference = [row for row in rows if row.preset == reference_preset]
    seconds = sum(row.audio_seconds for row in mine)
    encoder = sum(row.encoder_seconds for row in mine)
    return Summary(
        preset=recognizer.preset.name,
        errors=total_errors(row.errors for row in mine),
        encoder_rtf=encoder / seconds,
        rtf=(encoder + sum(row.decoder_seconds for row in mine)) / seconds,
        speedup=statistics.median(r.encoder_seconds / m.encoder_seconds for r, m in zip(reference, mine, strict=True)),
        size_bytes=recognizer.size_bytes(),
    )
