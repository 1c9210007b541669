"""Models with random weights, tiny: the structure, the files and the code that loads them are the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import sentencepiece
import torch

from asrquant.base.torchaudio_stand_in import ensure_torchaudio

FAMILIES = {
    "data2vec": ("Data2VecAudioConfig", "Data2VecAudioForCTC"),
    "wav2vec2": ("Wav2Vec2Config", "Wav2Vec2ForCTC"),
    "hubert": ("HubertConfig", "HubertForCTC"),
    "wavlm": ("WavLMConfig", "WavLMForCTC"),
}
OTHERS = {
    "sew": ("SEWConfig", "SEWForCTC"),
    "sew-d": ("SEWDConfig", "SEWDForCTC"),
    "unispeech": ("UniSpeechConfig", "UniSpeechForCTC"),
    "unispeech-sat": ("UniSpeechSatConfig", "UniSpeechSatForCTC"),
    "wav2vec2-conformer": ("Wav2Vec2ConformerConfig", "Wav2Vec2ConformerForCTC"),
    "wav2vec2-bert": ("Wav2Vec2BertConfig", "Wav2Vec2BertForCTC"),
}
"""Further families of ``AutoModelForCTC``; the last takes features instead of a wave."""
_EXTRA = {
    "data2vec": {"conv_pos_kernel_size": 5, "num_conv_pos_embeddings": 3},
    "sew": {"conv_dim": (64,) * 13, "num_conv_pos_embeddings": 15},
    "sew-d": {"conv_dim": (64,) * 13, "num_conv_pos_embeddings": 15},
}
WORDS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
SMALL = {
    "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 256,
    "conv_dim": (64,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2, "vocab_size": len(WORDS),
}  # fmt: skip


def write_transformers(family: str, folder: Path) -> Path:
    """A CTC model and its processor, as transformers saves them."""
    ensure_torchaudio()
    import transformers

    torch.manual_seed(11)
    config, model = (getattr(transformers, name) for name in {**FAMILIES, **OTHERS}[family])
    network = model(config(**{**SMALL, **_EXTRA.get(family, {}), "pad_token_id": 0}))
    with torch.no_grad():  # random weights would say one thing only
        network.lm_head.weight.mul_(20)
    network.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(WORDS)}))
    tokenizer = transformers.Wav2Vec2CTCTokenizer(folder / "vocab.json")
    transformers.Wav2Vec2Processor(transformers.Wav2Vec2FeatureExtractor(), tokenizer).save_pretrained(folder)
    return folder


YAML = """
wav2vec2: !new:speechbrain.lobes.models.huggingface_transformers.wav2vec2.Wav2Vec2
    source: {hub}
    output_norm: True
    freeze: True
    save_path: wav2vec2_checkpoint
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


def write_base(folder: Path) -> Path:
    """A wav2vec2 such as SpeechBrain's lobe takes from the Hub."""
    ensure_torchaudio()
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    torch.manual_seed(4)
    config = Wav2Vec2Config(
        hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=256, conv_dim=(64,) * 7,
        feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True, num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    Wav2Vec2Model(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    return folder


VANILLA = """enc: !new:speechbrain.lobes.models.VanillaNN.VanillaNN
    input_shape: [null, null, 128]
    activation: !name:torch.nn.LeakyReLU
    dnn_blocks: 2
    dnn_neurons: 128
"""
"""The layers after wav2vec2, as files of 2021 and 2022 have them."""


def write_speechbrain(folder: Path, base: Path, source: str | None = None, vanilla: bool = False) -> Path:
    """An EncoderASR built as the tutorial's Hub model is: SpeechBrain's own lobe on ``base``, SentencePiece, greedy.

    ``source`` is what its YAML says of where the base is, if that is something else; ``vanilla`` takes other layers after it.
    """
    ensure_torchaudio()
    from hyperpyyaml import load_hyperpyyaml

    folder.mkdir(exist_ok=True)
    pieces = _train_tokenizer(folder)
    yaml = YAML.format(hub=base, pieces=pieces)
    if vanilla:
        begun, rest = yaml.split("enc: !new", 1)
        yaml = begun + VANILLA + rest[rest.index("ctc_lin: ") :]
    parts = load_hyperpyyaml(yaml)
    torch.save(parts["wav2vec2"].state_dict(), folder / "wav2vec2.ckpt")
    torch.save(parts["asr_model"].state_dict(), folder / "asr.ckpt")
    (folder / "hyperparams.yaml").write_text(yaml.replace(str(base), source or str(base)))
    return folder


def _train_tokenizer(folder: Path) -> int:
    (folder / "texts.txt").write_text("ONE TWO\nNO\nTWO TEN\n" * 5)
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "texts.txt"), model_prefix=str(folder / "sp"), vocab_size=12, model_type="char",
        bos_id=-1, eos_id=-1, hard_vocab_limit=False,
    )  # fmt: skip
    (folder / "sp.model").rename(folder / "tokenizer.ckpt")
    return int(sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.ckpt")).vocab_size())
