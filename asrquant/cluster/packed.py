"""Recognizers for machines that have none of their files: packed where they were built, once, and opened by every worker.

Nothing is built or calibrated there, so that all have the same weights. A file goes into Ray's object store once, whoever shares
it, and Ray brings it to each node once; its sha256 is checked before it is parsed.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from asrquant.base.errors import ClusterError, ExportError, first_line
from asrquant.base.files import sha256
from asrquant.base.pickles import loading_weights
from asrquant.engines.engine import Saved
from asrquant.engines.registry import FLOAT_ENGINE, formats, get_format
from asrquant.model.recognizer import Recognizer
from asrquant.text.decoders import make_decoder
from asrquant.text.vocabulary import Word

_PICKLED = "pickled"
"""In place of a format's name: the encoder as Python pickles it, where no format can be told how to build it again."""
_ENCODER, _NGRAM = "encoder.pickle", "ngram"
_TORCH = ("", FLOAT_ENGINE, "torch_fused")


@dataclass(frozen=True)
class Packed:
    """A recognizer without its encoder and decoder, and the files that they are made of.

    Attributes:
        rest: everything else of it.
        decoder: its name.
        form: format of the files.
        files: name → sha256.
        ngram: sha256 of the decoder's n-gram, if it has one.
        shares: which of the recognizers before it has the same decoder; None for one of its own.
    """

    rest: Recognizer
    decoder: str
    form: str
    files: Mapping[str, str]
    ngram: str = ""
    shares: int | None = None


@dataclass(frozen=True)
class Crate:
    """Recognizers on their way: ``contents`` has Ray's references to the files' bytes, by sha256."""

    recognizers: tuple[Packed, ...]
    contents: Mapping[str, Any]


class _Nowhere:
    """Takes the decoder's place on the way."""

    name = "on its way"

    def __call__(self, log_probs: torch.Tensor) -> str:
        """Nobody asks it."""
        raise NotImplementedError

    def words(self, log_probs: torch.Tensor) -> tuple[Word, ...]:
        """Nor for words at their place."""
        raise NotImplementedError


def pack(recognizers: Sequence[Recognizer], put: Callable[[Any], Any]) -> Crate:
    """Pack recognizers.

    Args:
        recognizers: live ones.
        put: brings an array of bytes into Ray's object store; returns its reference.

    Raises:
        ClusterError: one has no form in which it could travel.
    """
    contents: dict[str, Any] = {}

    def keep(path: Path) -> str:
        digest = sha256(path)
        if digest not in contents:
            contents[digest] = put(np.fromfile(path, np.uint8))
        return digest

    packed = []
    for index, each in enumerate(recognizers):
        shared = next((at for at in range(index) if recognizers[at].decoder is each.decoder), None)
        packed.append(replace(_packed(each, keep), shares=shared))
    return Crate(tuple(packed), contents)


def _packed(recognizer: Recognizer, keep: Callable[[Path], str]) -> Packed:
    with tempfile.TemporaryDirectory(prefix="asrquant-pack-") as folder:
        room = Path(folder)
        form = _save(recognizer, room)
        files = {path.relative_to(room).as_posix(): keep(path) for path in sorted(room.rglob("*")) if path.is_file()}
    ngram = recognizer.vocabulary.ngram
    rest = replace(
        recognizer,
        encoder=nn.Identity(),
        decoder=_Nowhere(),
        vocabulary=replace(recognizer.vocabulary, ngram=None),
        original_bytes=recognizer.original_bytes or recognizer.size_bytes(),
    )
    return Packed(rest, recognizer.decoder.name, form, files, keep(ngram) if ngram else "")


def _save(recognizer: Recognizer, room: Path) -> str:
    """Write the encoder in the form that comes back to the bit; returns the form's name."""
    offered = [form.name for form in formats(recognizer.preset)]
    traced = isinstance(recognizer.encoder, torch.jit.ScriptModule)
    if recognizer.preset.engine not in _TORCH or traced:
        get_format(offered[0], recognizer.preset).save(recognizer, room)
        return offered[0]
    try:
        get_format("state-dict", recognizer.preset).save(recognizer, room)
        return "state-dict"
    except ExportError:  # its architecture is not on file
        pass
    try:
        (room / _ENCODER).write_bytes(_pickle(recognizer.encoder))
    except Exception as error:  # whatever a module that is somebody's code says
        raise ClusterError(
            f"{recognizer.source} cannot go to other processes ({first_line(error)}); run it without --ray."
        ) from error
    return _PICKLED


def _pickle(encoder: nn.Module) -> bytes:
    from ray import cloudpickle

    pickled: bytes = cloudpickle.dumps(encoder, protocol=pickle.HIGHEST_PROTOCOL)
    return pickled


def unpack(crate: Crate, get: Callable[[Any], Any]) -> tuple[Recognizer, ...]:
    """The recognizers of a crate.

    Args:
        crate: of recognizers.
        get: Ray's reference → its array.

    Raises:
        AsrQuantError: this machine cannot run one of them, or its files are not those that were packed.
    """
    opened: list[Recognizer] = []
    for packed in crate.recognizers:
        with tempfile.TemporaryDirectory(prefix="asrquant-unpack-") as folder:
            room = Path(folder)
            for name, digest in {**packed.files, **({_NGRAM: packed.ngram} if packed.ngram else {})}.items():
                _write(room / name, digest, get(crate.contents[digest]))
            opened.append(_opened(packed, room, opened))
    return tuple(opened)


def _write(path: Path, digest: str, contents: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    contents.tofile(path)
    if sha256(path) != digest:
        raise ClusterError(f"A file of the model came as another one ({path.name}); start anew.")


def _opened(packed: Packed, room: Path, before: Sequence[Recognizer]) -> Recognizer:
    rest = packed.rest
    vocabulary = replace(rest.vocabulary, ngram=room / _NGRAM if packed.ngram else None)
    saved = Saved(rest.preset, rest.backend, rest.roles, rest.origin.toolkit if rest.origin else "")
    if packed.form == _PICKLED:
        encoder: nn.Module = pickle.loads((room / _ENCODER).read_bytes())
    else:
        with loading_weights():
            encoder = get_format(packed.form, rest.preset).restore(room, saved)
    decoder = make_decoder(packed.decoder, vocabulary) if packed.shares is None else before[packed.shares].decoder
    return replace(rest, encoder=encoder, decoder=decoder, vocabulary=vocabulary)
