"""An n-gram whose words a model cannot spell is noticed, before it spoils every text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from small_models import write_transformers

import asrquant
from asrquant.base.errors import DecoderError
from asrquant.cli import main
from asrquant.text.spelling import refuse_unspellable

SAYS = r"The n-gram is not for this model: \d+ of \d+ of its words cannot be spelled .*'\w+'.*use the decoder greedy or beam"
LABELS = "ETAONIHSRDLUMWCFGYPBVK'XJQZ"
CYRILLIC = str.maketrans(LABELS, "ЕТАОНИХСРДЛУМВЦФГЫПБЖКЬЭЙЧЗ")


@pytest.fixture
def lower(model_copy: Path) -> Path:
    """The embedded model with its n-gram in lower case."""
    arpa = (model_copy / "lm.arpa.ckpt").read_text()
    (model_copy / "lm.arpa.ckpt").write_text(arpa.lower())
    return model_copy


def test_of_the_model_itself(lower: Path, examples, capsys) -> None:
    with pytest.raises(DecoderError, match=SAYS):
        asrquant.load(str(lower))
    for decoder in ("greedy", "beam"):
        recognizer = asrquant.load(str(lower), decoder)
        assert recognizer.transcribe(examples[0].path).text
        with pytest.raises(DecoderError, match=SAYS):
            recognizer.with_decoder("ngram")
    with pytest.raises(DecoderError, match=SAYS):
        asrquant.load(str(lower), "fast")
    assert main(["transcribe", str(examples[0].path), "--preset", "original", "--model", str(lower)]) == 2
    assert "cannot be spelled with the model's labels" in capsys.readouterr().err


def test_of_a_processor(model_folder: Path, tmp_path: Path) -> None:
    folder = write_transformers("wav2vec2", tmp_path)
    (folder / "language_model").mkdir()
    arpa = (model_folder / "lm.arpa.ckpt").read_text()
    (folder / "language_model" / "lm.arpa").write_text(arpa.translate(CYRILLIC), encoding="utf-8")
    with pytest.raises(DecoderError, match=SAYS):
        asrquant.load(str(folder))
    assert asrquant.load(str(folder), "greedy").decoder.name == "greedy"
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "do_lower_case": True}))
    (folder / "language_model" / "lm.arpa").write_text(arpa)
    with pytest.raises(DecoderError, match=SAYS):  # this one writes lower case
        asrquant.load(str(folder))
    (folder / "language_model" / "lm.arpa").write_text(arpa.replace("\\", "\0").lower().replace("\0", "\\"))
    assert asrquant.load(str(folder)).decoder.name == "ngram"


def test_a_few_foreign_words_are_no_matter(an4, tmp_path: Path) -> None:
    vocabulary = an4.vocabulary
    refuse_unspellable(vocabulary)
    path = tmp_path / "lm.arpa"
    for foreign, fits in ((2, True), (6, False)):
        words = ["<s>", "</s>", "<unk>", "ONE", "TWO", "SIX", *(f"№{index}" for index in range(foreign))]
        path.write_text("\\data\\\n\n\\1-grams:\n" + "".join(f"-1\t{word}\t0\n" for word in words) + "\n\\2-grams:\n")
        other = replace(vocabulary, ngram=path, search={})
        if fits:
            refuse_unspellable(other)
            continue
        with pytest.raises(DecoderError, match=rf"{foreign} of {foreign + 3} of its words .*'№0'"):
            refuse_unspellable(other)
    with pytest.raises(DecoderError, match="2 of 2"):
        refuse_unspellable(replace(vocabulary, ngram=None, search={"unigrams": ["one", "two"]}))
    path.write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\0" + bytes(range(256)) * 100)
    refuse_unspellable(replace(vocabulary, ngram=path, search={}))
