"""What the page's list says of each model: what it is, and how far away."""

from __future__ import annotations

from dataclasses import dataclass

from asrquant.jobs.models import MODELS, TRUSTED
from asrquant.sources.availability import Availability, availability
from asrquant.sources.listed import LISTED
from asrquant.sources.loading import EMBEDDED

_EMBEDDED = (
    "English letters, numbers, dates and a few commands, 4.4 M parameters, 17.7 MB, CMU's licence, trained on AN4"
)
_HERE = Availability(True, True, "comes with asrquant")


@dataclass(frozen=True)
class Offer:
    """A model of the list.

    Attributes:
        name: as it is asked for.
        about: what it is, in a line; empty where nothing is known.
        state: how far away it is.
        decoder: the one that its files name; None where that is seen when it is loaded.
    """

    name: str
    about: str
    state: Availability
    decoder: str | None

    def in_a_line(self) -> str:
        """All of it."""
        return "; ".join(filter(None, (self.about, self.state.words)))


def offer(name: str) -> Offer:
    """What there is to say of a model of the list."""
    if name in EMBEDDED:
        return Offer(name, _EMBEDDED, _HERE, "ngram")
    known = LISTED.get(name)
    return Offer(name, known.in_a_line() if known else "", availability(name), known.decoder if known else None)


def offers() -> tuple[Offer, ...]:
    """Those of the list; asks the Hub whether it answers, at most."""
    return tuple(offer(name) for name in MODELS)


def own_words(name: str) -> str:
    """What is said of a folder or a Hub id that somebody gave on a page of their own."""
    trusted = " Its code is run on your word." if name.startswith(TRUSTED) else ""
    return f"A model of your own: its files are looked through before it is loaded.{trusted}"
