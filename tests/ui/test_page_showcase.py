"""The first screen: a finished comparison, what can be taken away of it, all presets on its clip; wide, and on a phone."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import NEEDS_CHROMIUM, SLOW, serve
from PIL import Image
from test_page_state import expect

from asrquant.data.bundled import example_clips
from asrquant.jobs.showcase import FIRST, clip
from asrquant.ui.arriving import age

pytestmark = NEEDS_CHROMIUM
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
FINISHED = re.compile("this speech recognizer is")
SMALL = """() => [...document.querySelectorAll('button, input, summary, [role=tab], a')]
    .filter(e => e.checkVisibility() && !e.closest('.aq-foot, footer, .aq-hidden, [tabindex="-1"]'))
    .map(e => [e.getBoundingClientRect(), e])
    .filter(([box, e]) => box.width && (box.height < 43.5 || box.width < 43.5) && box.right > 0 && box.left < innerWidth)
    .map(([box, e]) => `${e.outerHTML.slice(0, 140)} ${box.width} x ${box.height}`)"""
"""Touch targets under 44 pixels."""


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("showcase")
    with serve(folder, ASRQUANT_SHOWCASE="1", ASRQUANT_CACHE=str(folder / "cache")) as address:
        yield address


def box(page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found and found["width"], selector
    return found


def seen(page, *selectors: str) -> None:
    """Each is whole on the screen, without scrolling."""
    height = page.viewport_size["height"]
    for selector in selectors:
        found = box(page, selector)
        assert found["y"] >= 0 and found["y"] + found["height"] <= height, (selector, found)


def apart(page, *selectors: str) -> None:
    """None lies on another."""
    boxes = [(name, found) for name in selectors for each in page.locator(name).all() if (found := each.bounding_box())]
    for index, (name, one) in enumerate(boxes):
        for other, two in boxes[index + 1 :]:
            across = min(one["x"] + one["width"], two["x"] + two["width"]) - max(one["x"], two["x"])
            down = min(one["y"] + one["height"], two["y"] + two["height"]) - max(one["y"], two["y"])
            assert across <= 1 or down <= 1, (name, one, other, two)


def finished(open_page, url: str, **options):
    """A page that begins with its comparison; the first one waits until that is measured."""
    page = open_page(url=url, **options)
    expect(page.locator("#cards .aq-sentence, #ready").first).to_be_visible(timeout=SLOW)
    if "being measured" in page.locator("#cards").inner_text():
        expect(page.locator("#ready")).to_be_visible(timeout=SLOW)
        page.reload()
    expect(page.locator("#cards .aq-sentence")).to_contain_text(FINISHED, timeout=SLOW)
    page.wait_for_selector("#clip a[download]", timeout=SLOW)
    return page


def test_nothing_is_shown_before_it_is_measured_and_nothing_changes_by_itself(open_page, url: str) -> None:
    page = open_page(url=url, viewport=WIDE)
    expect(page.locator("#cards .aq-sentence")).to_contain_text("being measured on this machine", timeout=SLOW)
    assert not re.search(r"\d+(\.\d+)? (×|MB|ms)", page.locator("#answer").inner_text())
    expect(page.locator("#ready")).to_be_visible(timeout=SLOW)
    assert "being measured" in page.locator("#cards").inner_text() and not page.locator("#clip a[download]").count()
    page.locator("#ready").click()
    expect(page.locator("#cards .aq-sentence")).to_contain_text(FINISHED, timeout=SLOW)
    assert not page.locator("#ready").is_visible()


def test_the_first_screen_is_an_answer(open_page, url: str) -> None:
    page = finished(open_page, url, viewport=WIDE)
    expect(page.locator("#preset input")).to_have_value(FIRST[0])
    cards = page.locator("#cards .aq-card").all_inner_texts()
    assert "3.7 × smaller" in cards[0] and "17.7 MB" in cards[0] and " ms" in cards[1] and "0 of 5" in cards[2]
    assert re.search(
        r"on this machine when the page was started, .* ago \(.* UTC\)", page.locator("#cards").inner_text()
    )
    assert page.locator("#transcripts .aq-transcript").count() == 3
    example = clip()
    assert page.locator("#reference textarea, #reference input").first.input_value() == example.reference
    seen(
        page,
        ".aq-chips",
        "#cards",
        "#transcripts",
        "#share",
        "#clip",
        "#preset",
        "#strip",
        "#transcribe",
        "#all-presets",
    )
    apart(
        page, "h1", ".aq-title button", "#own button", ".aq-chip", "#cards .aq-card", "#clip", "#transcribe", "#cancel"
    )
    asked = page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
    assert not [name for name in asked if "plotly" in name.lower()]  # until a chart is shown
    page.get_by_role("button", name="The numbers and charts").click()
    expect(page.locator("#divergence .js-plotly-plot")).to_be_visible(timeout=SLOW)
    assert (
        "no reference" not in page.locator("#numbers").inner_text()
        and "Machine:" in page.locator("#numbers").inner_text()
    )
    play = page.get_by_role("button", name=f"Play {example.reference}")
    play.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Stop {example.reference}")).to_be_visible()
    assert page.locator("#aq-live").inner_text() == page.locator("#cards .aq-sentence").inner_text()


def test_the_answer_is_in_what_is_served_but_for_a_link_that_asks_for_another(open_page, url: str) -> None:
    said = finished(open_page, url).locator("#cards .aq-sentence").inner_text()

    def served(query: str) -> str:
        with urllib.request.urlopen(f"{url}/{query}", timeout=20) as answer:
            return answer.read().decode()

    assert said in served("") and said in served("?__theme=dark")
    assert said not in served(f"?preset=dynamic-float16&example={clip().id}")


@pytest.mark.long
def test_a_picture_a_file_and_a_link_that_opens_it_again(open_page, url: str, tmp_path: Path) -> None:
    page = finished(open_page, url, permissions=["clipboard-read", "clipboard-write"])
    page.locator("#share-button").click()
    with page.expect_download() as picture:
        page.get_by_role("button", name="Picture (PNG)").click()
    assert picture.value.suggested_filename == f"asrquant-{FIRST[0]}.png"
    with Image.open(picture.value.path()) as image:
        assert image.size == (1200, 630) and len(set(image.convert("L").resize((120, 63)).getdata())) > 20
    with page.expect_download() as file:
        page.get_by_role("button", name="Page (HTML)").click()
    text = Path(file.value.path()).read_text(encoding="utf-8")
    assert page.locator("#cards .aq-sentence").inner_text() in text and "<script" not in text and "src=" not in text
    assert " ago" not in text and re.search(r"Measured on \d\d \w+ \d{4}, ", text)  # which is as true tomorrow
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#share-said")).to_contain_text("Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{url}/?model=an4&preset={FIRST[0]}&example={clip().id}"
    again = page.context.new_page()
    other = example_clips()[1]
    again.goto(link.replace(clip().id, other.id).replace(FIRST[0], "dynamic-float16"))
    expect(again.locator("#cards .aq-sentence")).to_contain_text("(dynamic-float16)", timeout=SLOW)
    expect(again.locator("#preset input")).to_have_value("dynamic-float16")
    assert f"Clip: {other.path.name}" in again.locator("#numbers").inner_text()
    shared = json.loads(again.locator("#cards .aq-answer").get_attribute("data-shared") or "")
    assert shared["link"] == {"model": "an4", "preset": "dynamic-float16", "example": other.id}
    again.goto(f"{url}/?preset=nonsense")
    expect(again.locator("#status .aq-problem")).to_contain_text(
        "The link asks for the preset 'nonsense', which is not here"
    )


def test_on_a_phone(open_page, url: str) -> None:
    page = finished(open_page, url, viewport=PHONE, theme="dark")
    seen(page, "#cards .aq-sentence", "#cards .aq-figures", "[data-own=record]")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate(SMALL) == []
    page.get_by_role("button", name="The numbers and charts").click()
    expect(page.locator("#divergence .js-plotly-plot")).to_be_visible(timeout=SLOW)
    apart(
        page,
        "h1",
        ".aq-title button",
        "#cards .aq-card",
        ".gtitle",
        ".modebar-btn",
        "#json",
        "#csv",
        "#html",
        ".aq-copy",
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.long
def test_words_explain_themselves_and_the_page_has_one_explanation(open_page, url: str) -> None:
    page = finished(open_page, url, viewport=WIDE, reduced_motion="reduce")
    page.get_by_role("button", name="How to read this").press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("One clip is an example, not a proof")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    term = page.locator("#controls .aq-term").first
    term.focus()
    expect(page.locator("#aq-tip")).to_be_visible()
    assert term.get_attribute("aria-describedby") == "aq-tip"
    page.keyboard.press("Escape")
    expect(page.locator("#aq-tip")).to_be_hidden()
    term.hover()
    expect(page.locator("#aq-tip")).to_be_visible()
    # Twice as large, nothing is cut off: the width that is left is half.
    page.set_viewport_size({"width": 640, "height": 400})
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


def test_all_presets_can_be_cancelled(open_page, url: str) -> None:
    page = finished(open_page, url, viewport=WIDE)
    page.locator("#all-presets").click()
    expect(page.locator("#lineup .aq-lane").nth(1)).to_be_visible(timeout=SLOW)
    assert page.locator("#cards .aq-card").count() == 0  # no figures of another question beside it
    page.locator("#cancel").click()
    expect(page.locator("#status .aq-problem")).to_contain_text("Cancelled", timeout=SLOW)
    assert page.locator("#lineup .aq-lane").count() == 0 and page.locator("#all-presets").is_enabled()


@pytest.mark.long
def test_all_presets_on_this_clip(open_page, url: str) -> None:
    page = finished(open_page, url, viewport=WIDE)
    page.locator("#examples button").nth(4).click()  # the shortest
    expect(page.locator("#status")).to_contain_text("Done.", timeout=SLOW)
    page.locator("#all-presets").click()
    expect(page.locator("#lineup")).to_contain_text("being measured on this machine", timeout=SLOW)
    expect(page.locator("#pareto .js-plotly-plot .scatterlayer")).to_be_visible(timeout=3 * SLOW)
    said = page.locator("#lineup .aq-sentence").inner_text()
    assert re.search("wins on this clip|No winner|No clear winner|No preset", said)
    assert page.locator("#lineup .aq-lane").count() >= 10 and page.locator("#lineup-table tbody tr").count() >= 10
    page.locator("#lineup button[data-preset=mixed-int8]").click()
    expect(page.locator("#cards .aq-sentence")).to_contain_text("(mixed-int8)", timeout=SLOW)
    expect(page.locator("#preset input")).to_have_value("mixed-int8")
    assert page.locator("#lineup .aq-lane").count() == 0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(5, "less than a minute"), (61, "1 minute"), (7_300, "2 hours"), (90_000, "1 day")],
)
def test_an_age_in_words(seconds: float, said: str) -> None:
    assert age(seconds) == f"{said} ago"
