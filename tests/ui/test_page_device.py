"""The tab "On your device": the bundled clips through both models in the visitor's browser, with the network cut."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from pages import NEEDS_CHROMIUM, SLOW, transcribe

import asrquant
from asrquant.model.recognizer import Recognizer
from asrquant.sources.loading import EMBEDDED
from asrquant.ui import device_files
from asrquant.ui.routes import OPEN

TAB = "On your device"
OFFLINE = "Failed to load resource: net::ERR_INTERNET_DISCONNECTED"
"""Of Gradio's own looks whether its server is still the same."""


@pytest.fixture(scope="module")
def quantized(an4: Recognizer) -> Recognizer:
    return asrquant.quantize(an4, "onnx-int8")


def open_tab(page: Any) -> Any:
    """The frame of the tab, with the models loaded."""
    page.get_by_role("tab", name=TAB, exact=True).click()
    frame = page.locator("#device iframe").element_handle().content_frame()
    frame.wait_for_selector("html[data-ready]", timeout=SLOW)
    return frame


def test_the_files_and_nothing_else(address: str) -> None:
    """The first who asks has the models made; every file comes with the policy that keeps the page to its own origin."""
    page = f"{address}/device/an4"
    for _ in range(200):
        answer = httpx.get(f"{page}/page.json")
        if answer.status_code == 200:
            break
        assert answer.status_code == 202 and answer.json()["stage"].startswith("the server makes the models ready: ")
        time.sleep(0.3)
    said = answer.json()
    assert said["source"] == "an4" and [model["name"] for model in said["models"]] == ["Original", "Quantized"]
    for model in said["models"]:
        assert httpx.head(f"{page}/{model['file']}").headers["content-length"] == str(model["bytes"])
    for name, kind in {
        "index.html": "text/html",
        "page.js": "text/javascript",
        "ort/ort.wasm.min.js": "text/javascript",
        said["wasm"]: "application/gzip",
        "lm.arpa": "text/plain",
    }.items():
        answer = httpx.head(f"{page}/{name}")
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(kind), name
        assert "content-encoding" not in answer.headers
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "connect-src 'self'" in policy and "http" not in policy
    for path in (
        "an4/",
        "an4/nothing.js",
        "other/index.html",
        "an4/..%2fanswers.npz",
        "an4/ort/..%2f..%2f..%2fpage.py",
        "an4",
    ):
        assert httpx.get(f"{address}/device/{path}").status_code == 404, path
    assert httpx.post(f"{page}/page.json").status_code in (404, 405)
    assert all(
        OPEN.fullmatch(f"/device/{name}/{file}") for name in EMBEDDED for file in device_files._pages[name].files
    )


def test_what_cannot_be_made_is_a_sentence_for_the_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    page = device_files._Prepared("an4")
    monkeypatch.setattr(
        device_files, "unavailable", lambda preset: "The engine onnxruntime needs onnx; install with: …"
    )
    answer = page.state()
    assert answer.status_code == 503 and b"needs onnx; install with" in answer.body


@pytest.mark.page
@NEEDS_CHROMIUM[1]
class TestInABrowser:
    def test_clips_with_the_network_cut(self, open_page, an4: Recognizer, quantized: Recognizer, examples) -> None:
        asked: list[str] = []
        page = open_page(forgiven=(OFFLINE,))
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(300)
        assert not [url for url in asked if "/device/" in url]  # nothing before the tab is opened
        frame = open_tab(page)
        assert "Model an4. ONNX Runtime Web" in frame.inner_text("#facts")
        page.context.set_offline(True)
        page.on("request", lambda request: asked.append(f"{request.frame == frame} {request.url}"))
        for utterance in examples[1:3]:
            original, _ = transcribe(frame, utterance.path)
            assert original == an4.transcribe(utterance.path).text
        assert not [each for each in asked if each.startswith("True http")]  # the frame asks nobody for anything
        box = page.locator("#device iframe").bounding_box()
        assert abs(box["height"] - frame.evaluate("document.documentElement.offsetHeight")) < 5  # it has no scroll bar

    @pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.long)])
    def test_axe_finds_nothing_at_any_width(self, open_page, examples, theme: str) -> None:
        page = open_page(theme=theme)
        frame = open_tab(page)
        transcribe(frame, examples[0].path)
        assert frame.evaluate("document.documentElement.dataset.theme") == theme
        found = []
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            found += [(width, rule["id"], node["html"]) for rule in violations(frame) for node in rule["nodes"]]
            for inside in (page, frame):
                assert inside.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert found == []
        assert not page.locator(".overflow-menu button:visible").count()  # all tabs are seen at 390 px

    @pytest.mark.long
    def test_all_clips_and_decoders(self, open_page, an4: Recognizer, quantized: Recognizer, examples) -> None:
        page = open_page(forgiven=(OFFLINE,))
        frame = open_tab(page)
        page.context.set_offline(True)
        for decoder in ("greedy", "beam", "ngram"):
            frame.select_option("#decoder", decoder)
            models, same = [model.with_decoder(decoder) for model in (an4, quantized)], 0
            for utterance in examples:
                original, other = transcribe(frame, utterance.path)
                expected = [model.transcribe(utterance.path).text for model in models]
                assert original == expected[0]
                same += other == expected[1]
            assert same >= len(examples) - 2  # whose words may hang on one frame


def violations(frame: Any) -> list[dict[str, Any]]:
    return Axe().run(frame).response["violations"]
