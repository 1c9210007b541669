"""What the page's list says of each model: what it is, and how far away."""

from __future__ import annotations

from dataclasses import dataclass

from asrquant.jobs.models import MODELS, TRUSTED
from asrquant.measure.reckoned import reckoned_seconds
from asrquant.sources.availability import Availability, availability
from asrquant.sources.listed import LISTED, Listed
from asrquant.sources.loading import EMBEDDED

_EMBEDDED = {
    "an4": "English letters, numbers, dates and a few commands, 4.4 M parameters, 17.7 MB, CMU's licence, trained on AN4",
    "an4-quartznet": "NeMo's QuartzNet for the same words, 1.5 M parameters, 5.8 MB, CMU's licence, trained on AN4",
}
_CLIP = 5.0
"""Seconds of the clip that a model's time is told for."""
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
        return Offer(name, _EMBEDDED[name], _HERE, "ngram")
    known = LISTED.get(name)
    if known is None:
        return Offer(name, "", availability(name), None)
    return Offer(name, f"{known.in_a_line()}, {_expected(known)}", availability(name), known.decoder)


def _expected(model: Listed) -> str:
    """About how long a clip takes, to one digit, as it is reckoned and not measured."""
    seconds = float(f"{reckoned_seconds(model.parameters, _CLIP):.1g}")
    return f"about {seconds:g} s for a clip of {_CLIP:g} s on this machine (reckoned; float32)"


def offers() -> tuple[Offer, ...]:
    """Those of the list; asks the Hub whether it answers, at most."""
    return tuple(offer(name) for name in MODELS)


def own_words(name: str) -> str:
    """What is said of a folder or a Hub id that somebody gave on a page of their own."""
    trusted = " Its code is run on your word." if name.startswith(TRUSTED) else ""
    return f"A model of your own: its files are looked through before it is loaded.{trusted}"
