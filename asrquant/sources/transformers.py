"""Hugging Face CTC models (data2vec-audio, wav2vec2, HuBERT, WavLM, …) with their processor."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from asrquant.base.errors import SourceError
from asrquant.base.quiet import quietly
from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.model.modules import find_roles
from asrquant.model.recognizer import Recognizer
from asrquant.sources.source import Found
from asrquant.text.decoders import make_decoder
from asrquant.text.vocabulary import Vocabulary

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
_WAVE = "input_values"
"""What transformers calls the input of a model that takes a raw wave; others have a spectrogram computed for them."""
_EPSILON = 1e-7
"""What transformers' feature extractor adds to the variance."""


class CtcEncoder(nn.Module):
    """A transformers CTC model from wave to log-probs, its processor's normalisation included."""

    def __init__(self, model: nn.Module, normalize: bool) -> None:
        """``normalize`` as the processor's ``do_normalize``: zero mean, unit variance over the clip."""
        super().__init__()
        self.model = model
        self.normalize = normalize

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """Wave [B, T] → log-probs [B, F, V]."""
        if self.normalize:
            centred = wave - wave.mean(-1, keepdim=True)
            wave = centred / (centred.square().mean(-1, keepdim=True) + _EPSILON).sqrt()
        logits: torch.Tensor = self.model(wave, return_dict=False)[0]
        return logits.log_softmax(-1)


def accepts(folder: Path) -> bool:
    """Whether it is a folder that transformers wrote."""
    return (folder / CONFIG).is_file() and not (folder / "hyperparams.yaml").is_file()


def repositories(found: Found) -> tuple[str, ...]:
    """None: everything that transformers reads lies in the folder."""
    return ()


def vet(found: Found) -> None:
    """Nothing to check: code that a folder brings is never run."""


def load(found: Found) -> Recognizer:
    """Load a CTC model and its processor. Code that a folder brings is never run, trusted or not.

    Raises:
        SourceError: it is no CTC model for speech, or has no tokenizer.
    """
    ensure_torchaudio()  # which transformers' models may import
    from transformers import AutoModelForCTC, AutoTokenizer

    folder, given = found.folder, {"local_files_only": True, "trust_remote_code": False}
    try:
        with quietly():
            model = AutoModelForCTC.from_pretrained(folder, **given).eval()
            tokenizer = AutoTokenizer.from_pretrained(folder, **given)
    except (
        Exception
    ) as error:  # transformers raises OSError, ValueError, KeyError and more for folders that are not models
        first = next(iter(str(error).strip().splitlines()), "")
        raise SourceError(
            f"{found.source} could not be loaded as a transformers CTC model with its processor: "
            f"{type(error).__name__}: {first}"
        ) from error
    if model.main_input_name != _WAVE:
        raise SourceError(
            f"{found.source} is a {type(model).__name__}, which takes {model.main_input_name.replace('_', ' ')} and not a "
            "wave; asrquant runs models that take a raw wave, such as wav2vec2, HuBERT, WavLM, data2vec-audio or SEW."
        )
    architecture = {name: (folder / name).read_bytes() for name in (CONFIG, PREPROCESSOR) if (folder / name).is_file()}
    encoder = CtcEncoder(model, _normalizes(architecture.get(PREPROCESSOR)))
    vocabulary = _vocabulary(tokenizer, model.config.vocab_size)
    origin = replace(found.origin, architecture={**architecture, CONFIG: _without_path(architecture[CONFIG])})
    return Recognizer(
        encoder.eval(), vocabulary, make_decoder("greedy", vocabulary), find_roles(encoder), found.source, origin=origin
    )


def skeleton(folder: Path) -> nn.Module:
    """The encoder with random weights, from the configuration files in ``folder``."""
    ensure_torchaudio()
    from transformers import AutoConfig, AutoModelForCTC

    with quietly():
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = AutoModelForCTC.from_config(config, trust_remote_code=False)
    preprocessor = folder / PREPROCESSOR
    settings = preprocessor.read_bytes() if preprocessor.is_file() else None
    return CtcEncoder(model, _normalizes(settings)).eval()


def _normalizes(preprocessor: bytes | None) -> bool:
    return bool(json.loads(preprocessor).get("do_normalize", True)) if preprocessor else True


def _without_path(config: bytes) -> bytes:
    """The configuration without the path that it was once read from."""
    settings = json.loads(config)
    settings.pop("_name_or_path", None)
    return (json.dumps(settings, indent=1, sort_keys=True) + "\n").encode()


def _vocabulary(tokenizer: Any, size: int) -> Vocabulary:
    """What the model's outputs mean; the padding token is CTC's blank, as transformers has it.

    Raises:
        SourceError: it is not a tokenizer for CTC.
    """
    if tokenizer.pad_token_id is None:
        raise SourceError(
            f"The tokenizer is a {type(tokenizer).__name__} without a padding token, which CTC's blank is."
        )
    tokens = [tokenizer.convert_ids_to_tokens(index) or "" for index in range(size)]
    texts = tuple(_text(tokenizer, token) for token in tokens)
    # The searches know the space between words by its text, not by the name that it has here.
    labels = tuple(text if text == " " else token for text, token in zip(texts, tokens, strict=True))
    return Vocabulary(labels, texts, int(tokenizer.pad_token_id))


def _text(tokenizer: Any, token: str) -> str:
    if token == tokenizer.pad_token:
        return ""
    if token == getattr(tokenizer, "word_delimiter_token", None):
        return " "
    return token.lower() if getattr(tokenizer, "do_lower_case", False) else token
