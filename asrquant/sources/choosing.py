"""Of a repository's files, those that loading a model reads: weights in one form, and no n-gram of gigabytes unasked."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from asrquant.base.errors import SourceError
from asrquant.sources.listing import Listing
from asrquant.sources.pins import FILE_NAME
from asrquant.sources.source import Wanted

NGRAM_BYTES = 100_000_000
"""An n-gram above this is fetched for those who ask for it."""
_INDEX = ".index.json"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""In the order in which transformers looks for them."""


def chosen(listing: Listing, wanted: Wanted, ngram: bool) -> tuple[str, ...]:
    """Names of the files to fetch.

    Args:
        listing: what there is.
        wanted: what is read.
        ngram: whether n-grams are asked for, whatever their size.

    Raises:
        SourceError: one that is needed is not there.
    """
    for name in wanted.needed:
        listing.refuse_lack(name)
    if strange := [name for name in _matching(listing, wanted.besides) if not FILE_NAME.fullmatch(name)]:
        raise SourceError(
            f"{listing.hub_id} cannot be used: it has a file of the name {strange[0]!r}; use another model."
        )
    besides = [name for name in _matching(listing, wanted.besides) if not name.endswith(_INDEX)]
    weights = _weights(listing) if wanted.weights else ()
    ngrams = [name for name in _matching(listing, wanted.ngrams) if ngram or listing.entries[name].bytes <= NGRAM_BYTES]
    return tuple(dict.fromkeys((*wanted.needed, *besides, *weights, *ngrams)))


def _matching(listing: Listing, patterns: Iterable[str]) -> list[str]:
    """A wildcard does not lead into folders."""
    return [
        name
        for name in sorted(listing.entries)
        if any(fnmatchcase(name, pattern) and name.count("/") == pattern.count("/") for pattern in patterns)
    ]


def _weights(listing: Listing) -> tuple[str, ...]:
    for name in _WEIGHTS:
        if name in listing.entries:
            return (name,)
        if (index := f"{name}{_INDEX}") in listing.entries:
            stem, _, suffix = name.rpartition(".")
            return (index, *_matching(listing, [f"{stem}-*-of-*.{suffix}"]))
    raise listing.unreached or SourceError(
        f"{listing.hub_id} has its weights in no form that is read here ({', '.join(_WEIGHTS)}); use a model that was saved by "
        "PyTorch's side of transformers."
    )
