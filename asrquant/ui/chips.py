"""The bundled clips as a row of chips, each to play and to run, and beside them the ways to a clip of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import gradio as gr

from asrquant.data.dataset import Utterance

_ACT = """element.addEventListener('click', event => {
    const chip = event.target.closest('[data-run], [data-play], [data-own]');
    if (!chip) return;
    if (chip.dataset.run) trigger('click', {index: Number(chip.dataset.run)});
    else if (chip.dataset.play) window.asrquant.play(chip);
    else window.asrquant.own(chip.dataset.own);
})"""


def build(examples: Sequence[Utterance]) -> gr.HTML:
    """Lay the chips out; a click on one's words is the event ``click``, whose data has the ``index``."""
    own = "".join(
        f'<button type="button" class="aq-button aq-own" data-own="{act}">{label}</button>'
        for act, label in (("record", '<i aria-hidden="true"></i>Record yourself'), ("upload", "Open a file"))
    )
    chips = "".join(_chip(index, each) for index, each in enumerate(examples))
    html = (
        '<p id="chips-label" class="aq-quiet">Speakers that the model has never heard: ▶ plays a clip, its words have '
        f'both models hear it.</p><div class="aq-chips"><div id="own" role="group" aria-label="A clip of your own">{own}</div>'
        f'<div id="examples" role="group" aria-labelledby="chips-label">{chips}</div></div>'
    )
    return gr.HTML(html, js_on_load=_ACT, elem_id="chips", padding=False)


def index(event: gr.EventData) -> object:
    """Which chip was clicked, as it came; it may be forged."""
    data = getattr(event, "_data", None)
    return data.get("index") if isinstance(data, dict) else None


def _chip(number: int, example: Utterance) -> str:
    words, source = escape(example.reference), f"gradio_api/file={quote(str(example.path))}"
    return (
        f'<span class="aq-chip"><input type="button" class="aq-button" value="▶" data-play="{escape(source)}" '
        f'aria-label="Play {words}"><button type="button" class="aq-button" data-run="{number}" title="{words}: compare on this '
        f'clip (speaker {escape(example.id.split("-")[0])})">{words}</button></span>'
    )
