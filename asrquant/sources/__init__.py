"""Where float recognizers come from. One file a toolkit; each says what it accepts and loads it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from torch import nn

from asrquant.errors import SourceError
from asrquant.recognizer import Recognizer


class Source(Protocol):
    """What a file in this folder offers."""

    ALLOWED_HUB_IDS: Mapping[str, str]

    def accepts(self, source: str) -> bool:
        """Whether this toolkit can load what ``source`` names."""

    def load(self, source: str, trust_source: bool) -> Recognizer:
        """Load it."""

    def skeleton(self, folder: Path) -> nn.Module:
        """The float encoder with random weights, from the files of an ``Origin.architecture``."""


def toolkits() -> tuple[Source, ...]:
    """The toolkits whose models can be loaded."""
    names = [info.name for info in pkgutil.iter_modules(__path__)]
    return tuple(cast(Source, importlib.import_module(f"{__name__}.{name}")) for name in names)


def load(source: str = "an4", decoder: str | None = None, trust_source: bool = False) -> Recognizer:
    """Load a float recognizer.

    Args:
        source: ``an4`` (the embedded model), a local folder (SpeechBrain's EncoderASR, or a CTC model and its processor as
            transformers saves them), or a Hub id.
        decoder: one of ``DECODERS``; None takes the best that the model came with.
        trust_source: load a Hub id that is not on the allow-list, or a folder with Python code. SpeechBrain executes
            what a ``hyperparams.yaml`` says, so a model from elsewhere is code from elsewhere.

    Raises:
        SourceError: nothing there, not a model, changed files, or no network for a Hub id.
        UntrustedSourceError: it needs ``trust_source=True``.
        DecoderError: the model has no such decoder.
    """
    known = toolkits()
    # A Hub id that one of them lists is that one's; what else looks like an id may be anybody's, so the first takes it.
    for toolkit in sorted(known, key=lambda toolkit: source not in toolkit.ALLOWED_HUB_IDS):
        if toolkit.accepts(source):
            recognizer = toolkit.load(source, trust_source)
            return recognizer.with_decoder(decoder) if decoder else recognizer
    raise SourceError(f"There is no model {source!r}: it is neither 'an4', nor a folder, nor a Hub id (user/name).")


def skeleton(toolkit: str, folder: Path) -> nn.Module:
    """An encoder without its weights.

    Args:
        toolkit: file in this folder that loaded the model once.
        folder: holds the files of the model's ``Origin.architecture``.

    Raises:
        SourceError: there is no such toolkit.
        UntrustedSourceError: the files would do something else than construct known layers.
    """
    if toolkit not in {info.name for info in pkgutil.iter_modules(__path__)}:
        raise SourceError(f"There is no toolkit {toolkit!r} in this version of asrquant.")
    return cast(Source, importlib.import_module(f"{__name__}.{toolkit}")).skeleton(folder)
