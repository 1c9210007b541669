"""Where two models part: words at their place, divergence frame by frame."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import asrquant
from asrquant.measure.divergence import diverge, kl_divergence
from asrquant.show.divergence import divergence_figure, divergence_table
from asrquant.text.decoders import DECODERS
from asrquant.text.greedy import Greedy
from asrquant.text.vocabulary import Vocabulary, Word


def test_divergence_of_two_distributions_by_hand() -> None:
    half, quarter = math.log(0.5), math.log(0.25)
    first = torch.tensor([[half, half], [half, half]])
    second = torch.tensor([[half, half], [quarter, math.log(0.75)]])
    by_hand = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert kl_divergence(first, second).tolist() == pytest.approx([0.0, by_hand])


def test_words_of_the_best_path_by_hand() -> None:
    """Labels: blank, a space, A, and a piece that begins a word; repeats count as one, a blank between two does not."""
    vocabulary = Vocabulary(("-", " ", "A", "▁B"), ("", " ", "A", " B"), blank_index=0)
    path = torch.tensor([0, 2, 2, 0, 2, 1, 1, 2, 3, 3, 2, 0])
    log_probs = torch.nn.functional.one_hot(path, 4).float().log_softmax(-1)
    decoder = Greedy(vocabulary)
    assert decoder.words(log_probs) == (Word("AA", 1, 5), Word("A", 7, 8), Word("BA", 8, 11))
    assert decoder(log_probs) == "AA A BA"


@pytest.mark.parametrize("name", DECODERS)
def test_words_are_those_of_the_text_and_in_order(an4, examples, name: str) -> None:
    recognizer = an4.with_decoder(name)
    for utterance in examples[:4]:
        log_probs = an4.log_probs(utterance.audio())
        words = recognizer.decoder.words(log_probs)
        assert " ".join(word.text for word in words) == recognizer.decoder(log_probs)
        frames = [frame for word in words for frame in (word.start, word.end)]
        assert frames == sorted(frames) and frames[0] >= 0 and frames[-1] <= len(log_probs)


def test_a_word_stands_where_it_is_spoken(greedy, examples) -> None:
    """Of a clip and a second of near-silence before it, each word is a second later."""
    audio = examples[0].audio()
    noise = np.random.default_rng(1).normal(0, 1e-4, 16_000)
    later = asrquant.audio.from_samples(np.concatenate([noise, audio.samples]).astype(np.float32), 16_000)
    places = []
    for clip in (audio, later):
        log_probs = greedy.log_probs(clip)
        places.append({w.text: w.start * clip.seconds / len(log_probs) for w in greedy.decoder.words(log_probs)})
    both = places[0].keys() & places[1].keys()
    assert len(both) >= 3
    assert all(places[1][word] - places[0][word] == pytest.approx(1.0, abs=0.1) for word in both)


@pytest.fixture(scope="module")
def broken(greedy):
    """The tutorial's recipe, which changes words of the embedded model."""
    return asrquant.quantize(greedy, "speechbrain-int8")


def test_a_comparison_says_where(greedy, broken, examples) -> None:
    found = asrquant.compare(greedy, broken, examples[0].path, runs=1)
    divergence = found.divergence
    assert [change.edit for change in divergence.changes] == [e for e in found.changes if e.operation != "="]
    assert len(divergence.nats) == len(divergence.peaks) and min(divergence.nats) >= 0
    assert len(divergence.nats) * divergence.frame_seconds == pytest.approx(found.audio_seconds)
    assert all(0 <= change.start < change.end <= found.audio_seconds for change in divergence.changes)
    inside = np.mean([change.nats for change in divergence.changes])
    assert inside > divergence.mean  # the words that changed are where the models part
    figure = divergence_figure(divergence)
    assert {shape.x0 for shape in figure.layout.shapes} == {change.start for change in divergence.changes}
    assert len(divergence_table(divergence)) == len(divergence.changes) + 2


def test_a_model_does_not_part_from_itself(greedy, examples) -> None:
    audio = examples[1].audio()
    log_probs = greedy.log_probs(audio)
    divergence = diverge(greedy, greedy, audio, (log_probs, log_probs))
    assert divergence.mean == 0 and divergence.changes == ()
    assert max(divergence.peaks) == pytest.approx(float(np.abs(audio.samples).max()), abs=1e-6)
