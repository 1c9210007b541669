"""SpeechBrain's quantization tutorial by its own names: ``from asrquant.tutorial import *`` and its cells run as they are.

These functions work on an ``EncoderASR`` and mean what they mean there; ``asrquant``'s own verbs are in the package itself.
The steps that NeMo's users know are here as well, on the encoder of a model of NeMo's: ``prepare_model``, ``fuse_modules``,
``insert_stubs``, ``calibrate``, ``convert_model``.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from asrquant.base.progress import nobody_watches
from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.data.reading import read_clips
from asrquant.engines.torch_eager.recipe import StaticQuant, custom_quantize
from asrquant.engines.torch_fused.steps import calibrate, convert_model, fuse_modules, insert_stubs, prepare_model
from asrquant.model.modules import get_module, set_module
from asrquant.text.metrics import compute_wer

__all__ = [
    "StaticQuant", "benchmark", "calibrate", "compute_wer", "convert_model", "custom_quantize", "fuse_modules", "generate",
    "get_module", "get_samples", "insert_stubs", "prepare_model", "preprocess_input", "set_module", "timed_transcribe",
]  # fmt: skip

WARM_UP_CLIPS = 10


def get_samples(root: str | Path) -> tuple[list[torch.Tensor], list[str]]:
    """Waves [T] at 16 kHz and references of a LibriSpeech-layout folder.

    Raises:
        DatasetError: it holds none.
        AudioError: a clip cannot be used.
    """
    utterances = read_clips(root)
    return [torch.from_numpy(u.audio().samples) for u in utterances], [u.reference for u in utterances]


def preprocess_input(model: Any, input: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A wave [T] → the batch [1, T] and relative lengths [1] that an EncoderASR takes."""
    return input.unsqueeze(0).float().to(model.device), torch.ones(1, device=model.device)


def generate(model: Any, predictions: Any) -> list[str]:
    """What an EncoderASR's decoding function returned → texts."""
    ensure_torchaudio()
    from speechbrain.dataio.encoder import CTCTextEncoder

    if not isinstance(model.hparams.decoding_function, functools.partial):
        return [hypotheses[0].text for hypotheses in predictions]
    if isinstance(model.tokenizer, CTCTextEncoder):
        return ["".join(model.tokenizer.decode_ndim(tokens)) for tokens in predictions]
    return [model.tokenizer.decode_ids(tokens) for tokens in predictions]


def timed_transcribe(model: Any, input: torch.Tensor) -> tuple[str, float]:
    """The text of a wave [T], and the seconds that the encoder's forward pass took."""
    with torch.no_grad():
        wavs, lengths = preprocess_input(model, input)
        start = time.perf_counter()
        encoded = model.mods.encoder(wavs, lengths)
        seconds = time.perf_counter() - start
        texts = generate(model, model.decoding_function(encoded, lengths))
    return texts[0], seconds


def benchmark(model: Any, samples: Sequence[torch.Tensor], references: Sequence[str]) -> tuple[float, float]:
    """WER in percent and RTF (encoder seconds a second of audio at 16 kHz), after ten warm-up clips."""
    hidden = nobody_watches()
    for sample in tqdm(samples[:WARM_UP_CLIPS], desc="warming up", disable=hidden):
        timed_transcribe(model, sample)
    heard = [timed_transcribe(model, sample) for sample in tqdm(samples, desc="evaluating", disable=hidden)]
    audio_seconds = sum(len(sample) / 16_000 for sample in samples)
    return compute_wer(references, [text for text, _ in heard]), sum(seconds for _, seconds in heard) / audio_seconds
