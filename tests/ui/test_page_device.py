"""The tab "On your device": the bundled clips through both models in the visitor's browser, with the network cut."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile as sf
from axe_playwright_python.sync_playwright import Axe
from pages import NEEDS_CHROMIUM, SLOW, serve, watch
from playwright.sync_api import Frame, Page

from asrquant.data.dataset import Utterance
from asrquant.model.recognizer import Recognizer

pytestmark = NEEDS_CHROMIUM
TAB = "On your device"


@pytest.fixture(scope="module")
def quantized(an4: Recognizer) -> Recognizer:
    import asrquant

    return asrquant.quantize(an4, "onnx-int8")


def open_tab(page: Page) -> Frame:
    """The frame of the tab, with the models loaded."""
    page.get_by_role("tab", name=TAB, exact=True).click()
    frame = page.locator("#device iframe").element_handle().content_frame()
    frame.wait_for_selector("html[data-ready]", timeout=SLOW)
    return frame


def transcribe(frame: Any, path: Path) -> list[str]:
    """What the page shows of a clip: both transcripts, without what is said of changed words."""
    frame.set_input_files("#file", str(path))
    frame.wait_for_selector(f"#clip:has-text('{path.name}')", timeout=SLOW)
    frame.wait_for_selector("#status:has-text('Done.')", timeout=SLOW)
    return [
        " ".join(re.sub(r" \((changed|added|lost when quantized)\)", "", each).split())
        for each in frame.locator(".transcript p").all_inner_texts()
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_it(open_page, examples, theme: str) -> None:
    page = open_page(theme=theme)
    frame = open_tab(page)
    transcribe(frame, examples[0].path)
    assert frame.evaluate("document.documentElement.dataset.theme") == theme
    alone = page.context.new_page()
    print(page.url)


def test_first(open_page, an4, quantized, examples) -> None:
    asked: list[str] = []
    page = open_page(forgiven=("Failed to load resource: net::ERR_INTERNET_DISC",))
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(500)
    assert not [each for each in asked if "/device/" in each]
    frame = open_tab(page)
    print(frame.inner_text("#facts"), page.locator("#device iframe").bounding_box())
    page.context.set_offline(True)
    page.on("request", lambda request: print("REQ", request.url, request.post_data, request.frame == frame))
    print(transcribe(frame, examples[0].path), frame.inner_text("#results"))
    page.screenshot(path="/tmp/web/tab.png")
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_timeout(500)
    page.screenshot(path="/tmp/web/tab390.png")
