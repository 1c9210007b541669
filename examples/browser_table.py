"""Original and int8 in a browser against Python on the same machine, one thread each, as a Markdown table.

python examples/browser_table.py

The format `web` is exported, served on this machine, and opened in Chromium in a fresh profile: how long it takes until it can be
used, how many bytes that is, and the encoder's RTF, of the same ONNX files in ONNX Runtime Web and in ONNX Runtime, in turns.
With `--page http://127.0.0.1:7860` the tab "On your device" of a page that runs is opened, too. Needs playwright
(tests/requirements.txt) and Chromium.
"""

from __future__ import annotations

import argparse
import base64
import statistics
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from playwright.sync_api import sync_playwright

import asrquant
from asrquant.base import terminal
from asrquant.base.tables import markdown
from asrquant.engines.onnxruntime.encoder import OnnxEncoder
from asrquant.engines.onnxruntime.page import FLOAT, INT8
from asrquant.export.browser import find_browser

_FILES = {"Original": FLOAT, "Quantized": INT8}
_RUNS = 9
_OPEN = """async () => {
    const {Device, settings} = await import('/device.js'), stop = new AbortController().signal;
    window.device = new Device(await settings(() => {}, stop));
    await device.open(() => {}, stop);
}"""
_HEAR = """async ([name, wave]) => {
    const floats = new Float32Array(Uint8Array.from(atob(wave), (letter) => letter.charCodeAt(0)).buffer);
    return (await device.hear(device.page.models.find((model) => model.name === name), floats, 'greedy')).seconds;
}"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", metavar="URL", help="of a page that runs, to open its tab, too")
    page = parser.parse_args().page
    torch.set_num_threads(1)
    original = asrquant.load("an4")
    with tempfile.TemporaryDirectory() as folder:
        recognizer = asrquant.quantize(original, "onnx-int8")
        artifact = asrquant.export(recognizer, "web", folder, original=original)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(artifact.folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
            address = f"http://127.0.0.1:{server.server_port}/"
            opened = [_opened(browser, address) for _ in range(3)]
            print(f"Until it can be used, three fresh profiles: {', '.join(f'{each:.1f} s' for each in opened)}")
            if page:
                tabs = [_tab(browser, page) for _ in range(3)]
                print(f"The tab, from the click: {', '.join(f'{each:.1f} s' for each in tabs)}")
            rows = _rates(browser, address, artifact.folder)
            print(f"Loaded: {_bytes(artifact.folder):,} bytes, {browser.version}, {_RUNS} alternating runs, medians\n")
            browser.close()
        server.shutdown()
    print(markdown(pd.DataFrame(rows)))


def _opened(browser: Any, address: str) -> float:
    page = browser.new_context().new_page()
    begun = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    took = time.perf_counter() - begun
    page.context.close()
    return took


def _tab(browser: Any, address: str) -> float:
    """Seconds from a click on the tab; the server has its models ready from the first one on, which is not counted."""
    took = 0.0
    for _ in range(2):
        page = browser.new_context().new_page()
        page.goto(address)
        page.wait_for_selector("#examples button", timeout=60_000)
        begun = time.perf_counter()
        page.get_by_role("tab", name="On your device", exact=True).click()
        page.frame_locator("#device iframe").locator("html[data-ready]").wait_for(timeout=120_000)
        took = time.perf_counter() - begun
        page.context.close()
    return took


def _rates(browser: Any, address: str, folder: Path) -> list[dict[str, str]]:
    page = browser.new_context().new_page()
    page.goto(f"{address}page.json")  # an origin to be in, without the page's own models in memory
    page.evaluate(_OPEN)
    speech = np.concatenate([clip.audio().samples for clip in asrquant.example_clips()])
    encoders = {name: OnnxEncoder(folder / file) for name, file in _FILES.items()}
    rows = []
    for seconds in (3, 10, 20):
        wave = speech[: seconds * 16_000]
        sent = base64.b64encode(wave.tobytes()).decode()
        times: dict[tuple[str, str], list[float]] = {}
        for _ in range(_RUNS + 1):  # the first is to get warm
            for name, encoder in encoders.items():
                times.setdefault((name, "browser"), []).append(page.evaluate(_HEAR, [name, sent]))
                begun = time.perf_counter()
                encoder(torch.from_numpy(wave)[None])
                times.setdefault((name, "Python"), []).append(time.perf_counter() - begun)
        for name, file in _FILES.items():
            rtf = {where: statistics.median(times[name, where][1:]) / seconds for where in ("browser", "Python")}
            rows.append(
                {
                    "model": name,
                    "file (MB)": f"{(folder / file).stat().st_size / 1e6:.1f}",
                    "clip (s)": str(seconds),
                    "RTF browser": f"{rtf['browser']:.4f}",
                    "RTF Python": f"{rtf['Python']:.4f}",
                    "browser / Python": f"{rtf['browser'] / rtf['Python']:.1f}",
                }
            )
    page.context.close()
    return rows


def _bytes(folder: Path) -> int:
    """What the page fetches: all of the folder but what is for Python, for people, and for WebGPU."""
    ours = {"README.md", "SHA256SUMS", "LICENSE", "answers.npz", "manifest.json", "transcribe.py"}
    ours |= {"ort/manifest.json", "ort/LICENSE", "ort/ThirdPartyNotices.txt.gz"}
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return sum(path.stat().st_size for name, path in paths.items() if name not in ours and "jspi" not in name)


if __name__ == "__main__":
    terminal.prepare()
    main()
