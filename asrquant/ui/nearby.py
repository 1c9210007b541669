"""Whether a visitor sits at the machine that the page runs on: only who does may have it run a model's code."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import gradio as gr

from asrquant.base.errors import RequestError

_NAMES = ("localhost",)


def refuse_the_distant(visitor: gr.Request) -> None:
    """Check that a request comes from this machine, straight, and to an address that is only this machine's.

    Another address that leads here may be a site's that a browser on this machine has open.

    Raises:
        RequestError: it comes from elsewhere, or by a proxy.
    """
    headers = visitor.headers
    asked = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    by_proxy = any(name in headers for name in ("x-forwarded-for", "x-forwarded-host", "forwarded"))
    if by_proxy or not (_is_loopback(visitor.client.host if visitor.client else "") and _is_loopback(asked)):
        raise RequestError(
            "A model's code is run for who sits at this machine only: open the page there at http://127.0.0.1, or load the "
            "model in the terminal with --trust-source."
        )


def _is_loopback(host: str) -> bool:
    try:
        return host in _NAMES or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
