"""The real server and a real browser, for the tests of the page: fixtures, loaded by ``conftest.py``."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LIGHT = shutil.which("chromium-headless-shell") or CHROMIUM
"""The same engine without a browser's own pages around it, which takes little more than half of the processor's time."""
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SLOW = 90_000  # milliseconds; what takes long is loading and quantizing on a busy machine

PARTS = ("#examples button", "#clip", "#preset input", "#reference textarea, #reference input", "#transcribe")
"""Of the first tab, which come one by one: a page is there once all of them are."""

NEEDS_CHROMIUM = [
    pytest.mark.page,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"),
]


def start_server(
    folder: Path, checkout: Path = ROOT, before: Sequence[str] = (), **environment: str
) -> tuple[subprocess.Popen[bytes], str]:
    """The page on a free port, its files below ``folder``, once it answers: the process and its address.

    Args:
        folder: with room for files.
        checkout: that ``app.py`` is started in.
        before: a command that starts the one that it is followed by, as ``taskset`` does.
        **environment: on top of our own.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "tmp").mkdir(exist_ok=True)
    own = {
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "files"),
        "ASRQUANT_EXPORTS": str(folder / "exports"),
        "TMPDIR": str(folder / "tmp"),
        "ASRQUANT_RACE": "0",  # which would take the processor in every test's first minute
        "ASRQUANT_SHOWCASE": "0",  # the same, and most tests begin with an empty page
        "HF_HUB_OFFLINE": "1",  # but for the tests that have a Hub of their own
    }
    log = folder / "log.txt"
    with log.open("a") as out:
        server = subprocess.Popen(
            [*before, sys.executable, "app.py"],
            cwd=checkout, env={**os.environ, **own, **environment}, stdout=out, stderr=out,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(url, timeout=2)
            break
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.5)
    return server, url


@contextmanager
def serve(folder: Path, checkout: Path = ROOT, before: Sequence[str] = (), **environment: str) -> Iterator[str]:
    """As ``start_server``; yields the page's address, and sees that it ends well."""
    server, url = start_server(folder, checkout, before, **environment)
    try:
        yield url
    finally:
        server.terminate()
        assert server.wait(20) == 0
    assert leftovers(folder) == []
    # Gradio logs its own refusals of forged values with a traceback; none may come from our code.
    log = (folder / "log.txt").read_text()
    assert f'File "{checkout / "asrquant"}' not in log, log
    assert not [word for word in ("Loading the LM", "unigrams", "[transformers]", "public link") if word in log], log


def leftovers(folder: Path) -> list[str]:
    """Temporary files of servers on ``folder``, but for those that Gradio makes when it is imported."""
    return [path.name for path in (folder / "tmp").iterdir() if path.name != "gradio"]


def health(url: str) -> dict[str, Any]:
    """What ``/health`` says, at once."""
    with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
        return json.load(answer)


def wait_for(url: str, *states: str, seconds: float = 60) -> float:
    """Seconds until the worker is in one of the states."""
    begun = time.monotonic()
    while health(url)["worker"] not in states:
        assert time.monotonic() - begun < seconds, health(url)
        time.sleep(0.05)
    return time.monotonic() - begun


def wait_for_work(url: str, seconds: float = 1) -> None:
    """Until a job is deep in what it does, which for ``openvino-int8-accurate`` is a conversion that reports nothing."""
    while (health(url)["job_seconds"] or 0) < seconds:
        time.sleep(0.05)


def transcribe(page: Any, path: Path) -> list[str]:
    """Both transcripts of a file on a page of the format web, or in its frame, without what is said of changed words."""
    page.set_input_files("#file", str(path))
    page.wait_for_selector(f"#clip:has-text('{path.name}')", timeout=SLOW)
    page.wait_for_selector("#status:has-text('Done.')", timeout=SLOW)
    said = page.locator(".transcript p").all_inner_texts()
    return [" ".join(re.sub(r"\s*\((changed|added|lost when quantized)\)", "", each).split()) for each in said]


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def address(server_folder: Path) -> Iterator[str]:
    with serve(server_folder) as url:
        until = time.monotonic() + 10  # the server answers a moment before it says where
        while url not in (server_folder / "log.txt").read_text():
            assert time.monotonic() < until, "the address is not printed"
            time.sleep(0.1)
        yield url


@pytest.fixture(scope="session")
def playwright_driver():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright_driver):
    browser = playwright_driver.chromium.launch(executable_path=LIGHT, args=FLAGS)
    yield browser
    browser.close()


def watch(page, complaints: list[str], addresses: list[str], forgiven: tuple[str, ...] = ()) -> None:
    """Add a page's console errors to ``complaints``, and what it asks of others than ``addresses``.

    Errors that begin with a text of ``forgiven`` are what the test is about.
    """

    def foreign(url: str) -> bool:
        return not url.startswith((*addresses, "data:", "blob:"))

    def read(message) -> None:
        if message.type == "error" and not message.text.startswith(forgiven):
            complaints.append(f"{message.text} ({message.location['url']})")

    page.on("console", read)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    page.on("request", lambda r: complaints.append(r.url) if foreign(r.url) else None)


@pytest.fixture
def open_page(browser, address):
    """Opens pages that must stay free of console errors and must ask nobody but our server."""
    contexts, complaints, addresses = [], [], [address]

    def open_(theme: str = "light", forgiven: tuple[str, ...] = (), url: str = address, **context):
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context}))
        page = contexts[-1].new_page()
        addresses.append(url)
        watch(page, complaints, addresses, forgiven)
        page.goto(f"{url}/?__theme={theme}")
        for part in PARTS:
            page.wait_for_selector(part, timeout=SLOW)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
