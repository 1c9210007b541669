"""A model built as the tutorial's Hub model is: SpeechBrain's own Wav2Vec2 lobe on a transformers folder, SentencePiece, greedy.

The weights are random and the size is tiny; the structure, the files and the loading code are the real ones.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
import sentencepiece
import torch

import asrquant
from asrquant.compat import ensure_torchaudio
from asrquant.decoding import Vocabulary
from asrquant.footprint import quantized_modules
from asrquant.sources.speechbrain import _piece_text

YAML = """
wav2vec2: !new:speechbrain.lobes.models.huggingface_transformers.wav2vec2.Wav2Vec2
    source: {hub}
    output_norm: True
    freeze: True
    save_path: {cache}
enc: !new:speechbrain.nnet.containers.Sequential
    input_shape: [null, null, 128]
    linear1: !name:speechbrain.nnet.linear.Linear
        n_neurons: 128
        bias: True
    bn1: !name:speechbrain.nnet.normalization.BatchNorm1d
    activation: !new:torch.nn.LeakyReLU
    drop: !new:torch.nn.Dropout
        p: 0.15
ctc_lin: !new:speechbrain.nnet.linear.Linear
    input_size: 128
    n_neurons: {pieces}
log_softmax: !new:speechbrain.nnet.activations.Softmax
    apply_log: True
tokenizer: !new:sentencepiece.SentencePieceProcessor
asr_model: !new:torch.nn.ModuleList
    - [!ref <enc>, !ref <ctc_lin>]
encoder: !new:speechbrain.nnet.containers.LengthsCapableSequential
    wav2vec2: !ref <wav2vec2>
    enc: !ref <enc>
    ctc_lin: !ref <ctc_lin>
    log_softmax: !ref <log_softmax>
decoding_function: !name:speechbrain.decoders.ctc_greedy_decode
    blank_id: 0
modules:
    encoder: !ref <encoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        wav2vec2: !ref <wav2vec2>
        asr: !ref <asr_model>
        tokenizer: !ref <tokenizer>
"""


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory) -> asrquant.Recognizer:
    ensure_torchaudio()
    from hyperpyyaml import load_hyperpyyaml
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    torch.manual_seed(4)
    hub = tmp_path_factory.mktemp("hub")
    config = Wav2Vec2Config(
        hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=256, conv_dim=(64,) * 7,
        feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True, num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    Wav2Vec2Model(config).save_pretrained(hub)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(hub)

    folder = tmp_path_factory.mktemp("asr")
    pieces = _train_tokenizer(folder)
    yaml = YAML.format(hub=hub, cache=folder / "cache", pieces=pieces)
    (folder / "hyperparams.yaml").write_text(yaml)
    parts = load_hyperpyyaml(yaml)
    torch.save(parts["wav2vec2"].state_dict(), folder / "wav2vec2.ckpt")
    torch.save(parts["asr_model"].state_dict(), folder / "asr.ckpt")
    recognizer = asrquant.load(str(folder))
    for source in (hub, folder):  # what was loaded needs nothing of these any more, and no export may either
        shutil.rmtree(source)
    return recognizer


def _train_tokenizer(folder: Path) -> int:
    (folder / "texts.txt").write_text("ONE TWO\nNO\nTWO TEN\n" * 5)
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "texts.txt"), model_prefix=str(folder / "sp"), vocab_size=12, model_type="char",
        bos_id=-1, eos_id=-1, hard_vocab_limit=False,
    )  # fmt: skip
    (folder / "sp.model").rename(folder / "tokenizer.ckpt")
    return int(sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.ckpt")).vocab_size())


def test_roles_are_the_tutorials_modules(recognizer: asrquant.Recognizer) -> None:
    assert recognizer.roles == asrquant.load("an4").roles
    assert recognizer.decoder.name == "greedy" and "ngram" not in recognizer.vocabulary.decoders


@pytest.mark.parametrize("preset", [name for name in asrquant.PRESETS if not name.startswith(("original", "openvino"))])
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
        ("mixed-int8", "torchscript"),
        ("mixed-int8", "state-dict"),
        ("openvino-int8", "openvino-ir"),
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
