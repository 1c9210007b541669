"""SpeechBrain's ``EncoderASR``: the embedded model, local folders, and Hub models."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from asrquant.compat import ensure_torchaudio
from asrquant.decoding import BeamSearch, Decoder, Vocabulary, make_decoder
from asrquant.errors import SourceError, UntrustedSourceError
from asrquant.files import sha256
from asrquant.hub import HUB_ID, download
from asrquant.modules import find_roles
from asrquant.recognizer import Origin, Recognizer
from asrquant.sources.speechbrain.architecture import build as skeleton
from asrquant.sources.speechbrain.architecture import describe

__all__ = ["ALLOWED_HUB_IDS", "EMBEDDED", "accepts", "from_encoder_asr", "load", "skeleton"]

EMBEDDED = {"an4": Path(__file__).parents[3] / "artifacts" / "an4-wav2vec2-ctc"}
ALLOWED_HUB_IDS: dict[str, str] = {"speechbrain/asr-wav2vec2-commonvoice-14-en": "main"}
"""Hub id → revision. ``main`` moves; a commit hash takes its place once one has been checked file by file."""

CACHE = Path(os.environ.get("ASRQUANT_CACHE", Path.home() / ".cache" / "asrquant"))
_FILES = ("*.yaml", "*.json", "*.ckpt", "*.arpa", "*.bin", "*.txt", "*.model", "*.py", "LICENSE*")


def accepts(source: str) -> bool:
    """Whether ``source`` is the embedded model, a folder that is nobody else's, or looks like a Hub id."""
    folder = Path(source)
    if folder.is_dir():
        return (folder / "hyperparams.yaml").is_file() or not (folder / "config.json").is_file()
    return source in EMBEDDED or bool(HUB_ID.fullmatch(source))


def load(source: str, trust_source: bool) -> Recognizer:
    """Load an EncoderASR as a Recognizer.

    Raises:
        SourceError: it cannot be found, reached or loaded, or a file is not what its manifest says.
        UntrustedSourceError: a Hub id that is not allow-listed, or a folder with its own Python code.
    """
    if source in EMBEDDED:
        folder = EMBEDDED[source]
        _verify(folder)
        return _load_folder(folder, source, collect_in=None)
    if Path(source).is_dir():
        folder = Path(source).resolve()
        if (code := sorted(p.name for p in folder.glob("*.py"))) and not trust_source:
            raise UntrustedSourceError(
                f"{source} brings Python code ({', '.join(code)}), which loading could run; "
                "pass trust_source=True (--trust-source) if you trust it."
            )
        return _load_folder(folder, source, collect_in=None)
    return _load_hub(source, trust_source)


def _load_hub(hub_id: str, trust_source: bool) -> Recognizer:
    if hub_id not in ALLOWED_HUB_IDS and not trust_source:
        raise UntrustedSourceError(
            f"{hub_id!r} is no folder here and not on the list of known models ({', '.join(ALLOWED_HUB_IDS)}); its "
            "hyperparams.yaml is code, so pass trust_source=True (--trust-source) if you trust it."
        )
    folder = download(hub_id, ALLOWED_HUB_IDS.get(hub_id, "main"), _FILES)
    # Two models must not share a folder for their collected files: SpeechBrain takes the first one's for the second.
    collect_in = CACHE / f"{hub_id.replace('/', '--')}--{folder.name}"
    return _load_folder(folder, hub_id, collect_in)


def _load_folder(folder: Path, source: str, collect_in: Path | None) -> Recognizer:
    yaml = folder / "hyperparams.yaml"
    if not yaml.is_file():
        raise SourceError(f"{source} holds no hyperparams.yaml; a SpeechBrain EncoderASR folder is expected.")
    ensure_torchaudio()
    from speechbrain.inference.ASR import EncoderASR

    digests = {path.name: sha256(path) for pattern in _FILES for path in sorted(folder.glob(pattern))}
    try:
        asr = EncoderASR.from_hparams(
            source=str(folder),
            savedir=str(collect_in) if collect_in else None,
            overrides=_overrides(yaml),
            run_opts={"device": "cpu"},
        )
    except Exception as error:  # a YAML can construct anything, so anything can be raised
        lines = str(error).strip().splitlines()
        raise SourceError(
            f"{source} could not be loaded as a SpeechBrain EncoderASR: {type(error).__name__}: {lines[0] if lines else ''}"
        ) from error
    origin = Origin(
        name=folder.name if Path(source).is_dir() else source,
        toolkit=Path(__file__).parent.name,
        sha256=digests,
        architecture=describe(yaml, asr.mods.encoder),
        licences={path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("LICENSE*"))},
    )
    return replace(from_encoder_asr(asr, source), origin=origin)


def from_encoder_asr(asr: Any, source: str) -> Recognizer:
    """Turn a loaded ``EncoderASR`` into a Recognizer (they share the encoder).

    Raises:
        SourceError: its tokenizer is neither a CTCTextEncoder nor SentencePiece without byte fallback.
    """
    vocabulary = _vocabulary(asr)
    return Recognizer(asr.mods.encoder, vocabulary, _own_decoder(asr, vocabulary), find_roles(asr.mods.encoder), source)


def _own_decoder(asr: Any, vocabulary: Vocabulary) -> Decoder:
    """The best decoder that came with the model; a searcher with an n-gram has it in memory already."""
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


def _overrides(yaml: Path) -> dict[str, Any]:
    """SpeechBrain looks a relative n-gram path up in the working directory; the folder is what is meant."""
    from ruamel.yaml import YAML

    try:
        search = (YAML().load(yaml.read_text(encoding="utf-8")) or {}).get("test_beam_search") or {}
        ngram = search.get("kenlm_model_path")
    except Exception:  # from_hparams reads the same file and says what is wrong with it
        return {}
    if isinstance(ngram, str) and not Path(ngram).is_absolute() and (yaml.parent / ngram).is_file():
        return {"test_beam_search": {"kenlm_model_path": str(yaml.parent / ngram)}}
    return {}


def _verify(folder: Path) -> None:
    """Check every file of the embedded model against its manifest, before anything is parsed."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise SourceError(f"The embedded model is missing ({folder.name}/manifest.json); get the repository whole.")
    for name, entry in json.loads(manifest.read_text(encoding="utf-8"))["files"].items():
        path = folder / name
        if not path.is_file():
            raise SourceError(f"The embedded model is incomplete: {name} is missing; get the repository whole.")
        if sha256(path) != entry["sha256"]:
            raise SourceError(f"The embedded model is damaged: {name} is not what its manifest says; get it again.")
