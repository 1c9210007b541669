"""The last click wins, a reference belongs to its clip, and whoever is stopped reads why; in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import CHROMIUM, FLAGS, NEEDS_CHROMIUM, SLOW, health, wait_for, wait_for_work
from test_page import choose_preset, texts, upload, wait_for_results
from test_page_state import conditions, expect

import asrquant
from asrquant.ui.reference import KEPT, REMOVED

pytestmark = NEEDS_CHROMIUM
LONG = "openvino-int8-accurate"  # takes many seconds to build


def reference(page):
    return page.locator("#reference textarea, #reference input").first


def done(page) -> None:
    expect(page.locator("#status")).to_contain_text("Done.", timeout=SLOW)
    wait_for_results(page)


def started(folder: Path) -> int:
    """Jobs that were begun on a server."""
    return (folder / "log.txt").read_text().count(" start request=")


@pytest.mark.parametrize(
    "pause", [400, pytest.param(900, marks=pytest.mark.long)]
)  # milliseconds; requests that leave at the same moment may arrive in any order
def test_the_last_click_wins(open_page, examples, pause: int) -> None:
    page = open_page()
    for index in (3, 1, 2):
        page.locator("#examples button").nth(index).click()
        page.wait_for_timeout(pause)
    expect(page.locator("#numbers .aq-conditions")).to_contain_text(f"Clip: {examples[2].path.name}", timeout=SLOW)
    done(page)
    page.wait_for_timeout(1500)  # for whatever comes late
    assert texts(page)["Reference"] == reference(page).input_value() == examples[2].reference
    assert examples[2].path.name in conditions(page) and "Done." in page.locator("#status").inner_text()
    assert examples[2].path.name in (page.locator("#clip a[download]").first.get_attribute("href") or "")
    assert page.locator("#transcribe").is_enabled() and not page.locator("#cancel").is_enabled()
    assert page.locator("#reference-note").inner_text() == ""


def test_an_examples_words_go_with_it(open_page, examples) -> None:
    page = open_page()
    page.locator("#examples button").nth(1).click()
    done(page)
    page.get_by_label("Trim audio to selection").click()
    page.locator("#clip").get_by_role("button", name="Trim", exact=True).click()
    expect(page.locator("#reference-note")).to_have_text(REMOVED, timeout=SLOW)
    assert reference(page).input_value() == ""
    page.locator("#transcribe").click()
    expect(page.locator("#cards")).to_contain_text("no reference, so no WER", timeout=SLOW)
    page.get_by_label("Reset audio").click()  # which undoes it
    expect(page.locator("#reference-note")).to_have_text("", timeout=SLOW)
    assert reference(page).input_value() == examples[1].reference
    page.locator("#clip button[aria-label='Clear']").click()
    expect(reference(page)).to_have_value("", timeout=SLOW)
    upload(page, examples[4].path)
    page.locator("#transcribe").click()
    expect(page.locator("#numbers .aq-conditions")).to_contain_text(f"Clip: {examples[4].path.name}", timeout=SLOW)
    done(page)
    assert "Reference" not in texts(page) and "no reference, so no WER" in page.locator("#cards").inner_text()


def test_words_that_somebody_typed_stay_with_a_question(open_page, examples) -> None:
    page = open_page()
    note = page.locator("#reference-note")
    reference(page).fill("ENTER FIVE")
    upload(page, examples[0].path)  # they were typed for this one
    expect(note).to_have_text("", timeout=SLOW)
    assert reference(page).input_value() == "ENTER FIVE"
    page.locator("#clip button[aria-label='Clear']").click()
    upload(page, examples[1].path)
    expect(note).to_have_text(KEPT, timeout=SLOW)
    assert reference(page).input_value() == "ENTER FIVE"
    reference(page).press_sequentially(" SIX")
    expect(note).to_have_text("", timeout=SLOW)
    page.locator("#transcribe").click()
    done(page)
    assert texts(page)["Reference"] == "ENTER FIVE SIX"


@pytest.mark.long
def test_a_job_that_another_tab_stops_says_so(open_page, address) -> None:
    wait_for(address, "idle")
    page = open_page()
    choose_preset(page, LONG)
    page.locator("#examples button").first.click()
    wait_for_work(address)
    page.get_by_role("tab", name="Modules").click()
    page.locator("#layers").click()
    expect(page.locator("#modules-status")).to_contain_text("Done.", timeout=SLOW)
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("#status .aq-problem")).to_contain_text(
        "Stopped, as you started another job on the tab Modules"
    )
    assert page.locator("#transcribe").is_enabled() and not page.locator("#cancel").is_enabled()


def test_a_clip_that_is_taken_away_stops_its_job(open_page, address, examples) -> None:
    wait_for(address, "idle")
    page = open_page()
    choose_preset(page, LONG)
    page.locator("#examples button").first.click()
    wait_for_work(address)
    page.locator("#clip button[aria-label='Clear']").click()
    expect(page.locator("#status .aq-problem")).to_contain_text("Stopped, as its clip was removed.", timeout=SLOW)
    assert page.locator("#cards .aq-card").count() == 0 and reference(page).input_value() == ""
    choose_preset(page, "dynamic-int8")
    upload(page, examples[1].path)
    page.locator("#transcribe").click()
    done(page)


@pytest.mark.long
def test_cancel_and_at_once_another(open_page, address, examples) -> None:
    wait_for(address, "idle")
    page = open_page()
    choose_preset(page, LONG)
    page.locator("#examples button").first.click()
    wait_for_work(address)
    choose_preset(page, "dynamic-int8")  # which the running job is not of
    page.locator("#cancel").click()
    page.locator("#transcribe").click(timeout=SLOW)
    done(page)
    assert "Preset: dynamic-int8" in conditions(page)


def test_a_result_says_which_preset_it_is_of(open_page, examples) -> None:
    page = open_page()
    choose_preset(page, "dynamic-float16")
    page.locator("#examples button").nth(5).click()
    choose_preset(page, "original")
    done(page)
    assert "Preset: dynamic-float16" in conditions(page)
    assert "dynamic-float16" in page.locator("#transcripts").inner_text()


@pytest.mark.long
def test_a_double_click_is_one_click(open_page, address, server_folder: Path, examples) -> None:
    page = open_page()
    wait_for(address, "idle")
    upload(page, examples[3].path)
    page.get_by_role("tab", name="Benchmark").click()
    page.locator("#bench-deployed input").uncheck()
    page.get_by_label("Clips at most").fill("1")
    page.get_by_role("tab", name="Export").click()
    page.locator("#measure input").uncheck()
    for tab, button, status in (
        ("Compare", "#transcribe", "#status"),
        ("Compare", "#examples button >> nth=2", "#status"),
        ("Benchmark", "#bench-run", "#bench-status"),
        ("Modules", "#layers", "#modules-status"),
        ("Export", "#build", "#export-status"),
    ):
        page.get_by_role("tab", name=tab).click()
        before = started(server_folder)
        page.locator(button).evaluate("button => { button.click(); button.click(); }")
        for _ in range(200):
            page.wait_for_timeout(100)
            if started(server_folder) > before and health(address)["worker"] == "idle":
                break
        expect(page.locator(status)).to_contain_text("Done", timeout=SLOW)
        page.wait_for_timeout(500)
        assert started(server_folder) == before + 1, button


def test_a_reference_that_is_too_long_is_refused_not_cut(open_page, examples) -> None:
    page = open_page()
    upload(page, examples[0].path)
    reference(page).evaluate(  # as a paste arrives
        "field => { field.focus(); document.execCommand('insertText', false, 'WORDS '.repeat(500)); }"
    )
    page.locator("#transcribe").click()
    problem = page.wait_for_selector("#status .aq-problem", timeout=SLOW).inner_text()
    assert "3,000 characters" in problem and "2,000" in problem and page.locator("#cards .aq-card").count() == 0


def test_while_it_records(playwright_driver, address, examples) -> None:
    flags = [*FLAGS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    browser = playwright_driver.chromium.launch(executable_path=CHROMIUM, args=flags)
    try:
        page = browser.new_context(permissions=["microphone"]).new_page()
        page.goto(address)
        page.wait_for_selector("#examples button", timeout=SLOW)
        page.get_by_role("button", name="Record", exact=True).first.click(timeout=SLOW)
        page.get_by_role("button", name="Stop", exact=True).first.wait_for(timeout=SLOW)
        page.locator("#transcribe").click()
        expect(page.locator("#status .aq-problem")).to_contain_text("press Stop", timeout=SLOW)
        page.locator("#clip button[aria-label='Upload file']").click()  # which gives the recording up
        page.locator("#transcribe").click()
        expect(page.locator("#status .aq-problem")).to_contain_text("There is no clip yet", timeout=SLOW)
    finally:
        browser.close()


def test_which_words_fit_a_clip(examples, tmp_path: Path) -> None:
    from asrquant.ui.reference import EXAMPLE, TYPED, Words, fitting

    copy = tmp_path / "copy.flac"
    copy.write_bytes(examples[2].path.read_bytes())
    assert fitting(str(copy), "stale", EXAMPLE) == Words(examples[2].reference, EXAMPLE)
    copy.write_bytes(examples[2].path.read_bytes()[:-1])
    assert fitting(str(copy), examples[2].reference, EXAMPLE) == Words("", EXAMPLE, REMOVED)
    assert fitting(str(tmp_path / "gone.flac"), "x", EXAMPLE).text == ""
    assert fitting(None, "x", EXAMPLE) == Words("", "") and fitting(None, "x", TYPED) == Words("x", TYPED)
    assert fitting(str(copy), "x", "") == Words("x", TYPED) and fitting(str(copy), "x", TYPED) == Words(
        "x", TYPED, KEPT
    )
    assert asrquant.example_clips() == examples
