"""The toolkits whose models become recognizers. A new one is one new file, and its lines in ``_TABLE`` and above it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from asrquant.base.errors import SourceError
from asrquant.sources.safety import refuse_code
from asrquant.sources.source import Source


def _speechbrain() -> Source:
    from asrquant.sources.speechbrain import encoder_asr

    return encoder_asr


def _transformers() -> Source:
    from asrquant.sources.transformers import ctc

    return ctc


def _nemo() -> Source:
    from asrquant.sources.nemo import ctc

    return ctc


_TABLE: dict[str, Callable[[], Source]] = {"nemo": _nemo, "speechbrain": _speechbrain, "transformers": _transformers}
"""In the order in which they are asked whether a folder is theirs; each is imported when it is first asked."""


def toolkit_of(folder: Path) -> tuple[str, Source]:
    """The toolkit that takes a folder, with its name; there is one that takes whatever is nobody else's."""
    return next((name, toolkit()) for name, toolkit in _TABLE.items() if toolkit().accepts(folder))


def skeleton(toolkit: str, folder: Path) -> nn.Module:
    """An encoder without its weights.

    Args:
        toolkit: name of the one that loaded the model once.
        folder: holds the files of the model's ``Origin.architecture``.

    Raises:
        SourceError: there is no such toolkit.
        UntrustedSourceError: the files would do something else than construct known layers.
    """
    if toolkit not in _TABLE:
        raise SourceError(f"There is no toolkit {toolkit!r} in this version of asrquant.")
    refuse_code(folder)
    return _TABLE[toolkit]().skeleton(folder)
