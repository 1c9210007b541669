"""What a Space is to the page, for tests: no root, two cores, a read-only checkout, Node, a proxy, another site's frame."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from pages import ROOT
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

PREFIX = "/some/path"
NOBODY = 65534
# As huggingface.co embeds a Space.
FRAME = (
    '<!doctype html><meta name="viewport" content="width=device-width"><body style="margin:0"><iframe src="{url}" '
    'allow="microphone; clipboard-write" sandbox="allow-downloads allow-forms allow-modals allow-popups '
    'allow-popups-to-escape-sandbox allow-same-origin allow-scripts allow-storage-access-by-user-activation" '
    'style="display:block;border:0;width:100vw;height:100vh"></iframe>'
)


def read_only_checkout(folder: Path) -> Path:
    """A copy of what the page needs, which nobody may write to."""
    checkout = folder / "app"
    skipped = shutil.ignore_patterns("__pycache__", "exports")
    for name in ("asrquant", "artifacts", "examples/clips"):
        shutil.copytree(ROOT / name, checkout / name, ignore=skipped)
    shutil.copy(ROOT / "app.py", checkout)
    for path in (checkout, *checkout.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222 | 0o444)
    return checkout


def writable(folder: Path) -> None:
    """So that the folder can be removed again."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(path.stat().st_mode | stat.S_IRWXU)


def without_root() -> list[str]:
    """What starts a program on two cores and as nobody; where nobody can reach our Python, as a root without its powers."""
    cores = ["taskset", "--cpu-list", ",".join(map(str, sorted(os.sched_getaffinity(0))[:2]))]
    if os.getuid() != 0:
        return cores
    powerless = [*cores, "setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    # What setpriv starts is still found with root's powers, what that starts is not.
    nobody = [*powerless, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env"]
    reaches = subprocess.run([*nobody, sys.executable, "-c", "import gradio"], cwd="/", capture_output=True)
    return nobody if reaches.returncode == 0 else powerless


def node(folder: Path) -> tuple[Path, Path]:
    """A folder for PATH whose ``node`` leaves a mark when it is started, and the mark. It runs the machine's own from 24 on."""
    mark, program = folder / "node-was-started", folder / "bin" / "node"
    real = shutil.which("node")
    major = (
        subprocess.run([real, "--version"], capture_output=True, text=True).stdout[1:].split(".")[0] if real else "0"
    )
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ntouch {mark}\n{f"exec {real}" if int(major or 0) >= 24 else "false"} "$@"\n')
    program.chmod(0o755)
    return program.parent, mark


@contextmanager
def proxied(server: str) -> Iterator[tuple[str, str]]:
    """Show a server below ``PREFIX``, as nginx does; yields that address, and that of another site's page with it in a frame."""
    client = httpx.AsyncClient(base_url=server, timeout=None)

    async def forward(request: Request) -> Response:
        client_host = request.client.host if request.client else ""
        headers = {
            **request.headers,
            "x-forwarded-for": client_host,
            "x-forwarded-host": request.headers["host"],
            "x-forwarded-proto": request.url.scheme,
            "x-forwarded-prefix": PREFIX,
        }
        path = request.scope["raw_path"].decode().removeprefix(PREFIX) + f"?{request.url.query}" * bool(
            request.url.query
        )
        asked = client.build_request(request.method, path, headers=headers, content=request.stream())
        answer = await client.send(asked, stream=True)
        return StreamingResponse(
            answer.aiter_raw(), answer.status_code, dict(answer.headers), background=BackgroundTask(answer.aclose)
        )

    async def frame(request: Request) -> HTMLResponse:
        return HTMLResponse(FRAME.format(url=f"http://127.0.0.1:{port}{PREFIX}/?{request.url.query}"))

    async def icon(request: Request) -> Response:  # which browsers ask of the host, whatever the page's path
        return Response(status_code=204)

    methods = ["GET", "POST", "HEAD", "DELETE"]
    routes = [
        Route("/frame", frame),
        Route("/favicon.ico", icon),
        Route(f"{PREFIX}/{{path:path}}", forward, methods=methods),
    ]
    app = Starlette(routes=routes)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    running = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    while not running.started:
        time.sleep(0.01)
    try:
        # "localhost" and "127.0.0.1" are different sites.
        yield f"http://127.0.0.1:{port}{PREFIX}", f"http://localhost:{port}/frame"
    finally:
        running.should_exit = True
        thread.join()
