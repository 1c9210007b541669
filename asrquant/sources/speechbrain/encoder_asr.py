"""SpeechBrain's ``EncoderASR``: the embedded model, local folders, and Hub models."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from asrquant.base.errors import AsrQuantError, SourceError
from asrquant.base.quiet import kenlm_quietly, quietly
from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.model.modules import find_roles
from asrquant.model.recognizer import Recognizer
from asrquant.sources.source import Found
from asrquant.sources.speechbrain import hyperparams
from asrquant.sources.speechbrain.architecture import build as skeleton
from asrquant.sources.speechbrain.architecture import describe
from asrquant.text.beam import BeamSearch
from asrquant.text.decoders import make_decoder
from asrquant.text.vocabulary import Decoder, Vocabulary

__all__ = ["accepts", "from_encoder_asr", "load", "repositories", "skeleton", "vet"]


def accepts(folder: Path) -> bool:
    """Whether it is SpeechBrain's, or nobody else's."""
    return (folder / hyperparams.FILE).is_file() or not (folder / "config.json").is_file()


def repositories(found: Found) -> tuple[str, ...]:
    """The repositories that SpeechBrain would ask the Hub for while it loads the folder; raises as ``vet``."""
    with _one_sentence(found):
        return hyperparams.hub_ids(found.folder)


def vet(found: Found) -> None:
    """Check that the folder's YAML constructs known layers, and refers to nothing but the folder and what was found with it.

    Raises:
        SourceError: there is none, or it cannot be read.
        UntrustedSourceError: it would do something else; says what is in it.
    """
    with _one_sentence(found):
        hyperparams.vet(found.folder, found.repositories)


def load(found: Found) -> Recognizer:
    """Load an EncoderASR as a Recognizer.

    Raises:
        SourceError: it is none, or a file does not fit the others.
    """
    with _one_sentence(found):
        ensure_torchaudio()
        from speechbrain.utils.fetching import FetchConfig

        if hyperparams.needs_transformers(found.folder):
            importlib.import_module("transformers.utils.logging")  # only what is there can be silenced
        with quietly():
            asr = _quiet_encoder_asr().from_hparams(
                source=str(found.folder),
                overrides=hyperparams.overrides(found.folder, found.repositories),
                run_opts={"device": "cpu"},
                fetch_config=FetchConfig(allow_network=found.trusted),
            )
        architecture = describe(found.folder / hyperparams.FILE, asr.mods.encoder)
    return replace(from_encoder_asr(asr, found.source), origin=replace(found.origin, architecture=architecture))


def _quiet_encoder_asr() -> Any:
    """``EncoderASR``, but that KenLM says nothing while it makes its decoder."""
    from speechbrain.inference.ASR import EncoderASR

    class QuietEncoderASR(EncoderASR):  # type: ignore[misc]
        def set_decoding_function(self) -> None:
            with kenlm_quietly():
                super().set_decoding_function()

    return QuietEncoderASR


@contextmanager
def _one_sentence(found: Found) -> Iterator[None]:
    """A YAML can construct anything, so anything can be raised."""
    if not (found.folder / hyperparams.FILE).is_file():
        raise SourceError(f"{found.source} holds no {hyperparams.FILE}; a SpeechBrain EncoderASR folder is expected.")
    try:
        yield
    except AsrQuantError:
        raise
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), "")
        raise SourceError(
            f"{found.source} could not be loaded as a SpeechBrain EncoderASR: {type(error).__name__}: {first}"
        ) from error


def from_encoder_asr(asr: Any, source: str) -> Recognizer:
    """Turn a loaded ``EncoderASR`` into a Recognizer (they share the encoder).

    Raises:
        SourceError: its tokenizer is neither a CTCTextEncoder nor SentencePiece without byte fallback.
    """
    vocabulary = _vocabulary(asr)
    return Recognizer(asr.mods.encoder, vocabulary, _own_decoder(asr, vocabulary), find_roles(asr.mods.encoder), source)


def _own_decoder(asr: Any, vocabulary: Vocabulary) -> Decoder:
    """``ngram`` where the model has one, else ``greedy``; a searcher with an n-gram has it in memory already."""
    if vocabulary.ngram:
        return BeamSearch("ngram", asr.decoding_function)
    return make_decoder("greedy", vocabulary)


def _vocabulary(asr: Any) -> Vocabulary:
    from speechbrain.dataio.encoder import CTCTextEncoder

    tokenizer, settings = asr.tokenizer, dict(getattr(asr.hparams, "test_beam_search", {}))
    greedy = asr.hparams.decoding_function
    blank = settings.get("blank_index", getattr(asr.hparams, "blank_index", 0))
    if isinstance(greedy, functools.partial):
        blank = greedy.keywords.get("blank_id", blank)
    if isinstance(tokenizer, CTCTextEncoder):
        labels = texts = tuple(str(tokenizer.ind2lab[index]) for index in range(len(tokenizer.ind2lab)))
    elif hasattr(tokenizer, "id_to_piece"):
        labels = tuple(tokenizer.id_to_piece(index) for index in range(tokenizer.vocab_size()))
        texts = tuple(_piece_text(tokenizer, index) for index in range(len(labels)))
    else:
        raise SourceError(
            f"The tokenizer is a {type(tokenizer).__name__}; a CTCTextEncoder or SentencePiece model is needed."
        )
    ngram = settings.get("kenlm_model_path")
    return Vocabulary(labels, texts, int(blank), Path(ngram) if ngram else None, settings)


def _piece_text(tokenizer: Any, index: int) -> str:
    """What ``decode_ids`` writes for a piece of SentencePiece's: ``▁`` is the space between words."""
    if tokenizer.is_byte(index):
        raise SourceError("The SentencePiece model spells rare characters as bytes, which is not supported here.")
    if tokenizer.is_unknown(index):
        return " \u2047 "
    return "" if tokenizer.is_control(index) else tokenizer.id_to_piece(index).replace("▁", " ")
