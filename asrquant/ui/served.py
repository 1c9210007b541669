"""A page that is served with what is true when a browser asks for it, not with what was true when it was built.

Gradio sends a page's first values with the page, and lets it ask for newer ones once all of it is there. What is on the first
screen would come a second later that way, on a slow phone; so it is written into what is served.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs

import gradio as gr
from gradio.components import Component
from starlette.types import ASGIApp, Receive, Scope, Send

_query: ContextVar[str] = ContextVar("query", default="")
"""What follows the question mark in the address that is being answered."""

FirstValues = Callable[[frozenset[str]], dict[Component, str]]
"""Gives first values of some components, from the names that the page's address asks for."""


class ServedPage(gr.Blocks):  # type: ignore[misc]  # Gradio has no types
    """``gr.Blocks`` with ``first_values``, which are asked for whenever the page is served."""

    first_values: FirstValues | None = None
    _built: Any = None

    @property
    def config(self) -> Any:  # an attribute of Gradio's, which it sets when the page is built
        """What Gradio sends to a browser, its components as they are to be shown now."""
        if self.first_values is None or not self._built:
            return self._built
        asked = frozenset(parse_qs(_query.get()))
        now = {part._id: value for part, value in self.first_values(asked).items()}
        components = [
            {**each, "props": {**each["props"], "value": now[each["id"]]}} if each["id"] in now else each
            for each in self._built["components"]
        ]
        return {**self._built, "components": components}

    @config.setter
    def config(self, built: Any) -> None:
        self._built = built


class KnowsQuery:
    """Middleware that remembers the query of the request that is being answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        _query.set(scope.get("query_string", b"").decode("latin-1"))
        await self._app(scope, receive, send)
