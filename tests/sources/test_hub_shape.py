"""A model built as the tutorial's Hub model is: SpeechBrain's Wav2Vec2 lobe on a transformers folder, SentencePiece, greedy."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
import sentencepiece
import torch
from small_models import write_base, write_speechbrain

import asrquant
from asrquant.model.footprint import quantized_modules
from asrquant.sources.speechbrain.encoder_asr import _piece_text
from asrquant.text import decoders_for
from asrquant.text.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory) -> asrquant.Recognizer:
    folder = tmp_path_factory.mktemp("asr")
    recognizer = asrquant.load(str(write_speechbrain(folder, write_base(folder / "base"))))
    shutil.rmtree(folder)  # what was loaded needs nothing of this any more, and no export may either
    return recognizer


def test_roles_are_the_tutorials_modules(recognizer: asrquant.Recognizer) -> None:
    assert recognizer.roles == asrquant.load("an4").roles
    assert recognizer.decoder.name == "greedy" and "ngram" not in decoders_for(recognizer.vocabulary)


@pytest.mark.parametrize(
    "preset", [name for name in asrquant.PRESETS if not name.startswith(("original", "openvino", "fused", "onnx-fp32"))]
)
def test_every_preset_holds(recognizer: asrquant.Recognizer, examples, preset: str) -> None:
    audio = examples[0].audio()
    quantized = asrquant.quantize(recognizer, preset)
    assert sum(quantized_modules(quantized.encoder).values()) > 0
    assert quantized.log_probs(audio).shape == recognizer.log_probs(audio).shape
    assert quantized.size_bytes() < recognizer.size_bytes()
    assert asrquant.compare(recognizer, quantized, audio, runs=1).original.text is not None


def test_a_clip_alone_needs_no_lengths(recognizer: asrquant.Recognizer, examples) -> None:
    wave = torch.from_numpy(examples[0].audio().samples)[None]
    with torch.inference_mode():
        assert torch.allclose(recognizer.encoder(wave), recognizer.encoder(wave, torch.ones(1)), atol=1e-5)


@pytest.mark.parametrize(
    ("preset", "format"),
    [
        ("original", "torchscript"),
        pytest.param("mixed-int8", "torchscript", marks=pytest.mark.long),
        ("mixed-int8", "state-dict"),
        pytest.param("openvino-int8", "openvino-ir", marks=pytest.mark.long),
    ],
)
def test_exports_need_no_hub(
    recognizer: asrquant.Recognizer, examples, tmp_path: Path, preset: str, format: str
) -> None:
    live = asrquant.quantize(recognizer, preset)
    artifact = asrquant.export(live, format, tmp_path)
    assert artifact.manifest.verification.passed and artifact.manifest.decoder == "greedy"
    loaded = asrquant.load_artifact(artifact.path)
    assert quantized_modules(loaded.encoder) == quantized_modules(live.encoder)
    assert loaded.transcribe(examples[0].path).text == live.transcribe(examples[0].path).text
    said = "".join(path.read_text() for path in artifact.folder.rglob("*") if path.suffix in (".json", ".yaml", ".md"))
    assert "/tmp" not in said and str(tmp_path.parent) not in said


def test_texts_are_sentencepieces_own(tmp_path: Path) -> None:
    """The text of each piece, joined, is what SentencePiece decodes."""
    (tmp_path / "texts.txt").write_text("ONE TWO THREE FOUR\nNO TWENTY\nTWO TEN TENTHS\n" * 20)
    for kind in ("char", "unigram", "bpe"):
        sentencepiece.SentencePieceTrainer.train(
            input=str(tmp_path / "texts.txt"), model_prefix=str(tmp_path / kind), vocab_size=24, model_type=kind,
            hard_vocab_limit=False,
        )  # fmt: skip
        tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / f"{kind}.model"))
        texts = tuple(_piece_text(tokenizer, index) for index in range(tokenizer.vocab_size()))
        vocabulary = Vocabulary(texts, texts, 0)
        chance = random.Random(kind)
        for _ in range(200):
            ids = [chance.randrange(len(texts)) for _ in range(chance.randrange(1, 12))]
            assert vocabulary.to_text(ids) == " ".join(tokenizer.decode_ids(ids).split()), ids
