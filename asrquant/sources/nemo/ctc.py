"""The source ``nemo``: a ``.nemo`` file of NVIDIA NeMo's, or its unpacked folder. NeMo itself is not needed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from asrquant.base.errors import SourceError, UntrustedSourceError, first_line
from asrquant.model.recognizer import Recognizer
from asrquant.sources.nemo import config, package
from asrquant.sources.nemo.model import NemoCtc, roles
from asrquant.sources.nemo.settings import Architecture
from asrquant.sources.nemo.tokens import vocabulary
from asrquant.sources.nemo.weights import fill, read_weights, refuse_unfit
from asrquant.sources.source import Found, Wanted, in_one_sentence
from asrquant.sources.transformers.ngram import with_ngram
from asrquant.text.beam import BeamSearch, beam_searcher
from asrquant.text.decoders import make_decoder

ARCHITECTURE = "nemo.json"
_log = logging.getLogger(__name__)


def accepts(folder: Path) -> bool:
    """Whether it is a ``.nemo`` file, or a folder with what is in one."""
    return package.is_package(folder)


def wanted(folder: Path, hub_id: str) -> Mapping[str, Wanted]:
    """Nothing: a ``.nemo`` is one file, which is asked for by its path.

    Raises:
        SourceError: always.
    """
    raise SourceError(f"{hub_id} is a model of NeMo's; download its .nemo file, and give the file's path.")


def repositories(found: Found) -> tuple[str, ...]:
    """None: everything lies in the file."""
    return ()


def vet(found: Found) -> None:
    """Nothing to check ahead: nothing that a file names is ever imported or called, trusted or not."""


def load(found: Found) -> Recognizer:
    """Load a CTC model, in float32.

    Raises:
        SourceError: it is no CTC model, of a family that is not supported, or its parts do not fit each other.
        UntrustedSourceError: it asks for something to be run or unpacked; says what.
    """
    with in_one_sentence(found.source, "a CTC model of NeMo's"):
        try:
            return _load(found)
        except (UntrustedSourceError, SourceError) as error:
            said = str(error)
            if said.startswith(found.source):
                raise
            raise type(error)(f"{found.source} is not loaded: {said}") from error.__cause__


def _load(found: Found) -> Recognizer:
    with package.opened(found.folder) as members:
        said = config.understand(config.parse(members.config), found.nemo_features)
        meaning = with_ngram(vocabulary(said, members.small), found.folder)
        state = read_weights(members.weights, said.hybrid)
        # A stranger's numbers can be large: shapes are looked at before anything of that size is made.
        with torch.device("meta"):
            outline = NemoCtc(said.architecture)
        refuse_unfit(outline, state, found.source)
        model = fill(NemoCtc(said.architecture), state)
    notes = _notes(said, found)
    for note in notes:
        _log.info("%s: %s", found.source, note)
    origin = replace(
        found.origin,
        sha256={**found.origin.sha256, **package.digest(found.folder)},
        architecture={ARCHITECTURE: _described(said.architecture)},
        notes=notes,
    )
    return Recognizer(
        model.eval(),
        meaning,
        BeamSearch("ngram", beam_searcher("ngram", meaning)) if meaning.ngram else make_decoder("greedy", meaning),
        roles(said.architecture),
        found.source,
        origin=origin,
        frame_samples=said.architecture.frame_samples,
    )


def _notes(said: config.Said, found: Found) -> tuple[str, ...]:
    """What people should know of how it was read."""
    which = "up to 2.4" if said.architecture.features == "2.4" else "from 2.5 on"
    wrote = f"NeMo {said.version[:20]} wrote it" if said.version else "the file does not say which NeMo wrote it"
    why = "as was asked for" if found.nemo_features else f"as {wrote}"
    notes: tuple[str, ...] = (f"Features are computed as NeMo {which} does, {why}.",)
    if said.hybrid:
        notes += ("The CTC head of a hybrid model is used; its transducer is left alone.",)
    return notes


def _described(architecture: Architecture) -> bytes:
    return TypeAdapter(Architecture).dump_json(architecture, indent=1, exclude_none=True) + b"\n"


def skeleton(folder: Path) -> nn.Module:
    """The encoder with random weights, from the file that ``load`` made of its configuration.

    Raises:
        SourceError: the file is something else.
    """
    try:
        return NemoCtc(TypeAdapter(Architecture).validate_json((folder / ARCHITECTURE).read_bytes())).eval()
    except (OSError, ValidationError) as error:
        raise SourceError(f"{ARCHITECTURE} cannot be used: {first_line(error)}") from None
