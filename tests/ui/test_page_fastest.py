"""The winner of a race on the page: marked, chosen at first, and never in a visitor's way."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from pages import NEEDS_CHROMIUM, SLOW, health, serve

from asrquant import Recognizer
from asrquant.export import raced
from asrquant.measure.conditions import here
from asrquant.measure.report import Interval
from asrquant.measure.winner import Race, Ran

pytestmark = NEEDS_CHROMIUM
MARKED = "openvino-fp32 (fastest here: 2.0 x)"


def expect(locator):
    from playwright.sync_api import expect as expect_

    return expect_(locator)


def settled(page) -> None:
    """Until the answer to the page's first question is there, which nothing shows where it changes nothing."""
    page.wait_for_timeout(2_000)


@pytest.mark.long
def test_a_known_winner_is_marked_and_chosen_at_first(
    an4: Recognizer, open_page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASRQUANT_CACHE", str(tmp_path / "cache"))
    ran = (
        Ran("original", (1.0, 1.0), 0.0, 0.0, Interval(0, 0)),
        Ran("openvino-fp32", (0.5, 0.5), 0.0, 0.0, Interval(0, 0)),
    )
    raced.keep(an4, Race("an4", "2026-11-26", here(), 10, 30.0, 36, ran, (), 50.0))
    with serve(tmp_path, ASRQUANT_CACHE=str(tmp_path / "cache")) as url:
        until = time.monotonic() + 60
        while health(url)["worker"] != "idle":
            assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(1)  # for the worker's word on the record
        page = open_page(url=url)
        expect(page.locator("#preset input")).to_have_value(MARKED, timeout=SLOW)
        expect(page.locator("#explanation")).to_contain_text("another engine, nothing quantized")
        expect(page.locator("#raced")).to_contain_text(
            "Fastest here, at equal accuracy: openvino-fp32, 2.00 x (2.00 to 2.00)"
        )
        page.locator("#examples button").first.click()
        expect(page.locator("#status")).to_contain_text("Done.", timeout=SLOW)
        assert "Preset: openvino-fp32" in page.locator("#numbers").inner_text()
        page.get_by_role("tab", name="Export").click()
        expect(page.locator("#export-preset input")).to_have_value(MARKED)
        page.get_by_role("tab", name="Benchmark").click()
        expect(page.locator("#bench-presets").get_by_label(MARKED, exact=True)).to_be_visible(timeout=SLOW)
        chosen = open_page(url=url)
        chosen.locator("#preset input").fill("mixed-int8")
        chosen.keyboard.press("Enter")
        settled(chosen)
        expect(chosen.locator("#preset input")).to_have_value("mixed-int8")


def test_nothing_is_marked_where_nothing_was_measured(open_page) -> None:
    page = open_page()
    settled(page)
    expect(page.locator("#preset input")).to_have_value("dynamic-int8")
    assert page.locator("#raced").count() == 0 or not page.locator("#raced").is_visible()
    assert "fastest here" not in page.content()


@pytest.mark.long
def test_a_visitor_comes_first_and_the_mark_later(open_page, tmp_path: Path) -> None:
    with serve(tmp_path, ASRQUANT_CACHE=str(tmp_path / "cache"), ASRQUANT_RACE="1") as url:
        page = open_page(url=url)
        until = time.monotonic() + 300
        for _ in range(3):
            while not health(url)["racing"]:
                assert time.monotonic() < until, health(url)
                time.sleep(0.1)
            time.sleep(1.5)  # it is somewhere in what it does
            begun = time.monotonic()
            page.locator("#examples button").first.click()
            expect(page.locator("#status")).to_contain_text("Done.", timeout=SLOW)
            assert time.monotonic() - begun < 20
            page.locator("#examples button").nth(1).click()
            expect(page.locator("#transcripts")).to_contain_text("Reference", timeout=SLOW)
            expect(page.locator("#status")).to_contain_text("Done.", timeout=SLOW)
        until = time.monotonic() + 400
        quiet = 0
        while quiet < 60:  # not racing for six seconds
            assert time.monotonic() < until
            quiet = 0 if health(url)["racing"] else quiet + 1
            time.sleep(0.1)
        assert "here" not in page.locator("#preset input").input_value()  # nothing changes before somebody's eyes
        assert list((tmp_path / "cache" / "raced").glob("*.json"))
        later = open_page(url=url)
        expect(later.locator("#raced")).to_have_text(
            re.compile("Fastest here|No clear winner here|No preset"), timeout=SLOW
        )
        for each in (page, later):  # before its server is gone
            each.close()
