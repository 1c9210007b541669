"""Weights that are missing would be random ones: what the libraries report of a load, judged."""

from __future__ import annotations

import re
from collections.abc import Iterable

from asrquant.base.errors import SourceError

_UNUSED = re.compile(r"(^|\.)(masked_spec_embed|num_batches_tracked)$")
"""Read while training only: what stands for masked frames, and a count."""
_NAMED = 3


def used(names: Iterable[str]) -> list[str]:
    """Those of the names of weights that a model's answers depend on."""
    return sorted(name for name in names if not _UNUSED.search(name))


def refuse_misfits(source: str, missing: Iterable[str], unexpected: Iterable[str], what: str = "The weights") -> None:
    """Check that a model has all of its weights from its files, and that they hold no more of it.

    Args:
        source: as it was asked for.
        missing: names that the model has and the files have not.
        unexpected: names that the files have for a model of another shape.
        what: where the weights are, for the error.

    Raises:
        SourceError: names those that do not fit.
    """
    absent, extra = used(missing), used(unexpected)
    if not absent and not extra:
        return
    problems = [f"{says} {_list(names)}" for says, names in (("lack", absent), ("have besides", extra)) if names]
    raise SourceError(
        f"{source} is not loaded: {what} do not fit its configuration: they {' and '.join(problems)}. What is missing would be "
        "random; save the model again, whole, as the class that it is loaded as."
    )


def _list(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
