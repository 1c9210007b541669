"""The files of the tab "On your device", for everybody and read by nobody else's code: ``/device/MODEL/FILE``.

The scripts are the package's own. What a model's page needs besides is made by the worker, once for all visitors: while nobody
waits, or when the first one asks; until then ``page.json`` says how far that is, with the status 202.
"""

from __future__ import annotations

import mimetypes
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from asrquant.engines.onnxruntime.page import ASSETS, INDEX, SETTINGS
from asrquant.engines.registry import unavailable
from asrquant.jobs.device import QUANTIZED, DeviceRequest
from asrquant.jobs.supervisor import Supervisor
from asrquant.sources.loading import EMBEDDED
from asrquant.ui import session

ADDRESS = "/device"
_TAB = "On your device"
_AGAIN_SECONDS = 30.0
"""After something went wrong, until it is tried again."""
_POLICY = re.search(r'"Content-Security-Policy" content="([^"]+)"', (ASSETS / INDEX).read_text(encoding="utf-8"))
assert _POLICY is not None
_HEADERS = {
    "Content-Security-Policy": _POLICY[1],
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # it is asked for again, and not sent again where it is the same
}
_TYPES = {
    ".js": "text/javascript",
    ".gz": "application/gzip",
    ".onnx": "application/octet-stream",
    ".arpa": "text/plain",
}


def _files(folder: Path) -> dict[str, Path]:
    """Every file below a folder by its address there, so that no address can lead anywhere else."""
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


class _Prepared:
    """The page of one model: its files once they are there, else how far they are, or what is wrong."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.files: Mapping[str, Path] = _files(ASSETS)
        self.ready = False
        self._lock = threading.Lock()
        self._at_work = False
        self._stage, self._problem, self._again_at = "waiting for a turn", "", 0.0

    def request(self) -> DeviceRequest:
        """What the worker is asked; the folder goes with the server."""
        return DeviceRequest(self.model, Path(tempfile.gettempdir()))

    def learn(self, found: object) -> None:
        """Take over what the worker has made; a second one is of no use."""
        if not isinstance(found, Path):
            return
        with self._lock:
            if self.ready:
                shutil.rmtree(found, ignore_errors=True)
            else:
                self.files, self.ready, self._problem = _files(found), True, ""

    def state(self) -> JSONResponse:
        """How far it is; begins, where nobody has."""
        if reason := unavailable(QUANTIZED):
            return _said({"problem": reason}, 503)
        with self._lock:
            if self._problem and time.monotonic() < self._again_at:
                return _said({"problem": self._problem}, 503)
            if not self._at_work:
                self._at_work, self._problem = True, ""
                threading.Thread(target=self._make, name=f"device {self.model}", daemon=True).start()
            return _said({"stage": f"the server makes the models ready: {self._stage}"}, 202)

    def _make(self) -> None:
        problem = ""
        try:
            for event in session.run(None, _TAB, self.request):
                match event:
                    case session.Step(stage=stage):
                        self._stage = stage
                    case session.Failed(message=message):
                        problem = message
                    case session.Done(value=value):
                        self.learn(value)
        finally:
            with self._lock:
                self._at_work, self._problem = False, problem
                self._again_at = time.monotonic() + _AGAIN_SECONDS


_pages = {model: _Prepared(model) for model in EMBEDDED}


def _said(what: Mapping[str, str], status: int) -> JSONResponse:
    return JSONResponse(what, status_code=status, headers={"Cache-Control": "no-store"})


async def _answer(request: Request) -> Response:
    page, name = _pages.get(request.path_params["model"]), request.path_params["file"]
    if page and name == SETTINGS and not page.ready:
        return page.state()
    if page is None or (path := page.files.get(name)) is None:
        return PlainTextResponse("There is nothing here.", status_code=404)
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0]
    return FileResponse(path, media_type=kind, headers=_HEADERS)


ROUTES = [Route(f"{ADDRESS}/{{model}}/{{file:path}}", _answer)]


def offer(supervisor: Supervisor) -> None:
    """Have the pages made while nobody waits, where they can be."""
    if unavailable(QUANTIZED) is None:
        for page in _pages.values():
            supervisor.spare.offer(page.request(), page.learn)
