"""The compiled beam search, against SpeechBrain's."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from asrquant import Recognizer
from asrquant.base.errors import DecoderError, MissingDependencyError
from asrquant.data.reading import read_clips
from asrquant.text.decoders import make_decoder
from asrquant.text.metrics import total_errors, word_errors


@pytest.fixture(scope="module")
def heard(an4: Recognizer, an4_eval: Path) -> list[tuple[str, torch.Tensor]]:
    """Reference and log-probs of the evaluation clips."""
    return [(utterance.reference, an4.log_probs(utterance.audio())) for utterance in read_clips(an4_eval)]


def test_agrees_with_speechbrains_searcher(an4: Recognizer, heard: list[tuple[str, torch.Tensor]]) -> None:
    """At most one text in twenty differs (equal scores are decided otherwise), and the WER by at most half a point."""
    texts = {name: [make_decoder(name, an4.vocabulary)(found) for _, found in heard] for name in ("ngram", "fast")}
    same = sum(a == b for a, b in zip(texts["ngram"], texts["fast"], strict=True))
    assert same >= 0.95 * len(heard)
    wer = {
        name: total_errors(word_errors(reference, text) for (reference, _), text in zip(heard, found, strict=True)).wer
        for name, found in texts.items()
    }
    assert abs(wer["fast"] - wer["ngram"]) <= 0.5


def test_without_an_ngram_it_is_the_plain_beam_search(an4: Recognizer, heard: list[tuple[str, torch.Tensor]]) -> None:
    vocabulary = replace(an4.vocabulary, ngram=None)
    fast, beam = make_decoder("fast", vocabulary), make_decoder("beam", vocabulary)
    texts = [(fast(found), beam(found)) for _, found in heard[:20]]
    assert sum(a == b for a, b in texts) >= 18


def test_silence_is_no_text(an4: Recognizer) -> None:
    labels = len(an4.vocabulary.labels)
    certain = torch.full((50, labels), -30.0)
    certain[:, an4.vocabulary.blank_index] = 0.0
    assert make_decoder("fast", an4.vocabulary)(certain) == ""


def test_a_broken_ngram_is_one_sentence(an4: Recognizer, tmp_path: Path) -> None:
    broken = tmp_path / "lm.arpa"
    broken.write_text("not an n-gram\n")
    with pytest.raises(DecoderError, match="KenLM cannot read"):
        make_decoder("fast", replace(an4.vocabulary, ngram=broken))


def test_without_the_library(an4: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ctc_beam_decoder" else find(name))
    with pytest.raises(MissingDependencyError, match="pip install ctc-beam-decoder"):
        an4.with_decoder("fast")
