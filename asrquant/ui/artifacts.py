"""The artifacts that a visitor has, each with download and delete."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from asrquant.base.errors import AsrQuantError, ExportError
from asrquant.base.policy import policy
from asrquant.jobs.export import exports
from asrquant.ui import render
from asrquant.ui.running import PRIVATE, QUICK, Updates, Values
from asrquant.ui.visitor import Visitor

_BUTTONS = """element.addEventListener('click', event => {
    const button = event.target.closest('button[data-act]');
    if (!button) return;
    const act = button.dataset.act, wanted = {name: button.dataset.name};
    if (act === 'take') trigger('take', wanted);
    else if (act === 'delete') trigger('delete', wanted);
    else {
        const row = button.closest('.aq-artifact');
        row.classList.toggle('aq-doubtful', act === 'ask');
        row.querySelector(act === 'ask' ? '[data-act=keep]' : '[data-act=ask]').focus();
    }
})"""
"""What the buttons of the list do; whether somebody is sure is asked in the browser, which knows it as long as it shows it."""
_START = (
    """() => { const link = document.querySelector('#taken'); if (link) (link.querySelector('a') || link).click(); }"""
)
"""Start the download that was just made ready."""
_FORGETFUL = (
    "This browser keeps nothing for the page here, so an artifact is found again only until the page is closed or reloaded: "
    "download what you build before."
)


def _how_long(kept: bool) -> str:
    return "" if kept or not policy().own_artifacts_only else f'<p class="aq-quiet">{_FORGETFUL}</p>'


@dataclass(frozen=True)
class Artifacts:
    """The list, and what its buttons do.

    Attributes:
        visitor: whose they are.
        listed: the list, as HTML with buttons.
        taken: the download that a button of the list has made ready.
        forgetful: what is said where the browser keeps nothing.
        status: what went wrong.
    """

    visitor: Visitor
    listed: gr.HTML
    taken: gr.DownloadButton
    forgetful: gr.HTML
    status: gr.HTML

    def wire(self) -> None:
        """Let the buttons do what they say."""
        secret = self.visitor.secret
        secret.change(self.show, {secret, self.visitor.kept}, [self.listed, self.forgetful], **QUICK)
        self.listed.take(self.take, {secret}, [self.taken, self.status], **QUICK).then(None, js=_START, **PRIVATE)
        self.listed.delete(self.delete, {secret}, [self.listed, self.status], **QUICK)

    def rendered(self, values: Values) -> str:
        """The visitor's artifacts, as HTML."""
        try:
            return render.artifacts(exports(values[self.visitor.secret]).artifacts())
        except ExportError as error:
            return render.problem(str(error))

    def show(self, values: Values) -> Updates:
        """The list, and how long it is known whose it is."""
        return {self.listed: self.rendered(values), self.forgetful: _how_long(values[self.visitor.kept])}

    def take(self, values: Values, event: gr.EventData) -> Updates:
        """Make a download ready."""
        try:
            zipped = exports(values[self.visitor.secret]).artifact(_name(event)).zip
        except AsrQuantError as error:
            return {self.taken: gr.update(value=None), self.status: render.problem(str(error))}
        return {self.taken: gr.update(value=str(zipped)), self.status: ""}

    def delete(self, values: Values, event: gr.EventData) -> Updates:
        """Delete an artifact."""
        problem = ""
        try:
            exports(values[self.visitor.secret]).delete(_name(event))
        except AsrQuantError as error:
            problem = render.problem(str(error))
        return {self.listed: self.rendered(values), self.status: problem}


def build(visitor: Visitor) -> Artifacts:
    """Lay the list out and wire it."""
    kept = policy().artifacts_kept_seconds
    note = f"; they are removed after {kept // 60} minutes" if kept else ""
    gr.HTML(f"<h2>Your artifacts{note}</h2>", elem_classes="aq-head")
    taken = gr.DownloadButton(visible="hidden", elem_id="taken")
    forgetful = gr.HTML(elem_id="forgetful")
    listed = gr.HTML(js_on_load=_BUTTONS, elem_id="artifacts")
    found = Artifacts(visitor, listed, taken, forgetful, gr.HTML(elem_id="list-status"))
    found.wire()
    return found


def _name(event: gr.EventData) -> str:
    """Whose button it was; empty where the event is forged."""
    return str(event._data.get("name", "")) if isinstance(event._data, dict) else ""
