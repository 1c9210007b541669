"""What is compared: each function makes a recognizer's encoder run in one engine, and says how many bytes it saves as."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

import asrquant
from asrquant import Recognizer
from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base.files import tree_bytes
from asrquant.model.footprint import serialized_bytes

Run = Callable[[torch.Tensor], object]
Peer = Callable[[Recognizer], tuple[Run, int]]
FIRST = "EncoderASR float32, eager"
RECIPE = "SpeechBrain's recipe (speechbrain-int8)"


def preset(name: str) -> Peer:
    def make(original: Recognizer) -> tuple[Run, int]:
        quantized = asrquant.quantize(original, name)
        return quantized.encoder, quantized.size_bytes()

    return make


def eager(original: Recognizer) -> tuple[Run, int]:
    return original.encoder, original.size_bytes()


def eager_bf16(original: Recognizer) -> tuple[Run, int]:
    encoder = copy.deepcopy(original.encoder).bfloat16()
    return lambda wave: encoder(wave.bfloat16()), serialized_bytes(encoder)


def compiled(bf16: bool) -> Peer:
    def make(original: Recognizer) -> tuple[Run, int]:
        if not bf16:
            return torch.compile(original.encoder, dynamic=True), original.size_bytes()
        encoder = original.encoder.bfloat16()
        run = torch.compile(encoder, dynamic=True)
        return lambda wave: run(wave.bfloat16()), serialized_bytes(encoder)

    return make


def torchao_int8(original: Recognizer) -> tuple[Run, int]:
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    encoder = copy.deepcopy(original.encoder)
    quantize_(encoder, Int8DynamicActivationInt8WeightConfig())
    return encoder, serialized_bytes(encoder)


def onnx_runtime(int8: bool) -> Peer:
    def make(original: Recognizer) -> tuple[Run, int]:
        import onnxruntime as ort

        folder = Path(tempfile.mkdtemp())
        path = folder / "encoder.onnx"
        with _layer_norm_written_out():
            torch.onnx.export(
                original.encoder, (torch.randn(1, SAMPLE_RATE),), path, input_names=["wave"], output_names=["log_probs"],
                dynamic_axes={"wave": {0: "batch", 1: "time"}}, dynamo=False,
            )  # fmt: skip
        if int8:
            from onnxruntime.quantization import quantize_dynamic

            quantize_dynamic(path, folder / "int8.onnx", op_types_to_quantize=["MatMul"])
            path = folder / "int8.onnx"
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return lambda wave: session.run(None, {"wave": wave.numpy()}), path.stat().st_size

    return make


def ctranslate2_int8(original: Recognizer) -> tuple[Run, int]:
    """The backbone with one linear layer as head, which is all that its converter knows; the other peers have four."""
    import ctranslate2
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC, Wav2Vec2Processor

    backbone = original.encoder.wav2vec2.model
    config = copy.deepcopy(backbone.config)
    config.vocab_size = original.encoder.ctc_lin.w.out_features
    tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", *map(str, range(config.vocab_size - 5))]
    model = Wav2Vec2ForCTC(config)
    model.wav2vec2.load_state_dict(backbone.state_dict(), strict=False)
    folder = Path(tempfile.mkdtemp())
    model.save_pretrained(folder / "torch")
    (folder / "vocab.json").write_text(
        json.dumps({token: index for index, token in enumerate(tokens)}), encoding="utf-8"
    )
    Wav2Vec2Processor(
        feature_extractor=Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True),
        tokenizer=Wav2Vec2CTCTokenizer(
            str(folder / "vocab.json"), unk_token="0", pad_token="0", word_delimiter_token="1"
        ),
    ).save_pretrained(folder / "torch")
    converter = ctranslate2.converters.TransformersConverter(str(folder / "torch"))
    converter.convert(str(folder / "int8"), quantization="int8")
    engine = ctranslate2.models.Wav2Vec2(
        str(folder / "int8"), device="cpu", compute_type="int8", intra_threads=torch.get_num_threads()
    )

    def run(wave: torch.Tensor) -> object:
        normed = (wave - wave.mean()) / wave.std()
        return engine.encode(
            ctranslate2.StorageView.from_array(np.ascontiguousarray(normed[None].numpy())), to_cpu=True
        )

    return run, tree_bytes(folder / "int8")


@contextmanager
def _layer_norm_written_out() -> Iterator[None]:
    """ONNX's exporter refuses a layer norm over a length that is not fixed; mean and variance written out it takes."""
    functional = torch.nn.functional
    original = functional.layer_norm

    def norm(x: torch.Tensor, shape: list[int], weight=None, bias=None, eps: float = 1e-5) -> torch.Tensor:
        if weight is not None:
            return original(x, shape, weight, bias, eps)
        dims = tuple(range(-len(shape), 0))
        centred = x - x.mean(dims, keepdim=True)
        return centred / (centred.square().mean(dims, keepdim=True) + eps).sqrt()

    functional.layer_norm = norm
    try:
        yield
    finally:
        functional.layer_norm = original


PEERS: dict[str, Peer] = {
    FIRST: eager,
    "eager bfloat16": eager_bf16,
    "torch.compile float32": compiled(bf16=False),
    "torch.compile bfloat16": compiled(bf16=True),
    "torchao int8 dynamic": torchao_int8,
    "ONNX Runtime float32": onnx_runtime(int8=False),
    "ONNX Runtime int8 dynamic": onnx_runtime(int8=True),
    "CTranslate2 int8": ctranslate2_int8,
    RECIPE: preset("speechbrain-int8"),
    "asrquant dynamic-int8": preset("dynamic-int8"),
    "asrquant openvino-fp32": preset("openvino-fp32"),
    "asrquant openvino-bf16": preset("openvino-bf16"),
    "asrquant openvino-int8": preset("openvino-int8"),
    "asrquant onnx-fp32": preset("onnx-fp32"),
    "asrquant onnx-dynamic-int8": preset("onnx-dynamic-int8"),
    "asrquant onnx-int8": preset("onnx-int8"),
}
