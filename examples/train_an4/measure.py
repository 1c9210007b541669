"""Error rates under each condition, with their intervals: what the table of results is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from conditions import CONDITIONS, under
from corpus import SAMPLE_RATE, Clip, read_wave

from asrquant.audio.clip import from_samples
from asrquant.base.tables import markdown
from asrquant.measure.report import bootstrap
from asrquant.model.recognizer import Recognizer
from asrquant.text.metrics import word_errors

TELEPHONE = "telephone (µ-law, 8 kHz)"
"""One of ``CONDITIONS``."""
DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")


@dataclass(frozen=True)
class Row:
    """A set of clips under one condition, decoded one way.

    Attributes:
        name: of the set and the condition.
        decoder: its name.
        errors: word errors of each clip.
        words: of each clip's reference.
        right: whether each clip's text is right as a whole.
    """

    name: str
    decoder: str
    errors: tuple[int, ...]
    words: tuple[int, ...]
    right: tuple[bool, ...]

    @property
    def wer(self) -> float:
        """Word error rate in percent."""
        return 100 * sum(self.errors) / sum(self.words)


def rows(recognizer: Recognizer, name: str, clips: Sequence[Clip]) -> list[Row]:
    """The clips with the greedy decoder and with the n-gram; the log-probs are computed once."""
    heard = [recognizer.log_probs(from_samples(clip.wave, SAMPLE_RATE)) for clip in clips]
    found = []
    for decoder in ("greedy", "ngram"):
        decode = recognizer.with_decoder(decoder).decoder
        texts = [decode(each) for each in heard]
        errors = [word_errors(clip.text, text) for clip, text in zip(clips, texts, strict=True)]
        found.append(
            Row(
                name, decoder, tuple(each.errors for each in errors), tuple(each.reference_words for each in errors),
                tuple(text == clip.text for clip, text in zip(clips, texts, strict=True)),
            )
        )  # fmt: skip
    return found


def table(found: Sequence[Row]) -> str:
    """As Markdown: WER and the share of clips that are right as a whole, each with its interval."""
    lines = []
    for row in found:
        errors, words = np.array(row.errors, float), np.array(row.words, float)
        right = np.array(row.right, float)
        wer, whole = bootstrap(errors, words), bootstrap(right, np.ones(len(right)))
        lines.append(
            {
                "clips": row.name, "number": len(right), "words": int(words.sum()), "decoder": row.decoder,
                "WER (%)": f"{row.wer:.1f} ({wer.low:.1f} to {wer.high:.1f})",
                "whole clips right (%)": f"{100 * right.mean():.1f} ({whole.low:.1f} to {whole.high:.1f})",
            }
        )  # fmt: skip
    return markdown(pd.DataFrame(lines))


def degraded(recognizer: Recognizer, name: str, clips: Sequence[Clip]) -> list[Row]:
    """The clips under every condition."""
    return [row for kind in CONDITIONS for row in rows(recognizer, f"{name}, {kind}", under(clips, kind))]


def digits(folder: Path) -> list[Clip]:
    """Clips of a folder whose files are called ``DIGIT_SPEAKER_NUMBER.wav``, as the Free Spoken Digit Dataset's are."""
    return [
        Clip(path.stem, path.stem.split("_")[1], read_wave(path), DIGITS[int(path.stem.split("_")[0])])
        for path in sorted(folder.glob("*_*_*.wav"))
    ]
