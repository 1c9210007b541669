"""A page of an artifact, opened in a browser of this machine: whether it answers there as the models do here."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from asrquant.base.errors import ExportError
from asrquant.base.progress import Progress
from asrquant.data.bundled import example_clips
from asrquant.export.manifest import BrowserCheck
from asrquant.model.recognizer import Recognizer
from asrquant.text.greedy import Greedy

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_SCRIPT = Path(__file__).with_name("browser_check.js")
_PAGE = b'<!doctype html><title>check</title><script type="module" src="/browser_check.js"></script>'
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)  # fmt: skip
"""As root it has no sandbox to start in, and it opens nothing but what was just made here; no other host can be reached."""
_START_SECONDS, _LONGEST_SECONDS = 60, 600
_NONE = "no Chromium was found where it was made"


@dataclass
class _Said:
    """What the page has posted so far, by name."""

    texts: dict[str, str] = field(default_factory=dict)
    log_probs: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)


def find_browser() -> str | None:
    """The program of a browser on this machine; None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def try_in_browser(folder: Path, recognizer: Recognizer, original: Recognizer, progress: Progress) -> BrowserCheck:
    """Open an artifact's page in a browser and have it transcribe the bundled clips.

    Args:
        folder: the artifact's.
        recognizer: the quantized one that is in it.
        original: the float one.
        progress: called while it runs; may raise ``Cancelled``, which ends the browser.

    Raises:
        ExportError: the page does not work in the browser.
    """
    if (program := find_browser()) is None:
        return BrowserCheck(note=_NONE)
    waves = [clip.audio().samples for clip in example_clips()]
    said = _Said()
    with _served(folder, waves, said) as address, _opened(program, address) as browser:
        if not _wait(browser, said, progress):
            return BrowserCheck(note=f"{Path(program).name} could not be started where it was made")
    if problem := said.texts.get("failed"):
        raise ExportError(
            f"The page was opened in {_name(said)} and does not work there, so it was not kept: {problem}"
        )
    return _compared(said, waves, recognizer, original)


def _compared(
    said: _Said, waves: list[npt.NDArray[np.float32]], recognizer: Recognizer, original: Recognizer
) -> BrowserCheck:
    largest, same, frames, texts = 0.0, 0, 0, [0, 0]
    for clip, wave in enumerate(waves):
        for index, model in enumerate((original, recognizer)):
            with torch.inference_mode():
                expected = model.encoder(torch.from_numpy(wave)[None])[0]
            heard = said.log_probs[f"log-probs-{index}-{clip}"]
            if heard.size != expected.numel():
                raise ExportError("The page gives another number of frames than the model, so it was not kept.")
            found = torch.from_numpy(heard.reshape(expected.shape))
            texts[index] += said.texts[f"text-{index}-{clip}"] == Greedy(model.vocabulary)(expected)
            if model is original:
                difference = float((found - expected).abs().max())
                largest = max(largest, difference) if difference == difference else float("inf")
            else:
                same += int((found.argmax(-1) == expected.argmax(-1)).sum())
                frames += len(expected)
    return BrowserCheck(
        browser=_name(said),
        clips=len(waves),
        largest=min(largest, 1e30),  # JSON has no infinity
        same_best=same / frames,
        original_texts=texts[0],
        quantized_texts=texts[1],
    )


def _name(said: _Said) -> str:
    """As people know the browser, from what it calls itself."""
    match = re.search(r"Chrome/([\d.]+)", said.texts["begun"])
    return f"Chromium {match[1].split('.')[0]}" if match else "a browser"


def _wait(browser: subprocess.Popen[bytes], said: _Said, progress: Progress) -> bool:
    """Until the page is done; False where the browser did not come up."""
    begun = time.monotonic()
    while not {"done", "failed"} & said.texts.keys():
        progress("opening the page in a browser", 0, 1)
        waited = time.monotonic() - begun
        if "begun" not in said.texts:
            if browser.poll() is not None or waited > _START_SECONDS:
                return False
        elif browser.poll() is not None or waited > _LONGEST_SECONDS:
            raise ExportError(f"The page did not come to its end in {_name(said)}, so it was not kept.")
        time.sleep(0.1)
    return True


@contextmanager
def _opened(program: str, address: str) -> Iterator[subprocess.Popen[bytes]]:
    """A browser with a fresh profile. It is of this process's group, which is killed as a whole where this one has to be."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={profile}", address],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield browser
        finally:
            _kill(browser)


def _kill(browser: subprocess.Popen[bytes]) -> None:
    """End it with what it has started, which does not always end by itself where it has just come up."""
    browser.send_signal(signal.SIGSTOP)  # so that it starts no more
    for pid in _descendants(browser.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    browser.kill()
    browser.wait()


def _descendants(parent: int) -> set[int]:
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found, more = set[int](), {parent}
    while more:
        more = {pid for pid, its in parents.items() if its in more} - found
        found |= more
    return found


@contextmanager
def _served(folder: Path, waves: list[npt.NDArray[np.float32]], said: _Said) -> Iterator[str]:
    """The artifact on a port of this machine, as any static host would serve it, with what tries it."""
    extra = {
        "/check": _PAGE,
        "/browser_check.js": _SCRIPT.read_bytes(),
        "/clips": str(len(waves)).encode(),
        **{f"/clips/{index}": wave.tobytes() for index, wave in enumerate(waves)},
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, extra, said, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="page for the browser", daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/check"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    """Files of the folder, what tries them, and an ear for what they say."""

    def __init__(self, extra: Mapping[str, bytes], said: _Said, *request: object, directory: str) -> None:
        self._extra, self._said = extra, said
        super().__init__(*request, directory=directory)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        """A file, or what tries them."""
        if (body := self._extra.get(self.path)) is None:
            super().do_GET()
            return
        self.send_response(200)
        kind = (
            "text/javascript"
            if self.path.endswith(".js")
            else "text/html"
            if body is _PAGE
            else "application/octet-stream"
        )
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Hear what the page says."""
        name, body = self.path.removeprefix("/said/"), self.rfile.read(int(self.headers["Content-Length"]))
        if name.startswith("log-probs"):
            self._said.log_probs[name] = np.frombuffer(body, dtype=np.float32).copy()
        else:
            self._said.texts[name] = body.decode(errors="replace")
        self.send_response(204)
        self.end_headers()
