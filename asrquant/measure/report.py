"""What a benchmark found: a row a clip and preset, and a summary a preset with intervals."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asrquant.data.dataset import BadRow
from asrquant.measure.compare import Machine
from asrquant.measure.deployment import Deployment
from asrquant.measure.intervals import CONFIDENCE as CONFIDENCE
from asrquant.measure.intervals import Interval as Interval
from asrquant.measure.nodes import Node, Recheck
from asrquant.model.used import UsedClips
from asrquant.text.metrics import Measure, Spread, WordErrors, spread, total_errors
from asrquant.text.normalize import BASIC, Normalization

RESAMPLES = 10_000
_SEED = 1337
_AT_ONCE = 5_000_000
"""Drawn clips in memory at once."""


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
    processor: str = ""
    """That it ran on, and the kind of PyTorch's kernels there; empty in journals of before it was written down."""

    @property
    def seconds(self) -> float:
        """Latency: encoder and decoder."""
        return self.encoder_seconds + self.decoder_seconds


@dataclass(frozen=True)
class Rate:
    """An error rate in percent, its change in points, and their intervals; None where it is not defined.

    Attributes:
        name: ``WER`` or ``CER``.
        value: over all clips.
        interval: by bootstrap over clips.
        change: from the first recognizer's; None for the first itself.
        change_interval: of ``change``, paired.
    """

    name: Measure
    value: float | None
    interval: Interval | None
    change: float | None
    change_interval: Interval | None


@dataclass(frozen=True)
class Summary:
    """One recognizer on all clips.

    Attributes:
        preset: its name.
        errors: over all clips.
        wer_interval: of the WER in percent, by bootstrap over clips; None without reference words.
        change: WER minus the first recognizer's, in points; None for the first itself.
        change_interval: of ``change``, by resampling both on the same clips; where it holds 0, the clips do not show
            that the two differ.
        encoder_rtf: encoder seconds over audio seconds, summed over the clips.
        rtf: the same for encoder and decoder.
        rtf_spread: of the clips' own encoder RTFs.
        speedup: of the encoder against the original: the median over the clips of the ratio of their times.
        p50: median latency of a clip in seconds.
        p95: latency that 95 % of the clips stay under, in seconds.
        size_bytes: of the saved encoder.
        recognizer: ``fingerprint`` of the recognizer, as other presets may have the same name; empty where it is not known.
        build_seconds: that quantizing took; None where it was not measured.
        deployment: what it costs to load and run where it is used; None where it was not measured.
        cer_interval: as ``wer_interval``, of the CER.
        cer_change: as ``change``.
        cer_change_interval: as ``change_interval``.
        calibration: clips that it was calibrated with; None for a preset that needs none.
        validation: clips that its accuracy was looked at on, for a preset that asks for it.
    """

    preset: str
    errors: WordErrors
    wer_interval: Interval | None
    change: float | None
    change_interval: Interval | None
    encoder_rtf: float
    rtf: float
    rtf_spread: Spread
    speedup: float
    p50: float
    p95: float
    size_bytes: int
    recognizer: str = ""
    build_seconds: float | None = None
    deployment: Deployment | None = None
    cer_interval: Interval | None = None
    cer_change: float | None = None
    cer_change_interval: Interval | None = None
    calibration: UsedClips | None = None
    validation: UsedClips | None = None

    @property
    def wer(self) -> Rate:
        """Of words."""
        return Rate("WER", self.errors.wer, self.wer_interval, self.change, self.change_interval)

    @property
    def cer(self) -> Rate:
        """Of characters."""
        return Rate("CER", self.errors.cer, self.cer_interval, self.cer_change, self.cer_change_interval)

    @property
    def main(self) -> Rate:
        """The main figure: CER where most of what was said is in a script without spaces, else WER."""
        return self.cer if self.errors.measure == "CER" else self.wer


@dataclass(frozen=True)
class Notice:
    """A clip that was used, and what people should know of how it was read."""

    id: str
    text: str


@dataclass(frozen=True)
class Report:
    """What a benchmark found.

    Attributes:
        data: what the clips are.
        source: the model.
        decoder: that all used.
        rows: clip by clip, in each the presets in their order.
        summaries: a preset each; the first is what the others are measured against.
        machine: it was measured on.
        bad: clips that could not be used, and why.
        planned: number of rows that the data set had.
        normalization: of the texts before they were compared.
        notices: clips of which people should know how they were read, such as two speakers that were mixed.
        calibration_notices: what speaks against clips that presets were made with, in a sentence each.
        read_as: what the data set was taken for, and what was refused in it; empty for clips that were not read from one.
        notes: sentences on how the model was read, where it could have been read otherwise.
        raced: what a race of the presets found on this machine another time, in a sentence; empty where there was none.
        nodes: that ran clips in this run, where it was not this process alone.
        recheck: what became of clips that nodes of several kinds ran; None where there was one kind.
    """

    data: str
    source: str
    decoder: str
    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    machine: Machine
    bad: tuple[BadRow, ...] = ()
    planned: int = 0
    normalization: Normalization = BASIC
    notices: tuple[Notice, ...] = ()
    calibration_notices: tuple[str, ...] = ()
    read_as: str = ""
    notes: tuple[str, ...] = ()
    raced: str = ""
    nodes: tuple[Node, ...] = ()
    recheck: Recheck | None = None

    @property
    def processors(self) -> tuple[str, ...]:
        """Those that rows were run on, between which times are not comparable and texts may differ."""
        return tuple(dict.fromkeys(row.processor for row in self.rows if row.processor))

    @property
    def measure(self) -> Measure:
        """The main figure of its data."""
        return self.summaries[0].errors.measure

    @property
    def clips(self) -> int:
        """Number of clips that were run."""
        return len(self.rows) // max(1, len(self.summaries))

    @property
    def stopped(self) -> bool:
        """Whether it ended before its last clip."""
        return self.clips + len(self.bad) < self.planned

    @property
    def audio_seconds(self) -> float:
        """Seconds of audio that were run."""
        return sum(row.audio_seconds for row in self.rows) / max(1, len(self.summaries))


def summarize(preset: str, rows: Sequence[Row], reference: str, size_bytes: int) -> Summary:
    """Sum one preset's rows up, against those of the preset ``reference``."""
    mine = [row for row in rows if row.preset == preset]
    first = [row for row in rows if row.preset == reference]
    seconds = sum(row.audio_seconds for row in mine)
    encoder = sum(row.encoder_seconds for row in mine)
    total, others = total_errors(row.errors for row in mine), total_errors(row.errors for row in first)
    compared = preset != reference
    words, signs = _intervals(mine, first, word_counts, compared), _intervals(mine, first, character_counts, compared)
    latencies = [row.seconds for row in mine]
    return Summary(
        preset=preset,
        errors=total,
        wer_interval=words[0],
        change=_difference(total.wer, others.wer) if compared else None,
        change_interval=words[1],
        encoder_rtf=encoder / seconds,
        rtf=sum(latencies) / seconds,
        rtf_spread=spread([row.encoder_seconds / row.audio_seconds for row in mine]),
        speedup=statistics.median(a.encoder_seconds / b.encoder_seconds for a, b in zip(first, mine, strict=True)),
        p50=float(np.quantile(latencies, 0.5)),
        p95=float(np.quantile(latencies, 0.95)),
        size_bytes=size_bytes,
        cer_interval=signs[0],
        cer_change=_difference(total.cer, others.cer) if compared else None,
        cer_change_interval=signs[1],
    )


def word_counts(errors: WordErrors) -> tuple[int, int]:
    """Wrong words, and those of the reference."""
    return errors.errors, errors.reference_words


def character_counts(errors: WordErrors) -> tuple[int, int]:
    """The same of characters."""
    return errors.character_errors, errors.reference_characters


def _difference(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def _intervals(
    mine: Sequence[Row], first: Sequence[Row], counted: Callable[[WordErrors], tuple[int, int]], compared: bool
) -> tuple[Interval | None, Interval | None]:
    """Of a rate, and of its change against the ``first`` rows."""
    errors, units = np.array([counted(row.errors) for row in mine], dtype=float).T
    before = np.array([counted(row.errors)[0] for row in first], dtype=float)
    if not units.sum():
        return None, None
    return bootstrap(errors, units), bootstrap(errors - before, units) if compared else None


def bootstrap(errors: npt.NDArray[np.float64], words: npt.NDArray[np.float64]) -> Interval:
    """Interval of ``100 * sum(errors) / sum(words)`` under resampling of the clips with replacement.

    With the differences of two systems' errors it is the paired bootstrap of their WERs' difference (Bisani & Ney 2004,
    "Bootstrap estimates for confidence intervals in ASR performance evaluation").

    Args:
        errors: [clips] errors of each, or differences of errors.
        words: [clips] reference words of each.
    """
    generator = np.random.default_rng(_SEED)
    rates = []
    at_once = max(1, min(RESAMPLES, _AT_ONCE // len(words)))
    for done in range(0, RESAMPLES, at_once):  # which are the same however many are drawn at once
        drawn = generator.integers(len(words), size=(min(at_once, RESAMPLES - done), len(words)))
        rates.append(100 * errors[drawn].sum(1) / np.maximum(1.0, words[drawn].sum(1)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(rates), [tail, 1 - tail])
    return Interval(float(low), float(high))
