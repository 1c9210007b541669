"""Visitors who speak the page's own protocol: they compare, benchmark, export, cancel, and leave in the middle."""

from __future__ import annotations

import json
import random
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from asrquant.data.bundled import BUNDLED, example_clips

PRESETS = ("dynamic-int8", "mixed-int8", "speechbrain-int8", "dynamic-float16", "openvino-int8", "openvino-bf16")
ACTIONS = {
    "compare": 40, "benchmark": 10, "export": 10, "compare, cancelled": 10, "export, cancelled": 10, "compare, left": 10,
    "benchmark, left": 10,
}  # fmt: skip
"""What a visitor does next, by weight."""
PATIENCE = 300.0
"""Seconds for one answer."""


@dataclass
class Tally:
    """What all visitors saw."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, action: str, outcome: str, seconds: float) -> None:
        with self.lock:
            self.outcomes[action, outcome] += 1
            self.seconds.setdefault(action, []).append(seconds)

    def seen(self, response: httpx.Response) -> None:
        with self.lock:
            self.statuses[response.status_code] += 1
            if response.status_code >= 500:
                self.broken.append(f"{response.status_code} {response.request.method} {response.request.url.path}")


class Page:
    """Where each button's event is, by the button's id."""

    def __init__(self, url: str) -> None:
        self.url = url
        config = httpx.get(f"{url}/config", timeout=30).json()
        names = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
        self._names, self._dependencies = names, config["dependencies"]
        self._parts = {part["id"]: part for part in config["components"]}

    def events(self, name: str, kind: str = "click") -> list[tuple[int, int]]:
        """(number, count of inputs) of what happens when this is done to that element."""
        return [
            (int(event["id"]), len(event["inputs"]))
            for event in self._dependencies
            if [self._names[name], kind] in [list(target) for target in event["targets"]]
        ]

    def inputs(self, name: str, **values: Any) -> list[Any]:
        """What a click on that button sends from a page that nobody has touched, but for some inputs.

        Args:
            name: of the button.
            **values: by the input's id, else its label, else its kind, with ``_`` for anything else than a letter.
        """
        event = next(each for each in self._dependencies if [self._names[name], "click"] in map(list, each["targets"]))
        parts = [self._parts[each] for each in event["inputs"]]
        names = [
            re.sub(r"\W", "_", part["props"].get("elem_id") or part["props"].get("label") or part["type"])
            for part in parts
        ]
        return [values.get(each, part["props"].get("value")) for each, part in zip(names, parts, strict=True)]


class Visitor:
    """One browser, a tab for each thing that it does."""

    def __init__(self, page: Page, tally: Tally, seed: int) -> None:
        self._page, self._tally = page, tally
        self._random = random.Random(seed)
        self._session = ""
        self._secret = uuid.uuid4().hex
        self._client = httpx.Client(
            base_url=f"{page.url}/gradio_api", timeout=PATIENCE, event_hooks={"response": [tally.seen]}
        )

    def stay(self, until: float) -> None:
        """Do one thing after the other until the clock says ``until``."""
        while time.monotonic() < until:
            action = self._random.choices(list(ACTIONS), list(ACTIONS.values()))[0]
            begun = time.monotonic()
            try:
                outcome = self._do(action)
            except httpx.HTTPError as error:
                outcome = f"broken: {type(error).__name__}"
            self._tally.add(action, outcome, time.monotonic() - begun)
            time.sleep(self._random.uniform(0.1, 1.0))

    def _do(self, action: str) -> str:
        kind, _, manner = action.partition(", ")
        self._session = uuid.uuid4().hex  # a new tab of the same browser
        button, data, stop = getattr(self, f"_{kind}")()
        pause = self._random.uniform(0.0, 4.0) if manner else PATIENCE
        with self._tab() as tab:
            for message in self._ask(self._page.events(button)[0][0], data, pause):
                if message is None and manner == "left":
                    tab.close()
                    return "left"
                if message is None:
                    self._quick(stop, "click", [])
                    pause = PATIENCE
                elif message.get("msg") == "process_completed":
                    return _outcome(message)
                elif message.get("msg") in ("unexpected_error", "queue_full"):
                    return f"{message['msg']}"
        return "the stream ended"

    @contextmanager
    def _tab(self) -> Iterator[httpx.Client]:
        """The stream by which the page knows that a tab is open."""
        client = httpx.Client(base_url=f"{self._page.url}/gradio_api", timeout=None)

        def listen() -> None:
            try:
                with client.stream("GET", f"/heartbeat/{self._session}") as beats:
                    for _ in beats.iter_raw():
                        pass
            except (httpx.HTTPError, RuntimeError, OSError):
                return

        threading.Thread(target=listen, daemon=True).start()
        try:
            yield client
        finally:
            client.close()

    def _ask(self, event: int, data: list[Any], pause: float) -> Iterator[dict[str, Any] | None]:
        """The messages of an event; a None once ``pause`` seconds are over."""
        self._client.post("/queue/join", json=self._body(event, data)).raise_for_status()
        begun, reminded = time.monotonic(), False
        with self._client.stream("GET", "/queue/data", params={"session_hash": self._session}) as stream:
            for line in stream.iter_lines():
                if not reminded and time.monotonic() - begun > pause:
                    reminded = True
                    yield None
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    def _quick(self, name: str, kind: str, data: list[Any]) -> None:
        """Events that do not wait in the line."""
        for event, inputs in self._page.events(name, kind):
            body = self._body(event, data[:inputs])
            self._client.post("/run/predict", json=body).raise_for_status()

    def _body(self, event: int, data: list[Any]) -> dict[str, Any]:
        return {"data": data, "fn_index": event, "session_hash": self._session, "event_data": None}

    def _compare(self) -> tuple[str, list[Any], str]:
        clip = self._random.choice(example_clips())
        with clip.path.open("rb") as file:
            path = self._client.post("/upload", files={"files": (clip.path.name, file)}).json()[0]
        audio = {"path": path, "orig_name": clip.path.name, "meta": {"_type": "gradio.FileData"}}
        preset = self._random.choice(PRESETS)
        data = self._page.inputs(
            "transcribe", clip=audio, preset=preset, reference=clip.reference, Runs_of_each_model__median_is_shown_=1
        )
        return "transcribe", data, "cancel"

    def _benchmark(self) -> tuple[str, list[Any], str]:
        presets = self._random.sample(PRESETS, 2)
        data = self._page.inputs(
            "bench-run",
            bench_data=BUNDLED,
            bench_presets=presets,
            bench_limit=5,
            bench_deployed=False,
            Decoder="greedy",
        )
        return "bench-run", data, "bench-cancel"

    def _export(self) -> tuple[str, list[Any], str]:
        preset, form = self._random.choice((("dynamic-int8", "state-dict"), ("openvino-int8", "openvino-ir")))
        self._quick("export-preset", "change", [preset, "torchscript"])  # which offers that preset's formats
        data = self._page.inputs(
            "build", export_preset=preset, format=form, measure=False, Decoder="greedy", browserstate=self._secret
        )
        return "build", data, "export-cancel"


def _outcome(message: dict[str, Any]) -> str:
    """What the visitor reads at the end."""
    if not message.get("success"):
        return "refused: " + str(message.get("output", {}).get("error"))[:80]
    said = json.dumps(message["output"].get("data"))
    if problem := re.search(r"</b> ([^<]+)</div>", said):
        return re.sub(r"[\d.]+ [MG]B", "… MB", problem[1]).split(";")[0][:90]
    return "done" if "Done" in said else "no result"
