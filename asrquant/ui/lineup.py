"""All presets on the clip that is there: a bar each that grows as it is timed, then who won, and a picture."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape

import gradio as gr
from gradio.components import Component

from asrquant.measure.lineup import ROUNDS, LineUp, Timed, winner
from asrquant.measure.winner import ORIGINAL, LeftOut
from asrquant.show.lineup import PICTURE, lineup_figure, lineup_table, verdict
from asrquant.ui import render, words
from asrquant.ui.running import Screen, Updates

NO_PRESET = "There is no such preset here; click one of those that are shown."
_ACT = """element.addEventListener('click', event => {
    const row = event.target.closest('button[data-preset]');
    if (row) trigger('click', {preset: row.dataset.preset});
})"""
_HOW = (
    f"Each bar is the encoder's time for {ROUNDS} runs of this clip as a share of the original's in the same turns: the shorter, "
    "the less work. In the table, brackets have 95 % intervals."
)


@dataclass(frozen=True)
class Shown:
    """Where it is shown.

    Attributes:
        rows: the bars, and who won; a click on a name is the event ``click``.
        picture: errors against speed.
        table: all figures.
    """

    rows: gr.HTML
    picture: gr.Plot
    table: gr.HTML

    @property
    def all(self) -> list[Component]:
        """Outputs of whatever fills them."""
        return [self.rows, self.picture, self.table]

    def empty(self) -> Updates:
        """Nothing of it."""
        return {self.rows: "", self.picture: gr.update(visible=False), self.table: ""}


def build() -> Shown:
    """Lay it out, empty."""
    rows = gr.HTML(js_on_load=_ACT, elem_id="lineup")
    picture = gr.Plot(show_label=False, visible=False, elem_id="pareto")
    return Shown(rows, picture, gr.HTML(elem_id="lineup-table", render=False))


def preset(event: gr.EventData) -> str:
    """Whose details were asked for, as it came; it may be forged."""
    data = getattr(event, "_data", None)
    return str(data.get("preset", "")) if isinstance(data, dict) else ""


class LineUpScreen(Screen):
    """What it shows: bars that grow, then everything."""

    def __init__(self, shown: Shown, work: gr.Textbox, at_first: Updates, nothing: Updates, clip: str) -> None:
        """Show it there.

        Args:
            shown: where.
            work: that holds the job's id.
            at_first: of the clip's words.
            nothing: how the tab looks without results.
            clip: name of the clip's file.
        """
        self._shown, self._work, self._at_first, self._nothing, self._clip = shown, work, at_first, nothing, clip
        self._timed: dict[str, Timed] = {}

    def begun(self, job: str) -> Updates:
        """Nothing of an older one."""
        return {self._work: job, **self._at_first, **self._nothing, self._shown.rows: rows((), "")}

    def partial(self, value: Timed) -> Updates:
        """One more turn."""
        self._timed[value.preset] = value
        return {self._shown.rows: rows(tuple(self._timed.values()), "")}

    def failed(self) -> Updates:
        """Nothing: an order of some of them would be none of all."""
        return self._nothing

    @contextmanager
    def done(self, value: LineUp) -> Iterator[Updates]:
        """Who won, the bars in their order, the picture, the table."""
        first = winner(value)
        order = tuple(sorted(value.timed, key=lambda each: -each.speedup.median))
        how = f"{_HOW} Clip: {self._clip} ({value.audio_seconds:.1f} s). Machine: {value.machine}."
        yield {
            self._shown.rows: rows(order, verdict(value), first.preset if first else "") + render.about(PICTURE),
            self._shown.picture: gr.update(value=lineup_figure(value), visible=True),
            self._shown.table: render.table(lineup_table(value), "All presets on this clip")
            + words.listed("encoder", "WER", "Pareto")
            + render.about(how)
            + left_out(value.left_out),
        }


def rows(timed: Collection[Timed], said: str, first: str = "") -> str:
    """The bars as HTML.

    Args:
        timed: so far.
        said: who won; empty while it runs.
        first: name of the winner, if there is one.
    """
    longest = max((1 / each.speedup.median for each in timed), default=1.0)
    done = bool(said)
    head = said or f"All presets on this clip: being measured on this machine, {ROUNDS} runs each."
    bars = "".join(_row(each, longest, done, each.preset == first) for each in timed)
    return (
        f'<div class="aq-lineup"><p class="aq-sentence">{escape(head)}</p><ul>{bars}</ul>'
        + ('<p class="aq-quiet">The name of a preset shows its comparison with the original.</p>' if done else "")
        + "</div>"
    )


def _row(timed: Timed, longest: float, done: bool, first: bool) -> str:
    width = 100 * len(timed.seconds) / ROUNDS / timed.speedup.median / longest
    changed = f"{timed.changed} of {timed.heard} words changed" if timed.changed else "no word changed"
    facts = [f"{1000 * timed.median:.0f} ms" if timed.median >= 0.01 else f"{1000 * timed.median:.1f} ms"]
    if timed.whole:
        facts += [] if timed.preset == ORIGINAL else [f"{timed.speedup.median:.2f} ×", changed]
        facts.append(f"{timed.size_bytes / 1e6:.1f} MB")
    name = escape(timed.preset)
    named = (
        f'<button type="button" class="aq-button" data-preset="{name}">{name}</button>'
        if done
        else f"<span>{name}</span>"
    )
    mark = ' <strong class="aq-won">winner</strong>' if first else ""
    return (
        f'<li class="{"aq-first" if first else ""}"><div class="aq-lane"><b>{named}{mark}</b>'
        f"<span>{escape(', '.join(facts))}</span></div>"
        f'<div class="aq-bar"><div style="width:{min(100.0, width):.1f}%"></div></div></li>'
    )


def left_out(found: Collection[LeftOut]) -> str:
    """What did not run, and why."""
    reasons: dict[str, list[str]] = {}
    for each in found:
        reasons.setdefault(each.reason, []).append(each.preset)
    return render.absent(reasons).replace("Not on this machine:", "Not among them:") if reasons else ""
