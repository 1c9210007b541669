"""The preset that a race found to be first on this machine: marked in the lists of presets, and chosen at first.

What a page shows changes when it comes up, and never while somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from asrquant.measure.winner import Race, choose, int8_worth, to_begin_with, verdict
from asrquant.show.race import mark, race_about
from asrquant.ui.running import QUICK

_known: Race | None = None
_first = ""
"""Preset that the page begins with where it is another than the record's; empty where there is no such."""
_CHOOSE = """(touched, first, now) =>
    touched === true || !first || new URLSearchParams(location.search).has('preset') ? now : first"""
"""In the browser, which knows what its visitor has chosen by the time that the answer is there, and what a link names."""


@dataclass(frozen=True)
class First:
    """What a list of presets needs besides.

    Attributes:
        preset: the list.
        line: what the race found.
        winner: name of the preset to begin with; empty where none is known.
        touched: whether the visitor has chosen one.
    """

    preset: gr.Dropdown
    line: gr.HTML
    winner: gr.Textbox
    touched: gr.Checkbox


def learn(found: object) -> None:
    """Take note of what the worker found."""
    global _known
    _known = found if isinstance(found, Race) else None


def begin_with(preset: str) -> None:
    """Have pages that come up from now on begin with this preset, as they do with its comparison."""
    global _first
    _first = preset


def lay_out(preset: gr.Dropdown, line: gr.HTML) -> First:
    """Add to a list of presets what ``watch`` fills."""
    first = First(preset, line, gr.Textbox(visible=False), gr.Checkbox(False, visible=False))
    preset.input(None, None, first.touched, js="() => true", api_visibility="private")
    return first


def watch(page: gr.Blocks, lists: Sequence[First], boxes: Sequence[gr.CheckboxGroup]) -> None:
    """Mark the winner in the lists when the page comes up, and begin with it where nobody has chosen yet.

    Args:
        page: that comes up.
        lists: of which one preset is chosen.
        boxes: of which several are chosen; there the winner is marked, and nothing is chosen.
    """
    names = [[name for _, name in each.preset.choices] for each in lists]
    beside = [[name for _, name in each.choices] for each in boxes]

    def seen() -> list[Any]:
        begin, said = _first or _best(), line()
        shown: list[Any] = []
        for mine in names:
            shown += [
                gr.update(choices=_marked(mine)),
                gr.update(value=said, visible=bool(said)),
                begin if begin in mine else "",
            ]
        return [*shown, *(gr.update(choices=_marked(mine)) for mine in beside)]

    outputs = [*(part for each in lists for part in (each.preset, each.line, each.winner)), *boxes]
    loaded = page.load(seen, None, outputs, **QUICK)
    for each in lists:
        loaded.then(None, [each.touched, each.winner, each.preset], each.preset, js=_CHOOSE, api_visibility="private")


def _marked(names: Sequence[str]) -> list[tuple[str, str]]:
    """Presets as they are shown, and their names."""
    return [(label(name), name) for name in names]


def label(preset: str) -> str:
    """A preset's name, with the mark of the winner where it is the one."""
    return f"{preset} ({mark(_known)})" if _known and preset == _winner() else preset


def line() -> str:
    """What the race found, as HTML: one line on the screen, the rest behind it; empty where there was none."""
    if _known is None:
        return ""
    said, _, why = int8_worth(_known).removesuffix(".").partition(": ")
    summary = f"{said}: why, and what is fastest" if why else said
    reason = f"{why[:1].upper()}{why[1:]}. " if why else ""
    return (
        f'<details class="aq-quiet aq-raced"><summary>{escape(summary)}</summary>'
        f"<p>{escape(reason + verdict(_known))} {escape(race_about(_known))}</p></details>"
    )


def _best() -> str:
    """What the record begins with."""
    return to_begin_with(_known) if _known else ""


def _winner() -> str:
    winner = choose(_known) if _known else None
    return winner.preset if winner else ""
