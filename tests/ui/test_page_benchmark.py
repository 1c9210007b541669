"""The tab "Benchmark" in a real browser, against the real server."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import pytest
from pages import NEEDS_CHROMIUM, SLOW

from asrquant import example_clips

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def tab(open_page):
    page = open_page()
    page.get_by_role("tab", name="Benchmark").click()
    page.wait_for_selector("#bench-run", timeout=SLOW)
    return page


def expect(locator):
    from playwright.sync_api import expect as expect_

    return expect_(locator)


@pytest.mark.long
def test_three_presets_on_ten_clips(tab, browser, tmp_path: Path) -> None:
    tab.locator("#bench-run").click()
    so_far = tab.locator("#bench-numbers table").first
    expect(so_far).to_contain_text("WER so far", timeout=SLOW)  # rows arrive while it runs
    expect(tab.locator("#bench-status")).to_contain_text("s left", timeout=SLOW)
    expect(tab.locator("#bench-status")).to_contain_text("Done.", timeout=2 * SLOW)
    names = tab.locator("#bench-numbers table").first.locator("tbody th").all_inner_texts()
    assert names == ["original", "dynamic-int8", "openvino-int8"]
    for chart in ("tradeoff", "speed", "latency"):
        expect(tab.locator(f"#bench-{chart} .js-plotly-plot")).to_be_visible(timeout=SLOW)
    links = tab.locator("#bench-files a[download]")
    expect(links).to_have_count(4)
    saved = {}
    for index in range(4):
        with tab.expect_download() as download:
            links.nth(index).click()
        saved[download.value.suggested_filename] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[download.value.suggested_filename])
    assert len(list(csv.DictReader(saved["rows.csv"].open()))) == 3 * 10
    assert len(json.loads(saved["report.json"].read_text())["summaries"]) == 3
    report = browser.new_page()
    report.goto(saved["report.html"].as_uri())
    assert report.locator(".js-plotly-plot").count() >= 4 and report.get_by_text("What quantization did").is_visible()
    report.close()


def test_cancel_keeps_what_is_done(tab) -> None:
    tab.locator("#bench-run").click()
    expect(tab.locator("#bench-numbers table").first).to_contain_text("WER so far", timeout=SLOW)
    tab.locator("#bench-cancel").click()
    expect(tab.locator("#bench-status")).to_contain_text("Cancelled. What was done is kept.", timeout=SLOW)
    expect(tab.locator("#bench-numbers")).to_contain_text("stopped after")


def test_a_zip_and_what_is_wrong_with_one(tab, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    clip = example_clips()[0]
    with zipfile.ZipFile(good, "w") as archive:
        archive.write(clip.path, "clips/one.flac")
        archive.writestr("list.csv", f"path,text\nclips/one.flac,{clip.reference}\nclips/two.flac,<b>TWO</b>\n")
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("../out.csv", "path,text\n")
    tab.get_by_label("a zip of my own").check()
    tab.locator("#bench-deployed input").uncheck()
    tab.locator("#bench-run").click()
    expect(tab.locator("#bench-status")).to_contain_text("There is no zip yet", timeout=SLOW)
    for path, says in ((bad, "leads out of it"), (good, "Done.")):
        tab.locator("#bench-zip input[type=file]").set_input_files(path)
        expect(tab.locator("#bench-zip")).to_contain_text(path.stem, timeout=SLOW)
        tab.locator("#bench-run").click()
        expect(tab.locator("#bench-status")).to_contain_text(says, timeout=SLOW)
        tab.locator("#bench-zip").get_by_label("Clear").click()
    expect(tab.locator("#bench-tables")).to_contain_text("has no file 'clips/two.flac'")
