"""Hugging Face CTC models (data2vec-audio, wav2vec2, HuBERT, WavLM, …) with their processor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from asrquant.compat import ensure_torchaudio
from asrquant.decoding import Vocabulary, make_decoder
from asrquant.errors import SourceError
from asrquant.files import sha256
from asrquant.hub import download
from asrquant.modules import find_roles
from asrquant.recognizer import Origin, Recognizer

ALLOWED_HUB_IDS: dict[str, str] = {"facebook/data2vec-audio-base-960h": "main"}
"""Hub id → revision, as for SpeechBrain's. No code comes with these, only weights and JSON."""

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
_FILES = ("*.json", "*.safetensors", "*.bin", "*.txt", "LICENSE*")
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


def accepts(source: str) -> bool:
    """Whether ``source`` is a folder that transformers wrote, or a listed Hub id."""
    folder = Path(source)
    is_transformers = (folder / CONFIG).is_file() and not (folder / "hyperparams.yaml").is_file()
    return source in ALLOWED_HUB_IDS or is_transformers


def load(source: str, trust_source: bool) -> Recognizer:
    """Load a CTC model and its processor. Code that a folder brings is never run, whatever ``trust_source`` says.

    Raises:
        SourceError: it cannot be reached, is no CTC model for speech, or has no tokenizer.
    """
    folder = Path(source)
    if not folder.is_dir():
        folder = download(source, ALLOWED_HUB_IDS[source], _FILES)
    ensure_torchaudio()  # which transformers' models may import
    from transformers import AutoModelForCTC, AutoTokenizer

    digests = {path.name: sha256(path) for pattern in _FILES for path in sorted(folder.glob(pattern))}
    try:
        model = AutoModelForCTC.from_pretrained(folder, local_files_only=True).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (
        Exception
    ) as error:  # transformers raises OSError, ValueError, KeyError and more for folders that are not models
        first = next(iter(str(error).strip().splitlines()), "")
        raise SourceError(
            f"{source} could not be loaded as a transformers CTC model with its processor: {type(error).__name__}: {first}"
        ) from error
    architecture = {name: (folder / name).read_bytes() for name in (CONFIG, PREPROCESSOR) if (folder / name).is_file()}
    encoder = CtcEncoder(model, _normalizes(architecture.get(PREPROCESSOR)))
    vocabulary = _vocabulary(tokenizer, model.config.vocab_size)
    origin = Origin(
        name=folder.name if Path(source).is_dir() else source,
        toolkit=__name__.rpartition(".")[2],
        sha256=digests,
        architecture={**architecture, CONFIG: _without_path(architecture[CONFIG])},
        licences={path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("LICENSE*"))},
    )
    return Recognizer(
        encoder.eval(), vocabulary, make_decoder("greedy", vocabulary), find_roles(encoder), source, origin=origin
    )


def skeleton(folder: Path) -> nn.Module:
    """The encoder with random weights, from the configuration files in ``folder``."""
    ensure_torchaudio()
    from transformers import AutoConfig, AutoModelForCTC

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    preprocessor = folder / PREPROCESSOR
    settings = preprocessor.read_bytes() if preprocessor.is_file() else None
    return CtcEncoder(AutoModelForCTC.from_config(config), _normalizes(settings)).eval()


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
