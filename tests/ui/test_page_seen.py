"""The page for everybody's eyes and ears: contrast, headings, names of controls, print, copied words, the foot."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from pages import NEEDS_CHROMIUM, SLOW
from PIL import Image

import asrquant
from asrquant.ui import foot

pytestmark = NEEDS_CHROMIUM
TABS = ("Compare", "Benchmark", "Modules", "Export")
GRADIOS_OWN: dict[str, str] = {}
"""Rule of axe → the class or tag of Gradio's own elements that break it, where this page cannot mend them: none at present."""


def show(page, tab: str) -> None:
    page.get_by_role("tab", name=tab, exact=True).click()
    # Gradio fades tabs in, and what is faint has no contrast.
    page.wait_for_function("() => document.getAnimations().every(each => each.playState !== 'running')", timeout=SLOW)


def violations(page, where: str) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{where}: {rule['id']}: {node['html'][:200]} {[check['message'] for check in node['any']]}"
        for rule in found
        for node in rule["nodes"]
        if GRADIOS_OWN.get(rule["id"], "\0") not in node["html"]
    ]


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_axe_finds_nothing_on_any_tab(open_page, theme: str) -> None:
    page = open_page(theme=theme)
    page.locator("#examples button").first.click()
    page.wait_for_selector("#divergence .js-plotly-plot", timeout=SLOW)
    show(page, "Modules")
    page.locator("#layers").click()
    page.wait_for_selector("#treemap .js-plotly-plot", timeout=SLOW)
    found = []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for tab in TABS:
            show(page, tab)
            found += violations(page, f"{tab}, {theme}, {width} px")
    assert found == [], "\n".join(found)


def luminance(color: str) -> float:
    """Relative luminance of ``rgb(…)``, 0 to 1 (WCAG 2.2)."""
    channels = [int(number) / 255 for number in re.findall(r"\d+", color)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_dark_pages_print_dark_on_white(open_page) -> None:
    page = open_page(theme="dark")
    page.locator("#examples button").first.click()
    page.wait_for_selector("#divergence .js-plotly-plot", timeout=SLOW)
    page.emulate_media(media="print")
    colors = page.evaluate(
        """() => [...document.querySelectorAll('h1, h2, p, td, th, caption, li, label span, input, textarea, text')]
            .filter(e => e.textContent.trim() && e.checkVisibility() && !e.closest('.bars, .hidden'))
            .map(e => [e.tagName + ' ' + e.textContent.trim().slice(0, 30),
                       getComputedStyle(e)[e instanceof SVGElement ? 'fill' : 'color']])"""
    )
    assert len(colors) > 50
    assert [each for each in colors if luminance(each[1]) > 0.18] == []  # 4.5:1 on white
    assert not page.locator("#transcribe").is_visible()
    with Image.open(io.BytesIO(page.screenshot(full_page=True))) as picture:
        shades = np.asarray(picture.convert("L"))
    assert (shades > 230).mean() > 0.7  # of its pixels


def test_words_are_copied_with_one_click(open_page, examples, an4) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.locator("#examples button").nth(1).click()
    page.wait_for_selector("#divergence .js-plotly-plot", timeout=SLOW)  # until then cards may be drawn anew
    page.get_by_role("button", name="Copy Original").click()
    page.get_by_role("button", name="Copied Original").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == an4.transcribe(examples[1].path).text


def test_the_foot_says_what_becomes_of_a_clip(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_page()
    said = page.locator("#foot").inner_text()
    assert "deleted within 70 minutes" in said and f"asrquant {asrquant.__version__}" in said and "Apache-2.0" in said
    assert page.locator("button[aria-label*=hare]").count() == 0  # nothing posts a clip elsewhere
    monkeypatch.setenv("SPACE_ID", "somebody/asrquant")
    assert 'href="https://huggingface.co/spaces/somebody/asrquant/tree/main"' in foot.about()
    assert "on this server" in foot.privacy(70)
    monkeypatch.setenv("SPACE_ID", '"><script>')
    assert "<script>" not in foot.about()
