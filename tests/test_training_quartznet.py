"""The QuartzNet's recipe: it hears what the model hears, a broken run goes on where it was, and its file is a ``.nemo``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import asrquant

ROOT = Path(__file__).parents[1]
for folder in ("train_an4", "train_quartznet"):
    sys.path.append(str(ROOT / "examples" / folder))

from aligned import Piece, joined, place_letters, word_bank  # noqa: E402
from corpus import Clip, read_corpus  # noqa: E402
from learn import Plan, hear, train  # noqa: E402
from quartznet import build, greedy_text, log_mel, normalized  # noqa: E402
from write_nemo import write_language_model, write_nemo  # noqa: E402


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return read_corpus(ROOT / "examples" / "clips" / "calibration")[:3]


def test_it_hears_what_the_model_hears(clips: list[Clip]) -> None:
    model = build(1)
    wave = torch.from_numpy(clips[0].wave)
    with torch.inference_mode():
        expected = model.preprocessor(wave[None])[0]
        assert torch.allclose(normalized(log_mel(model, wave)).T, expected, atol=1e-5)
    assert float(model.preprocessor.featurizer.fb.sum()) > 0 and expected.std() > 0.5


def test_a_broken_run_goes_on_where_it_was(clips: list[Clip], tmp_path: Path) -> None:
    plan = Plan(epochs=2, steps=1, batch_frames=600, guided=1)
    made = []
    for name, plans in (("whole", [plan]), ("broken", [replace(plan, stop_after=1), plan])):
        work = tmp_path / name
        work.mkdir()
        for each in plans:
            model = build(1)
            cache = hear(model, clips, 2, 1, work / "heard")
            made.append(train(model, each, clips, cache, clips[:1], 1, work))
    first, _, last = made
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), last.state_dict().values(), strict=True))
    assert len((tmp_path / "broken" / "log.txt").read_text().splitlines()) == 2


def test_the_file_is_loaded_with_its_ngram(clips: list[Clip], tmp_path: Path) -> None:
    model = build(2).eval()
    write_nemo(model, tmp_path / "an4-quartznet.nemo")
    write_language_model(tmp_path, [clip.text for clip in clips], {"alpha": 0.3, "beta": 1.5})
    recognizer = asrquant.load(str(tmp_path))
    assert recognizer.decoder.name == "ngram" and recognizer.vocabulary.search["alpha"] == 0.3
    assert recognizer.frame_samples == 320 and recognizer.size_bytes() < 10_000_000
    wave = torch.from_numpy(clips[0].wave[:16_000])[None]
    with torch.inference_mode():
        assert torch.equal(recognizer.encoder(wave), model(wave))
        assert greedy_text(model(wave)[0]) == recognizer.with_decoder("greedy").decoder(model(wave)[0])


def test_letters_have_places_and_words_are_cut_between_them() -> None:
    text, sure = "AB C", torch.zeros(4).numpy()
    piece = Piece(torch.arange(100.0)[:, None], text, torch.tensor([10, 20, 40, 60]).numpy(), sure)
    words = word_bank([[piece]], ["me"])["me"]
    assert [(word.text, float(word.features[0]), float(word.features[-1])) for word in words] == [
        ("AB", 0.0, 39.0),
        ("C", 40.0, 99.0),
    ]
    assert [word.places.tolist() for word in words] == [[10, 20], [20]]
    turned = joined([words[1], words[0]])
    assert turned.text == "C AB" and turned.places.tolist() == [20, 60, 70, 80]
    unsure = Piece(piece.features, text, piece.places, sure - 5)
    assert word_bank([[unsure]], ["me"])["me"] == []


def test_a_copy_is_stretched_with_its_places(clips: list[Clip], tmp_path: Path) -> None:
    model = build(1)
    clean = [log_mel(model, torch.from_numpy(clip.wave)) for clip in clips]
    slow = [features.repeat_interleave(2, 0) for features in clean]
    heard = place_letters(clips, [clean, slow], tmp_path / "places.pt")
    for clip, first, second in zip(clips, *heard, strict=True):
        assert len(first.places) == len(clip.text) and (first.places[1:] >= first.places[:-1]).all()
        assert abs(second.places - 2 * first.places).max() <= 2
        assert first.places[0] > 5 and first.places[-1] < len(first.features)
