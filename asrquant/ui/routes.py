"""Which of the web server's routes are open: those that the page and Gradio's clients use, and no others.

Gradio serves more than this page needs, to everybody: a screen recorder that runs ffmpeg on what is uploaded, an editor of the
page's code, a proxy, runs kept in a bucket, states of other tabs behind a link. What is not named here answers 404.
"""

from __future__ import annotations

import re

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

HEALTH = "/health"
OPEN = re.compile(
    "|".join(
        [
            f"/|/config/?|{HEALTH}|/theme.css|/favicon.ico|/manifest.json|/pwa_icon(/[0-9]+)?|/robots.txt",
            "/(assets|static|svelte)/.+",
            "/device/[a-z0-9-]+/(ort/)?[A-Za-z0-9.-]+",
            "/gradio_api/(info/?|openapi.json|app_id/?|login_check/?|user/?|theme.css|startup-events)",
            "/gradio_api/(upload|upload_progress|file=.+|cancel|reset/?)",
            "/gradio_api/(queue/(join|data)|heartbeat/[^/]+|run/[^/]+/?|api/[^/]+/?|call/.+)",
        ]
    ),
    re.DOTALL,
)


class OpenRoutes:
    """Middleware that lets through what ``OPEN`` names."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do so."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and OPEN.fullmatch(_path(scope))):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await PlainTextResponse("There is nothing here.", status_code=404)(scope, receive, send)
        else:
            await send({"type": "websocket.close"})  # the page uses none


def _path(scope: Scope) -> str:
    """The path as the router sees it: behind a proxy that leaves the page's own path (``GRADIO_ROOT_PATH``) on it, without."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path
