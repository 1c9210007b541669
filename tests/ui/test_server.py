"""The server as strangers, load balancers and operators meet it: raw HTTP, signals and forged values, no browser."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pages import ROOT, health, leftovers, serve, start_server, wait_for, wait_for_work
from test_session import gone

from asrquant import example_clips
from asrquant.jobs import supervisor
from asrquant.ui import server

CLIP = example_clips()[0]
LONG = "openvino-int8-accurate"  # takes many seconds to build


class Visitor:
    """Speaks the page's protocol: joins the queue, and listens until its event has ended."""

    def __init__(self, url: str, name: str) -> None:
        self.url, self.name, self.http = f"{url}/gradio_api", name, httpx.Client(timeout=120)
        self.config = self.http.get(f"{url}/config").json()
        self.ids = {c["props"].get("elem_id"): c["id"] for c in self.config["components"]}
        self.chosen: Any = {"index": 0, "preset": "dynamic-int8"}  # of whatever has several things to click

    def event(self, elem_id: str, kind: str = "click") -> dict[str, Any]:
        return next(d for d in self.config["dependencies"] if [self.ids[elem_id], kind] in d["targets"])

    def names(self, event: dict[str, Any]) -> list[str]:
        """What its inputs are called: by their id, else their label, else what they are."""
        parts = {c["id"]: c for c in self.config["components"]}
        inputs = [parts[each] for each in event["inputs"]]
        return [c["props"].get("elem_id") or c["props"].get("label") or c["type"] for c in inputs]

    def data(self, event: dict[str, Any], **values: Any) -> list[Any]:
        """What an untouched page would send, but for some inputs; in their names ``_`` stands for what is no letter."""
        parts = {c["id"]: c["props"] for c in self.config["components"]}
        names = [re.sub(r"\W", "_", name) for name in self.names(event)]
        assert set(values) <= set(names), (values, names)
        return [values.get(name, parts[each].get("value")) for name, each in zip(names, event["inputs"], strict=True)]

    def join(self, event: dict[str, Any], data: list[Any]) -> httpx.Response:
        body = {"fn_index": event["id"], "data": data, "session_hash": self.name, "event_data": self.chosen}
        return self.http.post(f"{self.url}/queue/join", json=body)

    def messages(self) -> Iterator[dict[str, Any]]:
        with self.http.stream("GET", f"{self.url}/queue/data?session_hash={self.name}") as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line[5:])

    def ask(self, event: dict[str, Any], data: list[Any]) -> dict[str, Any]:
        """The last message, which has the outcome; or the refusal."""
        refused = self.join(event, data)
        if refused.status_code != 200:
            assert refused.status_code < 500, refused.text
            return {"success": False}
        return next(m for m in self.messages() if m["msg"] == "process_completed")

    def upload(self, path: Path) -> dict[str, Any]:
        kept = self.http.post(f"{self.url}/upload", files={"files": (path.name, path.read_bytes())}).json()[0]
        return {"path": kept, "meta": {"_type": "gradio.FileData"}}


def worker_of(server_process: int) -> int:
    """The process that computes: the server's child that has a group of its own."""
    found = [int(c) for f in Path(f"/proc/{server_process}/task").glob("*/children") for c in f.read_text().split()]
    return next(child for child in found if os.getpgid(child) == child)


def compare(visitor: Visitor, preset: str = "dynamic-int8", clip: Any = None) -> list[Any]:
    return visitor.data(
        visitor.event("transcribe"), clip=clip or visitor.upload(CLIP.path), preset=preset, reference=CLIP.reference,
        Decoder="greedy", Runs_of_each_model__median_is_shown_=1,
    )  # fmt: skip


def benchmark(visitor: Visitor, **values: Any) -> list[Any]:
    quick = {"bench_presets": ["dynamic-int8"], "bench_limit": 1, "bench_deployed": False, "Decoder": "greedy"}
    return visitor.data(visitor.event("bench-run"), **{**quick, **values})


def build(visitor: Visitor, /, **values: Any) -> list[Any]:
    return visitor.data(visitor.event("build"), measure=False, Decoder="greedy", **values)


class Page:
    """The server, which tests start again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()

    def start(self) -> None:
        self.process, self.url = start_server(self.folder)
        wait_for(self.url, "idle")

    def visitor_at_work(self, name: str) -> tuple[Visitor, int]:
        """A visitor whose long job runs, and the process that does it."""
        wait_for(self.url, "idle")
        visitor = Visitor(self.url, name)
        visitor.join(visitor.event("transcribe"), compare(visitor, LONG))
        wait_for_work(self.url)
        return visitor, worker_of(self.process.pid)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Page]:
    running = Page(tmp_path_factory.mktemp("raw"))
    yield running
    running.process.kill()
    running.process.wait()
    log = (running.folder / "log.txt").read_text()
    # Gradio logs its own refusals of forged values with a traceback; none may come from our code.
    assert f'File "{ROOT / "asrquant"}' not in log, log
    assert all(word not in log for word in (CLIP.reference, CLIP.path.stem))


@pytest.fixture
def url(page) -> str:
    return page.url


def test_health_says_what_the_worker_does(url) -> None:
    said = health(url)
    assert said["status"] == "ok" and said["worker"] == "idle" and said["job_seconds"] is None and said["uptime"] > 0
    assert said["version"] == "0.1.0" and said["waiting"] == 0


def test_two_visitors_at_once(url) -> None:
    visitors = [Visitor(url, f"two{i}") for i in range(2)]
    ends = []
    threads = [
        threading.Thread(target=lambda v=v: ends.append(v.ask(v.event("transcribe"), compare(v)))) for v in visitors
    ]
    done = health(url)["jobs_done"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(end["success"] and "Done." in json.dumps(end) for end in ends)
    assert health(url)["jobs_done"] == done + 2


@pytest.mark.long
def test_a_dropped_connection_frees_the_machine(url) -> None:
    visitor = Visitor(url, "dropping")
    for path in ("transcribe", None):  # the page's endpoint, and the one for programs; neither sends a heartbeat
        if path:
            visitor.join(visitor.event(path), compare(visitor, LONG))
            stream = f"{visitor.url}/queue/data?session_hash={visitor.name}"
        else:
            asked = [visitor.upload(CLIP.path), LONG, CLIP.reference, "an4", "greedy", 1, None, "mix", None, None]
            said = visitor.http.post(f"{visitor.url}/call/compare", json={"data": asked}).json()
            stream = f"{visitor.url}/call/compare/{said['event_id']}"
        with visitor.http.stream("GET", stream):
            wait_for_work(url)
        assert wait_for(url, "idle", "starting") < supervisor.GRACE_SECONDS + 2
        wait_for(url, "idle")


def test_forged_values_end_in_a_sentence(url) -> None:
    """The log is read for tracebacks from our code when the server ends."""
    visitor = Visitor(url, "forger")
    everything = [d for d in visitor.config["dependencies"] if d["backend_fn"]]
    assert len(everything) > 15
    for junk in (None, "../../etc/passwd", -1, 1e308, True, ["an4"], {"a": [1]}, [[1]]):
        for event in everything:
            visitor.ask(event, [junk] * len(event["inputs"]))
    clip = visitor.upload(CLIP.path)
    elsewhere = [{**clip, "path": path} for path in ("/etc/passwd", "app.py", "../../etc/passwd")]
    for button, honest, forged in (
        (
            "transcribe", compare(visitor, clip=clip),
            {"clip": elsewhere, "preset": [None, ["custom"]], "model": ["/etc", ["an4"]], "Decoder": [None, ["greedy"]],
             "Runs of each model (median is shown)": [None, "2", [1]]},
        ),
        (
            "bench-run", benchmark(visitor),
            {"bench-data": ["a folder"], "bench-zip": elsewhere, "bench-limit": ["7", [2], None, 0, 2.5],
             "bench-presets": [[], "original", ["original", None], [["original"]]], "bench-model": [["an4"]],
             "Decoder": [["greedy"]]},
        ),
        (
            "build", build(visitor),
            {"export-preset": [["original"]], "format": [None, "zip", ["torchscript"]], "export-model": [["an4"]],
             "Decoder": [None]},
        ),
    ):  # fmt: skip
        event = visitor.event(button)
        for name, value in ((name, value) for name, values in forged.items() for value in values):
            place = visitor.names(event).index(name)
            end = visitor.ask(event, [*honest[:place], value, *honest[place + 1 :]])
            said = json.dumps(end)
            assert not end["success"] or ("aq-problem" in said and "our side" not in said), (button, name, value, end)


def test_a_killed_worker_fails_its_job_only(page) -> None:
    visitor, worker = page.visitor_at_work("unlucky")
    os.kill(worker, signal.SIGKILL)
    said = json.dumps([m for m in visitor.messages() if m["msg"].startswith("process_")])
    assert re.search(r"Something went wrong on our side \(reference [0-9a-f]{8}\); please try again", said)
    assert Visitor(page.url, "next").http.get(page.url).status_code == 200


def test_no_job_began_before_the_last_had_ended(page) -> None:
    lines = [line for line in (page.folder / "log.txt").read_text().splitlines() if " asrquant.jobs.log: " in line]
    kinds = [found[1] for line in lines if (found := re.search(r"log: (start|end|refused) request=", line))]
    assert len(kinds) == len(lines)
    kinds = [kind for kind in kinds if kind != "refused"]
    assert len(kinds) >= 4 and kinds == ["start", "end"] * (len(kinds) // 2)  # forged values get no place in the line


def test_a_killed_server_leaves_no_process_and_its_files_to_the_next(page) -> None:
    _, worker = page.visitor_at_work("unlucky, too")
    page.process.kill()
    page.process.wait()
    begun = time.monotonic()
    while not gone(worker):
        assert time.monotonic() - begun < 10
        time.sleep(0.05)
    (left,) = leftovers(page.folder)
    page.start()
    assert leftovers(page.folder) != [left] and len(leftovers(page.folder)) == 1


def test_sigterm_drops_the_job_and_leaves_nothing(page) -> None:
    visitor, worker = page.visitor_at_work("last")
    heard: list[dict[str, Any]] = []
    listening = threading.Thread(target=lambda: heard.extend(visitor.messages()))
    listening.start()
    begun = time.monotonic()
    page.process.terminate()
    assert page.process.wait(20) == 0
    assert time.monotonic() - begun < 8
    listening.join()
    assert server.CLOSING in json.dumps(heard)
    assert gone(worker) and leftovers(page.folder) == []


def test_where_no_worker_can_be_started_health_says_so(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif 'spawn_main' in ' '.join(sys.orig_argv): os._exit(3)\n"
    )
    with serve(tmp_path, PYTHONPATH=str(tmp_path)) as url:
        answer = httpx.get(f"{url}/health")
        assert answer.status_code == 503 and answer.json()["worker"] == "failing"
        visitor = Visitor(url, "unserved")
        said = json.dumps(visitor.ask(visitor.event("transcribe"), compare(visitor)))
        assert "Nothing can be computed here at the moment" in said
