"""The two encoders that are measured: the embedded model's, and one of wav2vec2-large's shape with random weights."""

from __future__ import annotations

from pathlib import Path

import torch

import asrquant
from asrquant import Recognizer
from asrquant.base.torchaudio_stand_in import ensure_torchaudio

LARGE_DIR = Path("build") / "wav2vec2-large-shape"
YAML = """
wav2vec2: !new:speechbrain.lobes.models.huggingface_transformers.wav2vec2.Wav2Vec2
    source: {hub}
    output_norm: True
    freeze: True
    save_path: {hub}
enc: !new:speechbrain.nnet.containers.Sequential
    input_shape: [null, null, 1024]
    linear1: !name:speechbrain.nnet.linear.Linear
        n_neurons: 1024
        bias: True
    bn1: !name:speechbrain.nnet.normalization.BatchNorm1d
    activation: !new:torch.nn.LeakyReLU
    linear2: !name:speechbrain.nnet.linear.Linear
        n_neurons: 1024
        bias: True
    bn2: !name:speechbrain.nnet.normalization.BatchNorm1d
    activation2: !new:torch.nn.LeakyReLU
    linear3: !name:speechbrain.nnet.linear.Linear
        n_neurons: 1024
        bias: True
    bn3: !name:speechbrain.nnet.normalization.BatchNorm1d
    activation3: !new:torch.nn.LeakyReLU
ctc_lin: !new:speechbrain.nnet.linear.Linear
    input_size: 1024
    n_neurons: {outputs}
log_softmax: !new:speechbrain.nnet.activations.Softmax
    apply_log: True
tokenizer: !new:speechbrain.dataio.encoder.CTCTextEncoder
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
        asr: !ref <asr_model>
        tokenizer: !ref <tokenizer>
"""


def embedded() -> Recognizer:
    return asrquant.load("an4", decoder="greedy")


def large() -> Recognizer:
    """The shape of ``speechbrain/asr-wav2vec2-commonvoice-14-en``: 319 M parameters, as its YAML builds it; made once."""
    if not (LARGE_DIR / "hyperparams.yaml").is_file():
        _make_large()
    return asrquant.load(str(LARGE_DIR))


def _make_large() -> None:
    ensure_torchaudio()
    from hyperpyyaml import load_hyperpyyaml
    from speechbrain.dataio.encoder import CTCTextEncoder
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    torch.manual_seed(5)
    hub = LARGE_DIR / "backbone"
    hub.mkdir(parents=True, exist_ok=True)
    config = Wav2Vec2Config(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, feat_extract_norm="layer",
        do_stable_layer_norm=True, conv_bias=True, hidden_dropout=0.0, layerdrop=0.0,
    )  # fmt: skip
    Wav2Vec2Model(config).save_pretrained(hub)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(hub)
    labels = ["<blank>", " ", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ'"]
    encoder = CTCTextEncoder()
    encoder.update_from_iterable(labels, sequence_input=False)
    encoder.save(str(LARGE_DIR / "tokenizer.ckpt"))
    yaml = YAML.format(hub=hub.resolve(), outputs=len(labels))
    parts = load_hyperpyyaml(yaml)
    torch.save(parts["asr_model"].state_dict(), LARGE_DIR / "asr.ckpt")  # what is missing would be refused
    (LARGE_DIR / "hyperparams.yaml").write_text(yaml, encoding="utf-8")


SHAPES = {"embedded": embedded, "large": large}
