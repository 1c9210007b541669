"""SpeechBrain's ``EncoderASR``: the embedded model, local folders, and Hub models."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base.errors import SourceError
from asrquant.base.quiet import kenlm_quietly, quietly
from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.model.modules import find_roles
from asrquant.model.recognizer import Recognizer
from asrquant.sources.source import Found, Wanted, in_one_sentence
from asrquant.sources.speechbrain import hyperparams
from asrquant.sources.speechbrain.architecture import build as skeleton
from asrquant.sources.speechbrain.architecture import describe
from asrquant.sources.speechbrain.filled import recorded_loads
from asrquant.sources.speechbrain.kinds import refuse_other_kinds
from asrquant.sources.speechbrain.older import ensure_older_names
from asrquant.sources.speechbrain.outputs import is_normalized, outputs_of, with_log_softmax
from asrquant.text.beam import BeamSearch
from asrquant.text.decoders import make_decoder
from asrquant.text.vocabulary import Decoder, Vocabulary

__all__ = ["accepts", "from_encoder_asr", "load", "repositories", "skeleton", "vet", "wanted"]

_WHAT = "a SpeechBrain EncoderASR"


def accepts(folder: Path) -> bool:
    """Whether it is SpeechBrain's, or nobody else's."""
    return (folder / hyperparams.FILE).is_file() or not (folder / "config.json").is_file()


def wanted(folder: Path, hub_id: str) -> Mapping[str, Wanted]:
    """What loading a model of the Hub reads, from its YAML alone; raises as ``vet``."""
    with in_one_sentence(hub_id, _WHAT):
        return hyperparams.wanted(folder, hub_id)


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

        text = (found.folder / hyperparams.FILE).read_text(encoding="utf-8")
        refuse_other_kinds(text, found.source)
        if hyperparams.needs_transformers(found.folder):
            importlib.import_module("transformers.utils.logging")  # only what is there can be silenced
            with quietly():
                ensure_older_names(text)
        # Files of the Hub's are never written to again, unlike those of a folder of one's own.
        mapped = found.folder in found.repositories.values()
        wrapped = "huggingface" in text or found.trusted  # whose own code may import the wrappers
        with quietly(), recorded_loads(wrapped, mapped) as loads:
            asr = _quiet_encoder_asr(found).from_hparams(
                source=str(found.folder),
                overrides=hyperparams.overrides(found.folder, found.repositories),
                run_opts={"device": "cpu"},
                fetch_config=FetchConfig(allow_network=found.trusted),
            )
        loads.refuse_misfits(asr.mods.encoder, found.source)
        asr.mods.encoder.float()
        recognizer = from_encoder_asr(asr, found.source)
        longer = recognizer.encoder is not asr.mods.encoder
        architecture = describe(found.folder / hyperparams.FILE, asr.mods.encoder, adds_log_softmax=longer)
    return replace(recognizer, origin=replace(found.origin, architecture=architecture))


def _quiet_encoder_asr(found: Found) -> Any:
    """``EncoderASR``, but that KenLM says nothing while it makes its decoder, and reads nothing that was not vetted."""
    from speechbrain.inference.ASR import EncoderASR

    class QuietEncoderASR(EncoderASR):  # type: ignore[misc]
        def set_decoding_function(self) -> None:
            search = getattr(self.hparams, "test_beam_search", {})
            if search.get("kenlm_model_path") is None:
                search.pop("kenlm_model_path", None)  # SpeechBrain takes the key alone for a path
            elif not isinstance(self.hparams.decoding_function, functools.partial) and not found.trusted:
                hyperparams.refuse_elsewhere(search["kenlm_model_path"], found.folder, found.repositories)
            with kenlm_quietly():
                super().set_decoding_function()

    return QuietEncoderASR


@contextmanager
def _one_sentence(found: Found) -> Iterator[None]:
    """A YAML can construct anything, so anything can be raised."""
    if not (found.folder / hyperparams.FILE).is_file():
        raise SourceError(f"{found.source} holds no {hyperparams.FILE}; a SpeechBrain EncoderASR folder is expected.")
    with in_one_sentence(found.source, _WHAT):
        yield


def from_encoder_asr(asr: Any, source: str) -> Recognizer:
    """Turn a loaded ``EncoderASR`` into a Recognizer (they share the encoder's parts).

    Raises:
        SourceError: it prepares clips or decodes otherwise than asrquant does, its tokenizer is neither a CTCTextEncoder nor
            SentencePiece without byte fallback, or has no name for some of the outputs.
    """
    _refuse_other_audio(asr, source)
    outputs = outputs_of(asr.mods.encoder)
    normalized = is_normalized(outputs, source)
    encoder = asr.mods.encoder if normalized else with_log_softmax(asr.mods.encoder, source)
    vocabulary = _vocabulary(asr, outputs.shape[-1], source)
    return Recognizer(encoder, vocabulary, _own_decoder(asr, vocabulary, source), find_roles(encoder), source)


def _refuse_other_audio(asr: Any, source: str) -> None:
    from speechbrain.dataio.preprocess import AudioNormalizer

    normalizer = asr.audio_normalizer
    if type(normalizer) is not AudioNormalizer or normalizer.sample_rate != SAMPLE_RATE:
        rate = getattr(normalizer, "sample_rate", "no known number of")
        raise SourceError(
            f"{source} is for sound at {rate} Hz (its audio_normalizer, a {type(normalizer).__name__}), and asrquant's clips "
            f"are mono at {SAMPLE_RATE} Hz; use a model for those."
        )


def _own_decoder(asr: Any, vocabulary: Vocabulary, source: str) -> Decoder:
    """The one that SpeechBrain built, whatever else the file holds; a searcher with an n-gram has it in memory already."""
    from speechbrain.decoders.ctc import CTCBaseSearcher, ctc_greedy_decode

    built = asr.decoding_function
    if isinstance(built, CTCBaseSearcher):
        return BeamSearch("ngram" if built.lm is not None else "beam", built)
    if (function := getattr(built, "func", None)) is ctc_greedy_decode:
        return make_decoder("greedy", vocabulary)
    raise SourceError(
        f"{source} decodes with {getattr(function, '__name__', type(built).__name__)}, which asrquant does not know; its "
        "decoding_function has to be ctc_greedy_decode or CTCBeamSearcher."
    )


def _vocabulary(asr: Any, outputs: int, source: str) -> Vocabulary:
    from speechbrain.dataio.encoder import CTCTextEncoder

    tokenizer, built = asr.tokenizer, asr.decoding_function
    if isinstance(tokenizer, CTCTextEncoder):
        labels = texts = tuple(str(tokenizer.ind2lab[index]) for index in range(len(tokenizer.ind2lab)))
    elif hasattr(tokenizer, "id_to_piece"):
        labels = tuple(tokenizer.id_to_piece(index) for index in range(tokenizer.vocab_size()))
        texts = tuple(_piece_text(tokenizer, index) for index in range(len(labels)))
    else:
        raise SourceError(
            f"The tokenizer is a {type(tokenizer).__name__}; a CTCTextEncoder or SentencePiece model is needed."
        )
    if len(labels) < outputs:
        raise SourceError(
            f"{source} has {outputs} outputs and a tokenizer of {len(labels)} tokens, so what the outputs mean is not known; "
            "use the tokenizer that it was trained with."
        )
    search = dict(getattr(asr.hparams, "test_beam_search", {}))
    named = search.pop("kenlm_model_path", None)
    if isinstance(built, functools.partial):
        blank = int(built.keywords.get("blank_id", -1)) % outputs  # SpeechBrain counts from the end, too
        # Left over from training, it may be anything.
        left = Path(named) if isinstance(named, str) else None
        ngram = left if left and left.is_absolute() and left.is_file() else None
    else:
        blank = int(built.blank_index)
        ngram = Path(built.kenlm_model_path) if built.lm is not None else None
    return Vocabulary(labels, texts, blank, ngram, search)


def _piece_text(tokenizer: Any, index: int) -> str:
    """What ``decode_ids`` writes for a piece of SentencePiece's: ``▁`` is the space between words."""
    if tokenizer.is_byte(index):
        raise SourceError("The SentencePiece model spells rare characters as bytes, which is not supported here.")
    if tokenizer.is_unknown(index):
        return " \u2047 "
    return "" if tokenizer.is_control(index) else tokenizer.id_to_piece(index).replace("▁", " ")
