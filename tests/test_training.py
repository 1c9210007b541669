"""The recipe of the embedded model: its parts, and that a broken run goes on where it was."""

from __future__ import annotations

import itertools
import math
import sys
from pathlib import Path

import kenlm
import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples" / "train_an4"))

from corpus import Clip, augment, hold_out, read_corpus  # noqa: E402
from ctc import Plan, train_ctc  # noqa: E402
from ears import hear, log_mel, train_ears  # noqa: E402
from model import CtcModel, encode_text, greedy_text, pool_dropout  # noqa: E402
from ngram import witten_bell, write_arpa  # noqa: E402
from splice import align, splice  # noqa: E402

SENTENCES = ["A B C", "A B", "B C A", "ENTER A"]


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return read_corpus(ROOT / "examples" / "clips" / "calibration")[:6]


def test_the_ngram_is_a_distribution(tmp_path: Path) -> None:
    """After every history, seen or not, the probabilities of all words sum to one, as KenLM computes them."""
    write_arpa(tmp_path / "lm.arpa", SENTENCES)
    model = kenlm.Model(str(tmp_path / "lm.arpa"))
    words = ["A", "B", "C", "ENTER"]
    for history in [(), *itertools.product(words, repeat=1), *itertools.product(words, repeat=2)]:
        state = kenlm.State()
        model.BeginSentenceWrite(state)
        for word in history:
            following = kenlm.State()
            model.BaseScore(state, word, following)
            state = following
        total = sum(10 ** model.BaseScore(state, word, kenlm.State()) for word in [*words, "</s>", "<unk>"])
        assert total == pytest.approx(1, abs=1e-4), history


def test_the_ngram_by_hand() -> None:
    """P(A) = (c + T / V) / (N + T): A occurs 4 of 14 times, 5 kinds (with </s>), vocabulary 6 with <unk>."""
    line = next(line for line in witten_bell(SENTENCES, order=1).splitlines() if line.endswith("\tA"))
    assert float(line.split("\t")[0]) == pytest.approx(math.log10((4 + 5 / 6) / (14 + 5)), abs=1e-5)


def test_held_out_speakers_are_held_out(clips: list[Clip]) -> None:
    train, held = hold_out(clips, 2, seed=1)
    assert len(train) + len(held) == len(clips)
    assert not {c.speaker for c in train} & {c.speaker for c in held} and len({c.speaker for c in held}) == 2


def test_augmentation_is_seeded_and_keeps_speech(clips: list[Clip]) -> None:
    wave = clips[0].wave
    one, same, other = (augment(wave, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and one.shape != other.shape
    assert 0.8 < len(one) / len(wave) < 1.25 and np.isfinite(one).all()


def test_log_mel_has_a_frame_for_each_feature_frame(clips: list[Clip]) -> None:
    model = CtcModel()
    wave = model.normalized(torch.from_numpy(clips[0].wave))[None]
    assert log_mel(wave).shape[:2] == model.ears(wave).shape[:2]
    loud = log_mel(torch.sin(2 * torch.pi * 1000 * torch.arange(16_000) / 16_000)[None])[0, 10, :80]
    assert 20 < int(loud.argmax()) < 35  # 1 kHz lies at about the 28th of 80 mel bands


def test_alignment_finds_where_each_label_starts() -> None:
    path = [0, 3, 3, 0, 3, 4, 4, 0]  # with a blank between the two 3s
    log_probs = np.full((len(path), 6), -9.0, np.float32)
    log_probs[range(len(path)), path] = -0.01
    assert align(log_probs, [3, 3, 4]).tolist() == [1, 4, 5]


def test_splicing_joins_words_and_frames() -> None:
    bank = [(torch.full((3, 2), 1.0), "A"), (torch.full((5, 2), 2.0), "TWO")]
    features, text = splice(bank, 6, np.random.default_rng(0))
    assert len(text.split()) == 6
    assert len(features) == sum(3 if word == "A" else 5 for word in text.split())


def test_texts_and_labels() -> None:
    ids = encode_text("AB A")
    frames = torch.full((2 * len(ids) + 1, 28), -9.0)
    for i, label in enumerate(ids):
        frames[2 * i + 1, label] = 0
    frames[0::2, 0] = 0
    assert greedy_text(frames) == "AB A"


def test_a_broken_run_goes_on_where_it_was(clips: list[Clip], tmp_path: Path) -> None:
    def run(folder: Path, *stops: int) -> dict[str, torch.Tensor]:
        folder.mkdir()
        for epochs in stops:
            torch.manual_seed(1)
            model = CtcModel()
            pool_dropout(model)
            cache = hear(model, clips, 2, 1, folder / "heard")
            # The schedule belongs to the whole run; only the number of epochs done differs.
            plan = Plan("test", 2, peak=1e-3, warmup=2, stop_after=epochs)
            averaged = train_ctc(model, plan, clips, cache, clips[:1], 1, folder / "ctc.pt")
        return averaged.state_dict()

    unbroken, resumed = run(tmp_path / "a", 2), run(tmp_path / "b", 1, 2)
    assert all(torch.allclose(value, resumed[key], atol=1e-5) for key, value in unbroken.items())


@pytest.mark.long
def test_the_feature_extractor_learns_log_mel(clips: list[Clip], tmp_path: Path, capsys) -> None:
    torch.manual_seed(1)
    model = CtcModel()
    before = {k: v.clone() for k, v in model.wav2vec2.feature_extractor.state_dict().items()}
    train_ears(model, clips, 30, 1, tmp_path / "ears.pt")
    error = float(capsys.readouterr().out.split("normalised error")[-1])
    assert error < 1.0
    assert any(not torch.equal(v, before[k]) for k, v in model.wav2vec2.feature_extractor.state_dict().items())
