"""The recipe of the embedded model: its parts, and that a broken run goes on where it was."""

from __future__ import annotations

import itertools
import json
import math
import sys
from pathlib import Path

import kenlm
import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples" / "train_an4"))

pytest.importorskip("audiomentations", reason="examples/train_an4/requirements.txt has what the recipe takes besides")
pytest.importorskip("pyroomacoustics")
import publish  # noqa: E402
from augment import Augmenter  # noqa: E402
from corpus import SAMPLE_RATE, Clip, augment, hold_out, read_corpus, spoken  # noqa: E402
from ctc import _ctc_loss, _disagreement, train_ctc  # noqa: E402
from ears import log_mel, train_ears  # noqa: E402
from items import Plan  # noqa: E402
from measure import Row, table  # noqa: E402
from model import CtcModel, encode_text, greedy_text, pool_dropout  # noqa: E402
from ngram import unigrams, with_lone, witten_bell, write_arpa  # noqa: E402
from pool import Copy, Pool, joined  # noqa: E402
from splice import Mix, Word, align, cut, draw, text_of  # noqa: E402
from voices import CLASSES, sentences, spelled  # noqa: E402

from asrquant.audio.clip import from_samples  # noqa: E402
from asrquant.sources.loading import load  # noqa: E402

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


def test_words_are_cut_between_their_letters(clips: list[Clip]) -> None:
    """Each label is heard for one frame; a word ends half-way to the next one's first letter, the edges are speech's."""
    clip = Clip("a", "a", np.pad(np.ones(40 * 320, np.float32), 3200), "AB C")
    labels, frames = encode_text(clip.text), np.array([12, 16, 20, 30])
    log_probs = np.full((60, 28), -0.1, np.float32)
    words = cut(0, clip, frames, log_probs, labels)
    assert [word.text for word in words] == ["AB", "C"]
    assert words[0].end == words[1].start == (16 + 30 + 1) * 320 // 2
    begins, ends = spoken(clip.wave)
    assert begins - 1600 < words[0].start <= begins == 3200 and ends <= words[1].end < ends + 1600
    log_probs[30] = -9.0
    assert [word.text for word in cut(0, clip, frames, log_probs, labels)] == ["AB"]


def test_a_word_lies_where_the_copy_has_it() -> None:
    """At half the speed and after a second of silence, the second half of a second is frames 100 to 150."""
    features = torch.arange(200.0)[:, None]
    copy = Copy([features], np.array([2.0]), np.array([16_000.0]), [], [])
    assert copy.cut(Word("A", 0, 8_000, 16_000))[:, 0].tolist() == list(range(100, 150))
    before = Copy([features], np.array([1.0]), np.array([-1_600.0]), [], [])
    assert before.cut(Word("A", 0, 0, 3_200))[:, 0].tolist() == list(range(0, 5))


def test_what_is_heard_is_mixed_as_asked(clips: list[Clip]) -> None:
    words = [Word(text, 0, at, at + 1600) for at, text in enumerate(["A", "A", "A", "TWO"])]
    rng = np.random.default_rng(0)
    drawn = [draw(clips[0], words, Mix(0.2, 0.3, 0.1, 0.1), rng) for _ in range(3000)]
    share = {kind: np.mean([kind(each) for each in drawn]) for kind in (_whole, _nothing, _short, _long)}
    assert [round(share[kind], 1) for kind in (_whole, _nothing, _long)] == [0.3, 0.1, 0.1]
    assert share[_short] >= 0.27
    alone = [each[0].text for each in drawn if each and len(each) == 1]
    assert (
        0.35 < np.mean([text == "TWO" for text in alone]) < 0.5
    )  # 0.6 / 2 + 0.4 / 4: any word, not as often as spoken
    assert text_of(drawn[0] or []) == " ".join(word.text for word in drawn[0] or [])


def _whole(words: list[Word] | None) -> bool:
    return words is None


def _nothing(words: list[Word] | None) -> bool:
    return words == []


def _short(words: list[Word] | None) -> bool:
    return words is not None and 1 <= len(words) <= 3


def _long(words: list[Word] | None) -> bool:
    return words is not None and len(words) >= 8


def test_joined_waves_are_the_words(clips: list[Clip]) -> None:
    words = [Word("A", 0, 1_000, 3_000), Word("B", 1, 0, 4_000)]
    wave = joined(clips, words, np.random.default_rng(1))
    assert 6_000 <= len(wave) <= 6_000 + SAMPLE_RATE // 2
    assert np.array_equal(wave[80:1_920], clips[0].wave[1_080:2_920])


def test_silence_costs_what_words_cost() -> None:
    """A second of nothing, said to be nothing, weighs as a second of speech, not as each of its frames."""
    log_probs = torch.full((1, 48, 28), math.log(1 / 28))
    assert float(_ctc_loss(log_probs, [48], [[]])) == pytest.approx(12 * math.log(28), rel=1e-5)


def test_two_views_that_agree_cost_nothing() -> None:
    one = torch.randn(2, 5, 28).log_softmax(-1)
    assert float(_disagreement(torch.cat([one, one]), [5, 3, 5, 3])) == pytest.approx(0, abs=1e-6)
    other = one.clone()
    other[1, 3:] = torch.randn(2, 28).log_softmax(-1)  # past the second clip's end
    assert float(_disagreement(torch.cat([one, other]), [5, 3, 5, 3])) == pytest.approx(0, abs=1e-6)
    other[1, 1] = torch.randn(28).log_softmax(-1)
    assert float(_disagreement(torch.cat([one, other]), [5, 3, 5, 3])) > 0.01


def test_words_alone_are_in_the_ngram() -> None:
    assert with_lone(SENTENCES, 2) == SENTENCES + unigrams(SENTENCES) * 2


def test_synthesizers_read_sentences_of_the_same_kind() -> None:
    made = sentences(["A B TWO"], 200, np.random.default_rng(0))
    letters, digits = CLASSES[:2]
    whole = [text.split() for text in made if " " in text]
    assert len(whole) > 100 and all(a in letters and b in letters and c in digits for a, b, c in whole)
    assert spelled("A B RUBOUT TWO", "ay") == "ay B rub out two"


def test_the_table_has_rates_and_intervals() -> None:
    text = table([Row("x", "greedy", (0, 1, 0, 1), (2, 2, 2, 2), (True, False, True, False))])
    assert "25.0 (" in text and "50.0 (" in text


def test_texts_and_labels() -> None:
    ids = encode_text("AB A")
    frames = torch.full((2 * len(ids) + 1, 28), -9.0)
    for i, label in enumerate(ids):
        frames[2 * i + 1, label] = 0
    frames[0::2, 0] = 0
    assert greedy_text(frames) == "AB A"


def test_a_broken_run_goes_on_where_it_was(clips: list[Clip], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("pool.NOTHINGS", 2)

    def run(folder: Path, *stops: int) -> dict[str, torch.Tensor]:
        folder.mkdir()
        for epochs in stops:
            torch.manual_seed(1)
            model = CtcModel()
            pool_dropout(model)
            augmenter = Augmenter([clip.wave for clip in clips], [])
            pool = Pool(model, clips[:3], augmenter, 2, 1, folder / "heard")
            # The schedule belongs to the whole run; only the number of epochs done differs.
            plan = Plan("test", 2, peak=1e-3, warmup=2, splice_from=1, consistency=0.2, stop_after=epochs)
            averaged = train_ctc(model, plan, pool, clips[3:4], 1, folder / "ctc.pt")
        return averaged.state_dict()

    unbroken, resumed = run(tmp_path / "a", 2), run(tmp_path / "b", 1, 2)
    assert all(torch.allclose(value, resumed[key], atol=1e-5) for key, value in unbroken.items())


def test_copies_are_made_anew_in_turns(clips: list[Clip], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("pool.NOTHINGS", 2)
    pool = Pool(CtcModel(), clips[:1], Augmenter([clips[0].wave], []), 3, 1, tmp_path)
    seen = []
    for epoch in range(4):
        pool.turn_to(epoch, None)
        seen.append([float(copy.features[0].float().sum()) for copy in pool.copies])
    changes = [[a != b for a, b in zip(one, two, strict=True)] for one, two in itertools.pairwise(seen)]
    assert changes == [[False, True, False], [False, False, True], [False, True, False]]
    again = Pool(pool.model, clips[:1], pool.augmenter, 3, 1, tmp_path)
    again.turn_to(3, None)
    assert [float(copy.features[0].float().sum()) for copy in again.copies] == seen[3]


@pytest.mark.long
def test_the_feature_extractor_learns_log_mel(clips: list[Clip], tmp_path: Path, capsys) -> None:
    torch.manual_seed(1)
    model = CtcModel()
    before = {k: v.clone() for k, v in model.wav2vec2.feature_extractor.state_dict().items()}
    train_ears(model, clips * 10, Augmenter([clip.wave for clip in clips], []), 30, 1, tmp_path / "ears.pt")
    error = float(capsys.readouterr().out.split("normalised error")[-1])
    assert error < 1.0
    assert any(not torch.equal(v, before[k]) for k, v in model.wav2vec2.feature_extractor.state_dict().items())


@pytest.mark.long
def test_a_published_folder_is_tuned_and_says_its_version(clips: list[Clip], tmp_path: Path, monkeypatch) -> None:
    """The embedded model's weights, published anew, hear what they heard, and the manifest has what was chosen."""
    monkeypatch.setattr(
        publish, "GRID", {"alpha": (0.3,), "beta": (2.5, 3.5), "unk_score_offset": (-10,), "lone": (0, 1)}
    )
    embedded = ROOT / "artifacts" / "an4-wav2vec2-ctc"
    held_out = [clip for clip in read_corpus(ROOT / "examples" / "clips" / "validation") if clip.speaker == "mbmg"][:2]
    model = CtcModel()
    for name, part in (("wav2vec2", {"model.": model.wav2vec2}), ("asr", {"0.": model.enc, "1.": model.ctc_lin})):
        state = torch.load(embedded / f"{name}.ckpt", weights_only=True)
        for start, module in part.items():
            mine = {key.removeprefix(start): value for key, value in state.items() if key.startswith(start)}
            module.load_state_dict({key: v.float() if v.is_floating_point() else v for key, v in mine.items()})
    out = tmp_path / "an4-wav2vec2-ctc"
    publish.publish(model.eval(), out, embedded, clips, held_out, clips[:1], {"seed": 7})
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["version"] == publish.VERSION and manifest["settings"]["beta"] in (2.5, 3.5)
    assert (out / "wav2vec2.ckpt").stat().st_size < 10_000_000 and (out / "LICENSE").is_file()
    card = (out / "README.md").read_text()
    assert "version 2" in card and "held-out, room" in card and "| eval, clean |" in card and "{table}" not in card
    clip = from_samples(held_out[0].wave, SAMPLE_RATE)
    texts = {load(str(folder)).with_decoder("greedy").transcribe(clip).text for folder in (out, embedded)}
    assert len(texts) == 1 and texts != {""}
