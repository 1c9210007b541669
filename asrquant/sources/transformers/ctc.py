"""Hugging Face CTC models (data2vec-audio, wav2vec2, HuBERT, WavLM, …) with their processor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from asrquant.base.errors import SourceError
from asrquant.base.quiet import quietly
from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.model.card import CARD
from asrquant.model.modules import find_roles
from asrquant.model.recognizer import Recognizer
from asrquant.sources.source import Found, Wanted, in_one_sentence
from asrquant.sources.transformers.ngram import FOLDER, with_ngram
from asrquant.sources.transformers.processor import preparation, vocabulary
from asrquant.sources.weights import refuse_misfits
from asrquant.text.beam import BeamSearch, beam_searcher
from asrquant.text.decoders import make_decoder

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
_WAVE = "input_values"
"""What transformers calls the input of a model that takes a raw wave; others have a spectrogram computed for them."""
_LOCAL = {"local_files_only": True, "trust_remote_code": False}
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


def wanted(folder: Path, hub_id: str) -> Mapping[str, Wanted]:
    """Its own files: configuration, processor, weights in one form, an n-gram in its ARPA form."""
    besides = ("*.json", "*.txt", "*.model", f"{FOLDER}/*.json", f"{FOLDER}/*.txt", "LICENSE*", CARD)
    return {hub_id: Wanted((CONFIG,), besides, weights=True, ngrams=(f"{FOLDER}/*.arpa",))}


def repositories(found: Found) -> tuple[str, ...]:
    """None: everything that transformers reads lies in the folder."""
    return ()


def vet(found: Found) -> None:
    """Nothing to check: code that a folder brings is never run."""


def load(found: Found) -> Recognizer:
    """Load a CTC model and its processor, in float32. Code that a folder brings is never run, trusted or not.

    Raises:
        SourceError: it is no CTC model for speech, has no processor, or its files do not fit each other.
    """
    ensure_torchaudio()  # which transformers' models may import
    folder = found.folder
    # Transformers raises OSError, ValueError, KeyError and more for folders that are not models.
    with in_one_sentence(found.source, "a transformers CTC model with its processor"):
        from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

        _refuse_features(folder, found.source)
        with quietly():
            model, report = AutoModelForCTC.from_pretrained(
                folder, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True, **_LOCAL
            )
            _refuse_report(model, report, found.source)
            extractor = AutoFeatureExtractor.from_pretrained(folder, **_LOCAL)
            tokenizer = AutoTokenizer.from_pretrained(folder, **_LOCAL)
        prepare = preparation(extractor, found.source)
        meaning = vocabulary(tokenizer, model.config.vocab_size, found.source)
    encoder = CtcEncoder(model.eval(), prepare.normalize).eval()
    meaning = with_ngram(meaning, folder)
    architecture = {
        CONFIG: _without_path((folder / CONFIG).read_bytes()),
        PREPROCESSOR: extractor.to_json_string().encode(),
    }
    origin = replace(found.origin, architecture=architecture)
    # Whether the n-gram's words fit is looked at once it is known that another decoder is not asked for.
    decoder = BeamSearch("ngram", beam_searcher("ngram", meaning)) if meaning.ngram else make_decoder("greedy", meaning)
    return Recognizer(encoder, meaning, decoder, find_roles(encoder), found.source, origin=origin)


def _refuse_features(folder: Path, source: str) -> None:
    """Refuse a model that takes features, before its weights are read."""
    from transformers import AutoConfig, AutoModelForCTC

    with quietly():
        config = AutoConfig.from_pretrained(folder, **_LOCAL)
    known: Any = AutoModelForCTC._model_mapping
    kind = known.get(type(config), None)
    if kind is not None and kind.main_input_name != _WAVE:
        raise SourceError(
            f"{source} is a {kind.__name__}, which takes {kind.main_input_name.replace('_', ' ')} and not a "
            "wave; asrquant runs models that take a raw wave, such as wav2vec2, HuBERT, WavLM, data2vec-audio or SEW."
        )


def _refuse_report(model: Any, report: Mapping[str, Any], source: str) -> None:
    """Refuse weights that do not fit; what transformers renames by itself it does not report."""
    # Beside the model itself, files of training hold heads for other tasks.
    own = (f"{model.base_model_prefix}.", "lm_head.")
    wrong = [str(each[0]) if isinstance(each, tuple) else str(each) for each in report["mismatched_keys"]]
    if wrong:
        raise SourceError(
            f"{source} is not loaded: its weights have other shapes than its configuration says "
            f"({', '.join(sorted(wrong)[:3])}); use the configuration that it was saved with."
        )
    refuse_misfits(source, report["missing_keys"], [name for name in report["unexpected_keys"] if name.startswith(own)])
    if report["error_msgs"]:
        raise SourceError(f"{source} is not loaded: {str(report['error_msgs'][0]).splitlines()[0]}")


def skeleton(folder: Path) -> nn.Module:
    """The encoder with random weights, from the configuration files in ``folder``."""
    ensure_torchaudio()
    from transformers import AutoConfig, AutoModelForCTC

    with quietly():
        config = AutoConfig.from_pretrained(folder, **_LOCAL)
        model = AutoModelForCTC.from_config(config, trust_remote_code=False)
    settings = folder / PREPROCESSOR
    normalize = json.loads(settings.read_bytes()).get("do_normalize", True) if settings.is_file() else True
    return CtcEncoder(model, bool(normalize)).eval()


def _without_path(config: bytes) -> bytes:
    """The configuration without the path that it was once read from."""
    settings = json.loads(config)
    settings.pop("_name_or_path", None)
    return (json.dumps(settings, indent=1, sort_keys=True) + "\n").encode()
