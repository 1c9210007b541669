"""The decoders by name: log-probs → text, the same for every engine, so that a changed word comes from quantization alone.

A new one is one new file and one line in ``_TABLE``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from asrquant.base.errors import DecoderError
from asrquant.text import compiled
from asrquant.text.beam import BeamSearch, beam_searcher
from asrquant.text.compiled import CompiledBeamSearch
from asrquant.text.greedy import Greedy
from asrquant.text.spelling import refuse_unspellable
from asrquant.text.vocabulary import Decoder, Vocabulary


def _available() -> str | None:
    return None


@dataclass(frozen=True)
class _Entry:
    """A decoder that can be chosen.

    Attributes:
        summary: one line on what it does.
        make: builds it for a model.
        needs_ngram: whether it is for models with an n-gram only.
        takes_ngram: whether it uses the n-gram of a model that has one.
        missing: why it cannot be used here, with the install line; None where it can.
    """

    summary: str
    make: Callable[[Vocabulary], Decoder]
    needs_ngram: bool = False
    takes_ngram: bool = False
    missing: Callable[[], str | None] = _available


_TABLE: dict[str, _Entry] = {
    "greedy": _Entry("the best label of every frame, without a search or a language model", Greedy),
    "beam": _Entry(
        "CTC beam search without a language model", lambda model: BeamSearch("beam", beam_searcher("beam", model))
    ),
    "ngram": _Entry(
        "CTC beam search with the model's n-gram (KenLM)",
        lambda model: BeamSearch("ngram", beam_searcher("ngram", model)),
        needs_ngram=True,
        takes_ngram=True,
    ),
    "fast": _Entry(
        "the beam search compiled (ctc-beam-decoder), with the n-gram where the model has one",
        CompiledBeamSearch,
        takes_ngram=True,
        missing=compiled.missing,
    ),
}
DECODERS: dict[str, str] = {name: entry.summary for name, entry in _TABLE.items()}
"""What each decoder does, by name."""


def decoders_for(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Names of the decoders that a model can use."""
    return tuple(name for name, entry in _TABLE.items() if vocabulary.ngram or not entry.needs_ngram)


def known_decoder(name: object) -> str:
    """The name, where it is a decoder's.

    Raises:
        DecoderError: it is not; lists those that there are.
    """
    if not isinstance(name, str) or name not in DECODERS:
        raise DecoderError(f"There is no decoder {str(name)[:60]!r}; there are {', '.join(DECODERS)}.")
    return name


def make_decoder(name: str, vocabulary: Vocabulary) -> Decoder:
    """Build a decoder for a model.

    Args:
        name: one of ``DECODERS``.
        vocabulary: the model's.

    Raises:
        DecoderError: there is no such decoder, or the model has no n-gram, or one whose words it cannot spell.
        MissingDependencyError: its library is not installed.
    """
    known_decoder(name)
    if name not in (usable := decoders_for(vocabulary)):
        raise DecoderError(f"This model came without an n-gram; use {' or '.join(usable)}.")
    if _TABLE[name].takes_ngram:
        refuse_unspellable(vocabulary)
    return _TABLE[name].make(vocabulary)


def unavailable(name: str) -> str | None:
    """Why a decoder cannot be used here, with the install line; None where it can."""
    return _TABLE[name].missing()
