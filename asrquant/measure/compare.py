"""Two recognizers, one clip → ``Comparison``: what each heard, how long each took, what each weighs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from asrquant.audio.clip import Audio, read_audio
from asrquant.base.errors import DatasetError
from asrquant.base.progress import Progress, silent
from asrquant.measure.divergence import Divergence, diverge
from asrquant.measure.intervals import Speedup
from asrquant.measure.machine import Machine as Machine
from asrquant.measure.machine import this_machine as this_machine
from asrquant.measure.runs import alternating
from asrquant.model.recognizer import Recognizer, Transcript, Tuning
from asrquant.model.used import UsedClips
from asrquant.text.confidence import Confidence
from asrquant.text.metrics import (
    Edit,
    Measure,
    Spread,
    WordErrors,
    agreement,
    align_words,
    main_measure,
    refuse_foreign,
    spread,
    word_errors,
)
from asrquant.text.normalize import BASIC, Normalization, normalization, normalize_text


@dataclass(frozen=True)
class Measured:
    """One recognizer on one clip.

    Attributes:
        preset: name of its preset.
        text: its transcript.
        encoder_seconds: of the forward pass, over the runs.
        decoder_seconds: of decoding, over the runs.
        encoder_rtf: encoder seconds a second of audio (the tutorial's RTF).
        rtf: the same for encoder and decoder.
        size_bytes: of the saved encoder.
        errors: against the reference, or None without one.
        confidence: how sure it is of its words; None where that is not known of the model, or where it heard nothing.
    """

    preset: str
    text: str
    encoder_seconds: Spread
    decoder_seconds: Spread
    encoder_rtf: float
    rtf: float
    size_bytes: int
    errors: WordErrors | None
    confidence: Confidence | None = None


@dataclass(frozen=True)
class Comparison:
    """The original and a quantized recognizer on one clip.

    Attributes:
        source: the model.
        decoder: that both used.
        received: what came in and what became of it.
        audio_seconds: length of the clip.
        reference: what was said, or None.
        runs: counted runs of each recognizer, alternating, after a warm-up.
        original: the float recognizer.
        quantized: the other one.
        changes: the original's words aligned with the quantized one's.
        agreement: share of words in percent that both have; of characters where ``measure`` is CER.
        tuning: what was tried to keep the quantized one's accuracy, for a preset that asks for it.
        machine: where this was measured.
        divergence: where in the clip the two encoders answer otherwise.
        normalization: of the texts before they were compared.
        mixed: number of the clip's channels where each held a sound of its own, such as a speaker, and they were mixed; else 0.
        calibration: clips that the quantized one was calibrated with; None for a preset that needs none.
        validation: clips that its accuracy was looked at on, for a preset that asks for it.
        notice: what speaks against the clips of the calibration, in a sentence; empty where nothing does.
        notes: sentences on how the model was read, where it could have been read otherwise.
        paired: speed-up of the encoder with its interval, run by run; None where there were too few runs for one.
        steady: whether nothing else had the processor meanwhile, and each took about as long in each run, as far as can be told.
    """

    source: str
    decoder: str
    received: str
    audio_seconds: float
    reference: str | None
    runs: int
    original: Measured
    quantized: Measured
    changes: tuple[Edit, ...]
    agreement: float
    machine: Machine
    divergence: Divergence
    tuning: Tuning | None = None
    normalization: Normalization = BASIC
    mixed: int = 0
    calibration: UsedClips | None = None
    validation: UsedClips | None = None
    notice: str = ""
    notes: tuple[str, ...] = ()
    paired: Speedup | None = None
    steady: bool = True

    @property
    def clear(self) -> bool:
        """Whether the runs tell the two apart; of a single run nobody knows how much it is worth."""
        if not self.steady:
            return False
        if self.paired:
            return self.paired.clear
        before, after = self.original.encoder_seconds, self.quantized.encoder_seconds
        return self.runs == 1 or before.low > after.high or after.low > before.high

    @property
    def speedup(self) -> float:
        """How many times faster the quantized encoder is."""
        return self.original.encoder_seconds.median / self.quantized.encoder_seconds.median

    @property
    def names(self) -> tuple[str, str]:
        """The presets' names, told apart where they are the same: ``custom`` and ``custom (second)``."""
        first, second = self.original.preset, self.quantized.preset
        return first, f"{second} (second)" if first == second else second

    @property
    def wers(self) -> tuple[float, float] | None:
        """WER in percent of the original and the quantized, or None where nobody said what was spoken."""
        return self._both("wer")

    @property
    def cers(self) -> tuple[float, float] | None:
        """The same of characters."""
        return self._both("cer")

    @property
    def measure(self) -> Measure:
        """The main figure: CER where the script puts no spaces between words."""
        if self.original.errors:
            return self.original.errors.measure
        return main_measure(normalize_text(self.original.text, self.normalization))

    @property
    def rates(self) -> tuple[float, float] | None:
        """The main figure in percent of the original and the quantized, or None as for ``wers``."""
        return self.cers if self.measure == "CER" else self.wers

    def _both(self, rate: str) -> tuple[float, float] | None:
        first, second = getattr(self.original.errors, rate, None), getattr(self.quantized.errors, rate, None)
        return None if first is None or second is None else (first, second)

    @property
    def size_ratio(self) -> float:
        """Size of the quantized encoder as a share of the original's."""
        return self.quantized.size_bytes / self.original.size_bytes


def compare(
    original: Recognizer,
    quantized: Recognizer,
    audio: str | Path | Audio,
    reference: str | None = None,
    runs: int = 3,
    progress: Progress = silent,
    heard: Callable[[str, str], None] = lambda preset, text: None,
    normalize: Normalization | str = BASIC,
) -> Comparison:
    """Run both on a clip: one warm-up each, then ``runs`` alternating runs, whose median and range are kept.

    Args:
        original: the float recognizer.
        quantized: the other; decoded with the same decoder.
        audio: a clip or its path.
        reference: what was said; None, or one in which the normalization leaves no word, means that nobody knows, and then
            nothing is called WER.
        runs: counted runs of each, at least 1.
        progress: called before each run; may raise ``Cancelled``.
        heard: called with (preset name, text) as soon as each has its first one.
        normalize: of the texts before they are compared: ``none``, ``basic`` or ``english``, or a ``Normalization``.

    Raises:
        AudioError: the clip cannot be used.
        DatasetError: the reference is no text, or not in the normalization's language.
        ValueError: ``runs`` is under 1, or there is no such normalization.
    """
    rules = normalization(normalize)
    if runs < 1:
        raise ValueError(f"runs is {runs}; at least 1 is needed.")
    spoken = spoken_words(reference, rules)
    audio = audio if isinstance(audio, Audio) else read_audio(audio)
    answers = _warmed_up(pair := (original, quantized), audio, progress, heard)
    taken = alternating(pair, audio, runs, progress)
    each = zip(pair, taken.transcripts, answers, strict=True)
    first, second = (_measured(recognizer, texts, answer, spoken, rules) for recognizer, texts, answer in each)
    return Comparison(
        source=original.named,
        decoder=original.decoder.name,
        received=audio.received,
        audio_seconds=audio.seconds,
        reference=spoken,
        runs=runs,
        original=first,
        quantized=second,
        changes=align_words(first.text, second.text, rules),
        agreement=agreement(first.text, second.text, rules),
        machine=this_machine(quantized.backend),
        divergence=diverge(original, quantized, audio, answers, rules),
        tuning=quantized.tuning,
        normalization=rules,
        mixed=audio.source_channels if audio.channels_differ else 0,
        calibration=quantized.calibration,
        validation=quantized.validation,
        notice=quantized.notice,
        notes=original.origin.notes if original.origin else (),
        paired=taken.paired,
        steady=taken.steady,
    )


def _warmed_up(
    pair: tuple[Recognizer, Recognizer], audio: Audio, progress: Progress, heard: Callable[[str, str], None]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The log-probs of each on a clip, once, which is what makes the runs after it alike."""
    answers: list[torch.Tensor] = []
    for index, recognizer in enumerate(pair):
        progress("warming up", index, 2)
        answers.append(recognizer.log_probs(audio))
        heard(recognizer.preset.name, recognizer.decoder(answers[-1]))
    return answers[0], answers[1]


def spoken_words(reference: str | None, rules: Normalization) -> str | None:
    """The reference, where there is one that holds words; raises as ``compare``."""
    check_reference(reference)
    refuse_foreign([reference or ""], rules)
    return reference if reference and normalize_text(reference, rules) else None


def check_reference(reference: str | None) -> None:
    """Check that a reference is text: bytes in another encoding than the terminal's become halves of characters.

    Raises:
        DatasetError: it is not, so that words would be counted as wrong that are right.
    """
    if any("\ud800" <= character <= "\udfff" for character in reference or ""):
        raise DatasetError("The reference holds bytes that are no text in this terminal's encoding; set it to UTF-8.")


def _measured(
    recognizer: Recognizer,
    transcripts: Sequence[Transcript],
    log_probs: torch.Tensor,
    reference: str | None,
    rules: Normalization,
) -> Measured:
    encoder = spread([t.encoder_seconds for t in transcripts])
    decoder = spread([t.decoder_seconds for t in transcripts])
    seconds = transcripts[0].audio_seconds
    return Measured(
        preset=recognizer.preset.name,
        text=transcripts[0].text,
        encoder_seconds=encoder,
        decoder_seconds=decoder,
        encoder_rtf=encoder.median / seconds,
        rtf=spread([t.rtf for t in transcripts]).median,
        size_bytes=recognizer.size_bytes(),
        errors=word_errors(reference, transcripts[0].text, rules) if reference else None,
        confidence=recognizer.confidence(log_probs),
    )


def comparison_dict(comparison: Comparison) -> dict[str, object]:
    """Everything in a comparison, with the derived figures, ready for JSON."""
    data = asdict(comparison)
    for side in ("original", "quantized"):
        errors = getattr(comparison, side).errors
        data[side] |= {"wer": errors.wer, "cer": errors.cer} if errors else {"wer": None, "cer": None}
    return {**data, "measure": comparison.measure, "speedup": comparison.speedup, "size_ratio": comparison.size_ratio}
