"""What strangers send to a public page, to every endpoint: nothing is executed, read for them, fetched or reflected."""

from __future__ import annotations

import http.server
import itertools
import json
import os
import pickle
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
import torch
from pages import NEEDS_CHROMIUM, ROOT, SLOW, serve, wait_for
from test_page import upload
from test_server import CLIP, Visitor, benchmark, build, compare

from asrquant.ui.compare import NO_EXAMPLE
from asrquant.ui.lineup import NO_PRESET
from asrquant.ui.routes import OPEN

MARKUP = '<img src=x onerror="window.taken=1"><script>window.taken=1</script>'
FILE = {"_type": "gradio.FileData"}
SECRET = "what only the server should read"


QUICK = {"bench-data": "a zip of my own", "format": None, "visitor": "0" * 32}
"""Without a zip, and without a format, a job ends at once with a sentence."""


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("public")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with serve(folder, SPACE_ID="someone/asrquant") as address:
        wait_for(address, "idle")
        yield address


@pytest.fixture
def visitor(url: str, request) -> Visitor:
    return Visitor(url, request.node.name)


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server that nobody should ask for anything: its address and what was asked."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}", paths
    listening.shutdown()


def value(component: dict[str, Any]) -> Any:
    """Something harmless for an input of this kind, with which no job has much to do."""
    props = component["props"]
    if props.get("elem_id") in QUICK:
        return QUICK[props["elem_id"]]
    match component["type"]:
        case "dropdown" | "radio":
            return props["choices"][0][1]
        case "checkboxgroup":
            return [props["choices"][0][1]]
        case "number" | "slider":
            return 1
        case "checkbox":
            return False
        case "textbox":
            return "WORDS"
    return None  # states, files


def events(visitor: Visitor) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Every event that runs on the server, with its inputs."""
    parts = {component["id"]: component for component in visitor.config["components"]}
    return [
        (event, [parts[each] for each in event["inputs"]])
        for event in visitor.config["dependencies"]
        if event["backend_fn"]
    ]


def answers(visitor: Visitor, event: dict[str, Any], data: list[Any]) -> str:
    """All that the server says, as text."""
    body = {"fn_index": event["id"], "data": data, "session_hash": visitor.name, "event_data": visitor.chosen}
    if event["queue"] is False:
        return visitor.http.post(f"{visitor.url}/run/predict", json=body).text
    refused = visitor.join(event, data)
    if refused.status_code != 200:
        return refused.text
    said = []
    for message in visitor.messages():
        said.append(json.dumps(message, ensure_ascii=False))
        if message["msg"] in ("process_completed", "unexpected_error"):
            break
    return "\n".join(said)


def forged_paths(folder: Path, address: str) -> list[str]:
    secret = folder / "secret.wav"
    secret.write_text(SECRET)
    back = os.path.relpath("/etc/passwd", folder / "files")
    return [
        "/etc/passwd", str(secret), str(ROOT / "app.py"), str(folder / "files" / back), str(folder / "log.txt"),
        str(ROOT / "artifacts" / "an4-wav2vec2-ctc" / "hyperparams.yaml"), f"{address}/clip.wav", f"file://{secret}",
        "/proc/self/environ",
    ]  # fmt: skip


LEAKS = ("root:x:", SECRET, "from asrquant.ui import launch", "request=", "!new:speechbrain", "ASRQUANT_EXPORTS")


def test_forged_file_paths_to_every_event(visitor: Visitor, folder: Path, asked) -> None:
    address, fetched = asked
    tried = 0
    for event, inputs in events(visitor):
        for index, part in enumerate(inputs):
            if part["type"] not in ("audio", "file", "api"):
                continue
            for path in forged_paths(folder, address):
                for meta in (
                    {"meta": {"_type": "gradio.FileData"}},
                    {"url": path, "meta": {"_type": "gradio.FileData"}},
                ):
                    data = [value(each) for each in inputs]
                    data[index] = {"path": path, "orig_name": "clip.wav", **meta}
                    said = answers(visitor, event, data)
                    assert not any(leak in said for leak in LEAKS), said[-2000:]
                    assert '"success": true' not in said or "aq-problem" in said, said[-2000:]
                    tried += 1
    assert tried >= 50 and fetched == []


def test_routes_serve_nothing_of_the_servers(url: str, visitor: Visitor, folder: Path, asked) -> None:
    address, fetched = asked
    api = f"{url}/gradio_api"
    for path in forged_paths(folder, address):
        for route in (f"{api}/file={path}", f"{api}/file/{path}", f"{url}/file={path}", f"{api}/proxy={path}",
                      f"{url}/static/{path}", f"{url}/assets/{path}", f"{url}/?deep_link={path}",
                      f"{api}/file={folder}/files/../log.txt", f"{api}/file=%2e%2e/%2e%2e/etc/passwd"):  # fmt: skip
            answer = httpx.get(route, follow_redirects=False)
            assert not any(leak in answer.text for leak in LEAKS), route
            assert answer.status_code < 500, (route, answer.text)
    assert fetched == []


def test_every_other_route_of_gradios_is_closed(url: str) -> None:
    """A recorder that runs ffmpeg, an editor of the code, a proxy, kept runs, others' states: nothing of it is open."""
    routes = list(gr.routes.App.create_app(gr.Blocks()).routes)
    nested = [
        route for router in routes if hasattr(router, "original_router") for route in router.original_router.routes
    ]
    there = {re.sub("{[^}]*}", "x", route.path) for route in (*routes, *nested) if hasattr(route, "path")}
    closed = {path for path in there if not OPEN.fullmatch(path)}
    for part in ("process_recording", "vibe-", "dev/reload", "deep_link", "/runs", "/run-history/", "proxy=", "monitoring",
                 "/stream/", "component_server"):  # fmt: skip
        assert any(part in path for path in closed), part
    for path in closed:
        for method in ("GET", "POST", "HEAD"):
            assert httpx.request(method, url + path).status_code == 404, path
    assert not httpx.get(f"{url}/config").json()["run_history"]


def test_one_visitors_artifacts_are_not_anothers(visitor: Visitor, folder: Path, url: str) -> None:
    """Neither by a guessed folder, nor through the list of another's artifacts."""
    mine = "a" * 32
    said = visitor.ask(visitor.event("build"), build(visitor, visitor=mine))
    assert said["success"], said
    kept = next((folder / "exports").glob("visitor-*/*/*.zip"))
    assert mine not in str(kept)  # the folder's name does not tell the secret, nor the other way round
    for guess in ("", "visitor-" + mine, mine, "visitor-" + "0" * 32):
        path = folder / "exports" / guess / kept.parent.name / kept.name
        assert httpx.get(f"{url}/gradio_api/file={path}").status_code in (403, 404)
    assert httpx.get(f"{url}/gradio_api/file={kept.parent.parent}").status_code in (403, 404)  # and no listing


@pytest.mark.long
def test_forged_values_to_every_event(visitor: Visitor, folder: Path) -> None:
    """Paths, addresses and names where a choice is expected; markup where words are; nonsense where a number is."""
    marker = folder / "marker"
    others: Iterator[Any] = itertools.cycle([
        "/etc", "../../etc/passwd", "https://example.invalid/model", f"__import__('os').mknod('{marker}')", 1e308, -1, [], {},
        None, "x" * 100_000, {"__type__": "update", "value": MARKUP},
    ])  # fmt: skip
    measure = visitor.event("measure-parts")["id"]  # whose job takes seconds where the value is taken
    for event, inputs in events(visitor):
        for index, part in enumerate(inputs):
            if part["type"] in ("audio", "file"):
                continue
            # Each input gets some of them in turn; they are eleven, so that after a while every kind has had every one.
            some = ["/etc"] if event["id"] == measure else itertools.islice(others, 3)
            for payload in (MARKUP, *some):
                data = [value(each) for each in inputs]
                data[index] = payload
                said = answers(visitor, event, data)
                assert not any(leak in said for leak in LEAKS)
                assert "Traceback" not in said and str(ROOT) not in said, said[-2000:]
                if "aq-" in said:  # our HTML
                    assert "<img src=x" not in said.replace('\\"', '"'), said[-2000:]
    assert not marker.exists()


NO_CHOICE, REFUSED = "is not in the list of choices", '"success": false'
BY_GRADIO = {
    "dropdown": NO_CHOICE, "radio": NO_CHOICE, "checkboxgroup": NO_CHOICE, "slider": REFUSED, "audio": REFUSED, "file": REFUSED,
}  # fmt: skip
BY_US = {
    "bench_limit": "The number of clips is ",
    "bench_deployed": "Load time and peak memory is ",
    "max_nats": "The divergence that a part may have is ",
    "each_layer": "Each transformer layer by itself is ",
    "measure": "Measuring WER and speed is ",
    "Calibration_seed": "The calibration seed is ",
    "visitor": "The page does not know whose artifacts these are",
    **dict.fromkeys(("trust", "bench_trust", "modules_trust", "export_trust"), "Trust in the model is "),
    "reference": "characters and at most 2,000 are taken",
}
ANYTHING_GOES = {"textbox", "checkbox", "bench_path"}
"""What the page says to itself of a clip's words, and a path that a public page has no use for."""


@pytest.mark.parametrize(
    "elem_id", ["transcribe", "chips", "all-presets", "bench-run", "layers", "measure-parts", "build"]
)
def test_each_forged_value_reaches_its_own_check(visitor: Visitor, elem_id: str) -> None:
    """All the others are right, so that no other check can have refused it, and none is missing."""
    event = visitor.event(elem_id)
    names = [re.sub(r"\W", "_", name) for name in visitor.names(event)]
    right: dict[str, Any] = {name: "custom" for name in names if name.endswith("preset")}
    right |= {"clip": visitor.upload(CLIP.path)} if "clip" in names else {}
    right |= {"visitor": "b" * 32} if "visitor" in names else {}
    kinds = {component["id"]: component["type"] for component in visitor.config["components"]}
    tried = 0
    for name, part in zip(names, event["inputs"], strict=True):
        if name in ANYTHING_GOES:
            continue
        forged = "W" * 3_000 if name == "reference" else {"forged": name}
        said = answers(visitor, event, visitor.data(event, **{**right, name: forged}))
        assert BY_US.get(name, BY_GRADIO.get(kinds[part])) in said, (name, said[-1000:])
        tried += 1
    assert tried >= 4


@pytest.mark.parametrize(
    "chosen", [None, [], "x", {}, {"index": -1, "preset": "x"}, {"index": True, "preset": ["x"]}, {"index": 99}]
)
def test_a_forged_choice_chooses_nothing(visitor: Visitor, chosen: Any) -> None:
    visitor.chosen = chosen
    for elem_id, said in (("chips", NO_EXAMPLE), ("lineup", NO_PRESET)):
        event = visitor.event(elem_id)
        assert said in answers(visitor, event, visitor.data(event))


@pytest.mark.parametrize("link", ["x", "[]", '{"model": "/etc"}', '{"preset": "<b>"}', '{"example": ["x"]}'])
def test_a_forged_link_asks_for_nothing(visitor: Visitor, link: str) -> None:
    event = visitor.event("link", "change")
    said = answers(visitor, event, visitor.data(event, link=link))
    assert "The link " in said and "aq-problem" in said and "<b>" not in said


def crafted(room: Path, marker: Path) -> dict[str, bytes]:
    """Files that act when something loads them carelessly."""
    scripted = room / "scripted.pt"
    torch.save({"weight": Bomb(marker)}, scripted)
    traced = torch.jit.trace(torch.nn.Linear(1, 1), torch.zeros(1, 1))
    return {
        "model.pt": scripted.read_bytes(),
        "model.pkl": pickle.dumps(Bomb(marker)),
        "traced.pt": traced.save_to_buffer(),
        "lm.bin": b"mmap lm http://kheafield.com/code format version 5\n\0" + os.urandom(4096),
        "hyperparams.yaml": f"x: !apply:os.mknod ['{marker}']\n".encode(),
        "custom.py": f"open({str(marker)!r}, 'w')\n".encode(),
    }


def test_crafted_files_as_clips_and_in_zips(visitor: Visitor, folder: Path, tmp_path: Path) -> None:
    marker = folder / "acted"
    files = crafted(tmp_path, marker)
    for name, contents in files.items():
        for shown in (name, "clip.wav"):
            path = tmp_path / shown
            path.write_bytes(contents)
            said = json.dumps(visitor.ask(visitor.event("transcribe"), compare(visitor, clip=visitor.upload(path))))
            assert "aq-problem" in said and "cannot be read as audio" in said, said
    packed = tmp_path / "data.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name, contents in files.items():
            archive.writestr(name, contents)
            archive.writestr(f"clips/{name}.wav", contents)
        archive.writestr("list.csv", "path,text\n" + "".join(f"clips/{name}.wav,WORD\n" for name in files))
    said = json.dumps(
        visitor.ask(
            visitor.event("bench-run"),
            benchmark(visitor, bench_data="a zip of my own", bench_zip=visitor.upload(packed), bench_limit=10),
        )
    )
    assert "No clip of list.csv can be used" in said, said
    assert not marker.exists()


def test_a_zips_manifest_reads_nothing_else(visitor: Visitor, folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "data.zip"
    wanted = [str(CLIP.path), "/etc/passwd", "../" * 12 + str(CLIP.path).lstrip("/")]
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(CLIP.path, "mine.flac")
        archive.writestr("list.csv", "path,text\nmine.flac,WORD\n" + "".join(f"{path},WORD\n" for path in wanted))
    said = json.dumps(
        visitor.ask(
            visitor.event("bench-run"),
            benchmark(visitor, bench_data="a zip of my own", bench_zip=visitor.upload(packed), bench_limit=10),
        )
    )
    assert said.count("leads out of the data set") == 3 and "1 clips" in said, said[-3000:]


@pytest.mark.page
@pytest.mark.skipif(NEEDS_CHROMIUM[1].args[0], reason="no Chromium on this machine")
@pytest.mark.long
def test_markup_stays_text_in_a_browser(open_page, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page = open_page(forgiven=("Waveform load error: MediaError",))
    name = "<img src=x onerror=window.taken=1>.wav"
    (tmp_path / name).write_text("no sound")
    upload(page, tmp_path / name)
    page.locator("#transcribe").click()
    expect(page.locator("#status .aq-problem")).to_contain_text("cannot be read as audio", timeout=SLOW)
    page.reload()
    page.wait_for_selector("#examples button", timeout=SLOW)
    page.locator("#reference textarea, #reference input").first.fill(MARKUP)
    upload(page, CLIP.path)
    page.locator("#transcribe").click()
    expect(page.locator("#transcripts")).to_contain_text("<img src=x", timeout=SLOW)
    packed = tmp_path / "<b>data<b>.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(CLIP.path, f"{MARKUP.replace('/', '')}.flac")
        rows = [{"path": f"{MARKUP.replace('/', '')}.flac", "text": MARKUP}, {"path": MARKUP, "text": "x"}]
        archive.writestr("list.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    page.get_by_role("tab", name="Benchmark").click()
    page.get_by_label("a zip of my own").check()
    page.locator("#bench-zip input[type=file]").set_input_files(packed)
    page.locator("#bench-presets").get_by_label("openvino-int8", exact=True).uncheck()
    page.locator("#bench-deployed input").uncheck()
    page.locator("#bench-run").click()
    expect(page.locator("#bench-status")).to_contain_text("Done.", timeout=SLOW)
    expect(page.locator("#bench-tables")).to_contain_text("has no file")
    page.wait_for_timeout(500)  # for what may act all the same
    assert page.evaluate("window.taken") is None
    assert page.locator("img[src=x]").count() == 0 and page.locator("script", has_text="taken").count() == 0
