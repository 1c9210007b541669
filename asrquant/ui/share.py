"""What can be taken away of a comparison: a picture that the browser draws, an HTML file, and a link that opens it again."""

from __future__ import annotations

import gradio as gr

_MENU = (
    ("png", "Picture (PNG)"),
    ("html", "Page (HTML)"),
    ("link", "Copy link"),
)


def build() -> gr.HTML:
    """Lay out the button and what it opens; hidden until there is something to share."""
    items = "".join(
        f'<button type="button" class="aq-button" data-take="{act}">{label}</button>' for act, label in _MENU
    )
    html = (
        '<div class="aq-share"><button type="button" class="aq-button" id="share-button" aria-expanded="false" '
        f'aria-controls="share-menu">Share</button><span id="share-menu" hidden>{items}</span>'
        '<span id="share-said" role="status" class="aq-quiet"></span></div>'
    )
    script = "element.addEventListener('click', event => window.asrquant.share(event))"
    return gr.HTML(html, js_on_load=script, visible=False, elem_id="share")
