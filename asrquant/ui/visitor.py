"""Whose artifacts are whose on a public page: a secret that the visitor's browser makes up, and keeps where it may.

A Space is shown in a frame of another site, where private windows, Safari and Brave allow neither storage nor cookies. So
nothing here needs them (``gr.BrowserState`` does, and stays at "Loading…" where they are refused): without them the secret
lives as long as the page.
"""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

_FIND = """() => {
    const key = 'asrquant-visitor', whole = /^[0-9a-f]{32}$/;
    let kept = null;
    try { kept = localStorage.getItem(key); } catch {}
    if (whole.test(kept)) return [kept, true];
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const secret = Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
    try { localStorage.setItem(key, secret); kept = localStorage.getItem(key); } catch {}
    return [secret, kept === secret];
}"""
"""Asking for ``localStorage`` raises where it is refused, and writing to it where it is full."""


@dataclass(frozen=True)
class Visitor:
    """What a page knows of its visitor.

    Attributes:
        secret: 32 hex digits, which leave the browser in the bodies of requests alone; ``jobs.export.exports`` hashes them.
        kept: whether the browser has them for the next visit, too.
    """

    secret: gr.Textbox
    kept: gr.Checkbox


def build(page: gr.Blocks) -> Visitor:
    """Lay out what nobody sees, filled by the browser when the page comes up."""
    known = Visitor(
        gr.Textbox(visible="hidden", elem_id="visitor"), gr.Checkbox(False, visible="hidden", elem_id="visitor-kept")
    )
    page.load(None, None, [known.secret, known.kept], js=_FIND, api_visibility="private")
    return known
