"""A processor's settings are the model's: how waves are prepared, how labels are joined, and the n-gram beside them."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest
import torch
from small_models import WORDS, write_transformers

import asrquant
from asrquant.base.errors import SourceError

V5, V4 = "processor_config.json", "preprocessor_config.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_transformers("wav2vec2", tmp_path / "ctc")


def settings(folder: Path, name: str = V5, **changes) -> Path:
    """Writes the feature extractor's settings into one of the two files that transformers knows, and removes the other."""
    said = json.loads((folder / V5).read_text())
    said["feature_extractor"].update(changes)
    for file in (V5, V4):
        (folder / file).unlink(missing_ok=True)
    (folder / name).write_text(json.dumps(said if name == V5 else said["feature_extractor"]))
    return folder


def tokenizer(folder: Path, vocabulary: dict[str, int] | None = None, **changes) -> Path:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    if vocabulary is not None:
        (folder / "vocab.json").write_text(json.dumps(vocabulary))
    return folder


def own(folder: Path, samples) -> tuple[torch.Tensor, str]:
    """Log-probs and text of transformers' own model and processor."""
    from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

    model = AutoModelForCTC.from_pretrained(folder).eval()
    prepare, words = AutoFeatureExtractor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        logits = model(**prepare(samples, sampling_rate=16_000, return_tensors="pt")).logits
    return logits[0].log_softmax(-1), " ".join(words.decode(logits[0].argmax(-1)).split())


def is_transformers_own(folder: Path, audio) -> asrquant.Recognizer:
    recognizer = asrquant.load(str(folder))
    for gain in (1.0, 0.1):
        samples = audio.samples * gain
        log_probs, text = own(folder, samples)
        with torch.inference_mode():
            ours = recognizer.encoder(torch.from_numpy(samples)[None])[0]
        assert torch.allclose(ours, log_probs, atol=1e-4)
        assert recognizer.decoder(ours) == text
    return recognizer


@pytest.mark.parametrize("file", [V5, V4])
@pytest.mark.parametrize("do_normalize", [False, True])
@pytest.mark.parametrize("mask", [False, True])
def test_the_settings_hold(folder: Path, examples, file: str, do_normalize: bool, mask: bool) -> None:
    settings(folder, file, do_normalize=do_normalize, return_attention_mask=mask, padding_value=0.5)
    recognizer = is_transformers_own(folder, examples[0].audio())
    assert recognizer.encoder.normalize is do_normalize


def test_the_settings_go_into_artifacts(folder: Path, examples, tmp_path: Path) -> None:
    recognizer = asrquant.load(str(settings(folder, do_normalize=False)))
    artifact = asrquant.export(recognizer, "state-dict", tmp_path / "exports")
    loaded = asrquant.load_artifact(artifact.path)
    assert loaded.encoder.normalize is False
    audio = examples[0].audio()
    assert torch.equal(loaded.log_probs(audio), recognizer.log_probs(audio))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sampling_rate": 8000}, r"is for sound at 8000 Hz \(sampling_rate of its processor\)"),
        (
            {"feature_extractor_type": "SeamlessM4TFeatureExtractor"},
            "prepares its input with a SeamlessM4TFeatureExtractor",
        ),
    ],
)
def test_settings_that_asrquant_has_not(folder: Path, changes: dict, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        asrquant.load(str(settings(folder, **changes)))


def test_no_settings(folder: Path) -> None:
    (folder / V5).unlink()
    with pytest.raises(SourceError, match="could not be loaded as a transformers CTC model with its processor"):
        asrquant.load(str(folder))


def test_lower_case_in_every_decoder(folder: Path, examples) -> None:
    recognizer = is_transformers_own(tokenizer(folder, do_lower_case=True), examples[0].audio())
    beam = recognizer.with_decoder("beam").transcribe(examples[0].path).text
    assert any(letter.isalpha() for letter in beam) and beam == beam.lower()


def test_another_delimiter(folder: Path, examples) -> None:
    words = {"#" if word == "|" else word: index for index, word in enumerate(WORDS)}
    path = folder / "tokenizer_config.json"
    path.write_text(path.read_text().replace('"|"', '"#"'))
    is_transformers_own(tokenizer(folder, words), examples[0].audio())


def test_another_character_between_words(folder: Path, examples) -> None:
    recognizer = is_transformers_own(tokenizer(folder, replace_word_delimiter_char="_"), examples[0].audio())
    assert "_" in recognizer.with_decoder("beam").transcribe(examples[0].path).text
    with pytest.raises(SourceError, match=r"Wav2Vec2CTCTokenizer that writes nothing for '\|'"):
        asrquant.load(str(tokenizer(folder, replace_word_delimiter_char="")))


def test_phonemes_stand_apart(folder: Path, examples) -> None:
    tokenizer(folder, tokenizer_class="Wav2Vec2PhonemeCTCTokenizer", word_delimiter_token=None)
    recognizer = is_transformers_own(folder, examples[0].audio())
    greedy = recognizer.transcribe(examples[0].path).text
    assert len(greedy.split()) > 20
    assert all(
        len(word) == 1 or word[0] == "<"
        for word in recognizer.with_decoder("beam").transcribe(examples[0].path).text.split()
    )


@pytest.mark.parametrize(
    "vocabulary",
    [WORDS[:-2], [*WORDS, "ß", "é"]],
    ids=["outputs without a name", "letters without an output"],
)
def test_a_vocabulary_for_another_model(folder: Path, vocabulary: list[str]) -> None:
    tokenizer(folder, {word: index for index, word in enumerate(vocabulary)})
    with pytest.raises(SourceError, match=rf"has 32 outputs and a tokenizer of {len(vocabulary)} tokens"):
        asrquant.load(str(folder))


def test_tokens_of_training_may_come_after_the_outputs(folder: Path, examples) -> None:
    words = [f"[{index}]" if word in ("<s>", "</s>") else word for index, word in enumerate(WORDS)]
    path = folder / "tokenizer_config.json"
    said = json.loads(path.read_text())
    said.pop("added_tokens_decoder", None)
    path.write_text(json.dumps(said))
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    is_transformers_own(folder, examples[0].audio())


@pytest.mark.parametrize(
    ("kind", "name"),
    [("parakeet_ctc", "ParakeetForCTC"), ("lasr_ctc", "LasrForCTC"), ("wav2vec2-bert", "Wav2Vec2BertForCTC")],
)
def test_models_of_features_are_refused_by_their_configuration_alone(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(SourceError, match=f"is a {name}, which takes input features and not a wave"):
        asrquant.load(str(tmp_path))


def with_language_model(folder: Path, arpa: bytes, alphabet: dict | None = None) -> Path:
    (folder / "language_model").mkdir()
    (folder / "language_model" / "3gram.arpa").write_bytes(arpa)
    (folder / "language_model" / "attrs.json").write_text(
        json.dumps({"alpha": 0.7, "beta": 2.5, "unk_score_offset": -8.0, "score_boundary": True})
    )
    (folder / "alphabet.json").write_text(json.dumps(alphabet or {"labels": WORDS, "is_bpe": False}))
    return folder


@pytest.mark.long
def test_the_n_gram_of_a_processor_is_used(folder: Path, model_folder: Path, examples, tmp_path: Path) -> None:
    arpa = (model_folder / "lm.arpa.ckpt").read_bytes()
    recognizer = asrquant.load(str(with_language_model(folder, arpa)))
    assert recognizer.decoder.name == "ngram" and recognizer.vocabulary.search["alpha"] == 0.7
    assert recognizer.decoder._search.lm.beta == 2.5 and "language_model/3gram.arpa" in recognizer.origin.sha256
    text = recognizer.transcribe(examples[0].path).text
    assert text != recognizer.with_decoder("beam").transcribe(examples[0].path).text
    artifact = asrquant.export(recognizer, "state-dict", tmp_path / "exports")
    shutil.rmtree(folder)
    assert asrquant.load_artifact(artifact.path).transcribe(examples[0].path).text == text


def test_an_n_gram_that_is_not_used_is_noted(folder: Path, model_folder: Path, caplog) -> None:
    arpa = (model_folder / "lm.arpa.ckpt").read_bytes()
    with_language_model(folder, arpa, {"labels": WORDS, "is_bpe": True})
    with caplog.at_level(logging.WARNING):
        assert asrquant.load(str(folder)).decoder.name == "greedy"
    assert "is for pieces of words (is_bpe)" in caplog.text
