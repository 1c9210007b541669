"""How fast the page is to look at, beside an empty Gradio page on the same machine, in turns.

python examples/first_paint.py [--loads 7] [--slow 4]

Both are served over loopback; Chromium loads them with an empty cache and its processor slowed down. Prints Markdown: first paint
(the browser's own entry), the time until the page can be used (its first button is there, ours with the finished comparison), the
bytes that came, and whether Plotly was among them. Needs playwright (tests/requirements.txt) and Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from asrquant.measure.machine import this_machine  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)
EMPTY = """
import gradio as gr
with gr.Blocks(analytics_enabled=False) as page:
    gr.Button("Go", elem_id="go")
page.launch(quiet=True, ssr_mode=False, server_port={port})
"""
OURS, THEIRS = "asrquant", "empty Gradio page"
USABLE = {OURS: ("#cards .aq-figures", "#transcribe"), THEIRS: ("#go",)}
WATCH = """
    const wanted = %s;
    const look = () => {
        if (!wanted.every(each => document.querySelector(each)?.checkVisibility())) return requestAnimationFrame(look);
        window.usable = performance.now();
    };
    requestAnimationFrame(look);
"""
"""Notes when all of these can be seen, looking at each frame that the browser draws."""


@dataclass(frozen=True)
class Load:
    """One load, by the browser's clock: seconds to the first paint and until it can be used, bytes, and whether Plotly came."""

    paint: float
    usable: float
    bytes: int
    plotly: bool


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def served(command: list[str], port: int, **environment: str) -> Iterator[str]:
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(url, timeout=2)
                break
            except OSError:
                time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def load(browser: Browser, url: str, wanted: tuple[str, ...], slow: float) -> Load:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": slow})
    came: list[int] = []
    names: list[str] = []
    devtools.on("Network.loadingFinished", lambda event: came.append(int(event["encodedDataLength"])))
    page.on("request", lambda request: names.append(request.url))
    page.add_init_script(WATCH % json.dumps(wanted))
    page.goto(url, wait_until="commit")
    page.wait_for_function("window.usable", timeout=120_000)
    usable = page.evaluate("window.usable") / 1_000
    page.wait_for_timeout(1_500)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1_000
    context.close()
    return Load(paint, usable, sum(came), any("plotly" in name.lower() for name in names))


def finished(browser: Browser, url: str) -> None:
    """Wait until pages begin with a finished comparison."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector("#cards .aq-sentence", timeout=60_000)
        there = "being measured" not in page.locator("#cards").inner_text()
        page.close()
        if there:
            return
        time.sleep(2)
    raise SystemExit("The page does not begin with a finished comparison; is the machine very busy?")


def row(name: str, loads: list[Load]) -> str:
    def spread(values: list[float]) -> str:
        return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"

    paints, usable = [each.paint for each in loads], [each.usable for each in loads]
    megabytes = f"{median(each.bytes for each in loads) / 1e6:.2f}"
    plotly = "yes" if any(each.plotly for each in loads) else "no"
    return f"| {name} | {spread(paints)} | {spread(usable)} | {megabytes} | {plotly} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loads", type=int, default=7)
    parser.add_argument("--slow", type=float, default=4)
    given = parser.parse_args()
    ports = {OURS: free_port(), THEIRS: free_port()}
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as driver:
        settings = {
            "GRADIO_SERVER_PORT": str(ports[OURS]), "ASRQUANT_RACE": "0", "ASRQUANT_CACHE": f"{temporary}/cache",
            "ASRQUANT_EXPORTS": f"{temporary}/exports", "HF_HUB_OFFLINE": "1",
        }  # fmt: skip
        empty = [sys.executable, "-c", EMPTY.format(port=ports[THEIRS])]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        with (
            served([sys.executable, "app.py"], ports[OURS], **settings) as ours,
            served(empty, ports[THEIRS], HF_HUB_OFFLINE="1") as theirs,
        ):
            finished(browser, ours)
            addresses, loads = {OURS: ours, THEIRS: theirs}, {OURS: [], THEIRS: []}
            for turn in range(given.loads + 1):
                for name, url in addresses.items():
                    found = load(browser, url, USABLE[name], given.slow)
                    if turn:  # the first one has the servers read their files
                        loads[name].append(found)
        browser.close()
    print("| page | first paint (s) | usable (s) | MB | Plotly |\n| --- | --- | --- | --- | --- |")
    print("\n".join(row(name, found) for name, found in loads.items()))
    paint = {name: median(each.paint for each in found) for name, found in loads.items()}
    late = median(each.usable for each in loads[OURS]) - paint[OURS]
    print(
        f"\nFirst paint {paint[OURS] / paint[THEIRS]:.2f} times the empty page's, usable {late:.1f} s after it; medians of "
        f"{given.loads} loads in turns, in brackets the range; processor slowed down {given.slow:g} times, over loopback. "
        f"{this_machine()}"
    )


if __name__ == "__main__":
    main()
