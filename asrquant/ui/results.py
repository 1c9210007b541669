"""What the tab "Compare" shows of a comparison: the answer and the transcripts; below them numbers, charts and files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
from gradio.components import Component

from asrquant.measure.compare import Comparison, comparison_dict
from asrquant.show.comparison import accuracy_figure, comparison_table, nothing_wrong, speed_figure
from asrquant.show.comparison_file import page as comparison_page
from asrquant.show.divergence import divergence_figure, divergence_table
from asrquant.ui import figures, render, share, words
from asrquant.ui.running import Updates

WHERE = "Where they part: divergence of the quantized model's label probabilities from the original's (KL), 0 where they agree"
_WORDS = words.listed("RTF", "WER", "CER", "encoder", "decoder", "divergence")
WELCOME = "Click an example above, record yourself or open a file: what coarser numbers gain, and what they cost, appears here."


@dataclass(frozen=True)
class About:
    """What goes with a comparison that is shown.

    Attributes:
        when: and where it was measured, in a line for everybody who looks now.
        at: when that was, in seconds since 1970; for what is taken away.
        how: HTML on how it was measured.
        origin: for a link.
        file: name of the clip's file.
    """

    when: str
    at: float
    how: str
    origin: figures.Origin
    file: str


@dataclass(frozen=True)
class Results:
    """The parts, in the order in which they are shown."""

    cards: gr.HTML
    texts: gr.HTML
    share: gr.HTML
    as_html: gr.DownloadButton
    details: gr.Accordion
    speed: gr.Plot
    accuracy: gr.Plot
    no_errors: gr.HTML
    numbers: gr.HTML
    divergence: gr.Plot
    moments: gr.HTML
    as_json: gr.DownloadButton
    as_csv: gr.DownloadButton

    @property
    def all(self) -> list[Component]:
        """Outputs of whatever fills them."""
        return list(vars(self).values())

    def empty(self) -> Updates:
        """How they look where there is no result."""
        hidden = (
            self.share, self.details, self.speed, self.accuracy, self.divergence, self.as_json, self.as_csv
        )  # fmt: skip
        return {
            **dict.fromkeys(self.all, ""),
            self.as_html: gr.update(value=None),
            **{part: gr.update(visible=False) for part in hidden},
        }

    @contextmanager
    def full(self, found: Comparison, about: About, charts: bool = True) -> Iterator[Updates]:
        """How they look with a result.

        Args:
            found: that was measured.
            about: what goes with it.
            charts: whether the part below is open; a page that comes up draws nothing that nobody has asked for.
        """
        frame, taken = comparison_table(found), figures.dated(found, about.at)
        none_wrong = nothing_wrong(found)
        with tempfile.TemporaryDirectory() as folder:  # Gradio copies what it serves when the generator is resumed
            as_json, as_csv = Path(folder) / "comparison.json", Path(folder) / "comparison.csv"
            as_html = Path(folder) / "comparison.html"
            as_json.write_text(json.dumps(comparison_dict(found), indent=1) + "\n", encoding="utf-8")
            frame.to_csv(as_csv, index=False)
            as_html.write_text(comparison_page(found, taken, about.file), encoding="utf-8", errors="backslashreplace")
            shown = {
                **self.answer(found, about),
                self.share: gr.update(visible=True),
                self.details: gr.update(visible=True, open=charts),
                self.numbers: render.table(frame, "Median of the runs (range in brackets)") + _WORDS + about.how,
                self.moments: render.table(divergence_table(found.divergence), WHERE),
                self.no_errors: render.notice(none_wrong) if none_wrong else "",
                self.as_json: gr.update(value=str(as_json), visible=True),
                self.as_csv: gr.update(value=str(as_csv), visible=True),
                self.as_html: gr.update(value=str(as_html)),
            }
            yield {**shown, **self.charts(found)} if charts else shown

    def answer(self, found: Comparison, about: About) -> dict[Component, str]:
        """The answer and the transcripts alone, as HTML."""
        taken = figures.dated(found, about.at)
        return {
            self.cards: figures.answer(found, about.when, about.origin, taken),
            self.texts: render.transcripts(found),
        }

    def charts(self, found: Comparison) -> Updates:
        """The charts alone; a rate of zero for both has no bar to show, and is said in words."""
        accuracy = {"visible": False} if nothing_wrong(found) else {"value": accuracy_figure(found), "visible": True}
        return {
            self.speed: gr.update(value=speed_figure(found), visible=True),
            self.accuracy: gr.update(**accuracy),
            self.divergence: gr.update(value=divergence_figure(found.divergence), visible=True),
        }


Answer = tuple[gr.HTML, gr.HTML, gr.HTML, gr.DownloadButton]
"""The first parts of ``Results``."""


def answer() -> Answer:
    """Lay out the answer, the transcripts and what can be taken away."""
    cards = gr.HTML(elem_id="cards")
    texts = gr.HTML(render.notice(WELCOME), elem_id="transcripts")
    return cards, texts, share.build(), gr.DownloadButton(visible="hidden", elem_id="html")


def below(parts: Answer) -> Results:
    """Lay out what stands below the answer, closed until somebody wants it.

    Args:
        parts: of ``answer``.
    """
    with gr.Accordion("The numbers and charts", open=False, visible=False, elem_id="details") as details:
        with gr.Row():
            speed = gr.Plot(show_label=False, visible=False, elem_id="speed", min_width=300)
            accuracy = gr.Plot(show_label=False, visible=False, elem_id="accuracy", min_width=300)
        no_errors = gr.HTML(elem_id="no-errors")
        numbers = gr.HTML(elem_id="numbers")
        where = gr.Plot(show_label=False, visible=False, elem_id="divergence")
        moments = gr.HTML(elem_id="moments")
        with gr.Row():
            as_json = gr.DownloadButton("Download JSON", visible=False, size="sm", elem_id="json")
            as_csv = gr.DownloadButton("Download CSV", visible=False, size="sm", elem_id="csv")
    return Results(*parts, details, speed, accuracy, no_errors, numbers, where, moments, as_json, as_csv)
