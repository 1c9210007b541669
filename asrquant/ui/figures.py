"""The answer on the first screen as HTML: one sentence, three large figures, and both transcripts."""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass
from html import escape

from asrquant.measure.compare import Comparison
from asrquant.show.headline import Figure, Headline, headline
from asrquant.ui.render import transcripts

PENDING = "being measured on this machine"


@dataclass(frozen=True)
class Origin:
    """Where a comparison came from, as far as a link can say it; each is empty where it cannot.

    Attributes:
        model: name of a model of the list.
        preset: name of a preset.
        example: id of a bundled clip.
    """

    model: str = ""
    preset: str = ""
    example: str = ""


def dated(found: Comparison, at: float) -> str:
    """When and how it was measured, as true tomorrow as today: for what is taken away.

    Args:
        found: that was measured.
        at: when, in seconds since 1970.
    """
    day = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return f"Measured on {day:%d %b %Y, %H:%M} UTC: median of {found.runs} runs each, in turns."


def answer(found: Comparison, about: str, origin: Origin, taken: str = "") -> str:
    """The sentence and the figures.

    Args:
        found: that was measured.
        about: when, and on what, for people.
        origin: for a link.
        taken: ``dated``, for what is taken away.
    """
    said = headline(found)
    figures = "".join(map(_card, said.figures))
    shared = escape(json.dumps(_shared(found, said, taken, origin)))
    return (
        f'<div class="aq-answer" data-shared="{shared}"><p class="aq-sentence">{escape(said.sentence)}</p>'
        f'<div class="aq-cards aq-figures">{figures}</div><p class="aq-quiet aq-about">{escape(about)}</p></div>'
    )


def pending(clip: str) -> str:
    """What stands in the answer's place while the first comparison is measured: no figure of another day or machine."""
    cards = "".join(_card(Figure(title, "…", PENDING)) for title in ("Size", "Speed here", "Words changed"))
    said = f"A speech recognizer and a copy of it with coarser numbers, on the clip \u201c{clip}\u201d: {PENDING}."
    return f'<div class="aq-answer"><p class="aq-sentence">{escape(said)}</p><div class="aq-cards aq-figures">{cards}</div></div>'


def _card(figure: Figure) -> str:
    note = f"<small>{escape(figure.note)}</small>" if figure.note else ""
    return (
        f'<div class="aq-card"><h2>{escape(figure.title)}</h2><b>{escape(figure.value)}</b>'
        f"<span>{escape(figure.sentence)}</span>{note}</div>"
    )


def _shared(found: Comparison, said: Headline, taken: str, origin: Origin) -> dict[str, object]:
    """What the browser draws a picture and makes a link of."""
    texts = [
        *([("Said", found.reference)] if found.reference else []),
        ("Original", found.original.text),
        (found.names[1], found.quantized.text),
    ]
    return {
        "sentence": said.sentence, "figures": [asdict(each) for each in said.figures], "texts": texts,
        "about": [taken, str(found.machine)], "link": asdict(origin),
    }  # fmt: skip


__all__ = ["Origin", "answer", "pending", "transcripts"]
