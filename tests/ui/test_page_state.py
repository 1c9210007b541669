"""What a page shows is what runs, whatever the server has forgotten of it meanwhile; in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from pages import NEEDS_CHROMIUM, SLOW
from test_page import choose_preset, texts, upload, wait_for_results
from test_page_export import build, choose, download

import asrquant
from asrquant.ui.page import SESSIONS

pytestmark = NEEDS_CHROMIUM


def expect(locator):
    from playwright.sync_api import expect as expect_

    return expect_(locator)


def others_come(url: str) -> None:
    """More visitors than the server keeps the state of, so that it forgets all others; the same as an hour of absence."""
    with httpx.Client(timeout=60) as http:
        config = http.get(f"{url}/config").json()
        preset = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "preset")
        event = next(d["id"] for d in config["dependencies"] if [preset, "change"] in d["targets"])
        for number in range(SESSIONS + 8):
            body = {"fn_index": event, "data": ["original"], "session_hash": f"other{number}"}
            http.post(f"{url}/gradio_api/run/predict", json=body).raise_for_status()


def conditions(page) -> str:
    return page.locator("#numbers .aq-conditions").inner_text()


@pytest.mark.long
def test_a_custom_preset_is_what_its_controls_say(open_page, address) -> None:
    page = open_page()
    choose_preset(page, "custom")
    own = page.locator("#custom").first
    own.wait_for(state="visible", timeout=SLOW)
    own.locator("fieldset", has_text="Transformer layers").get_by_label("float").check()
    own.locator("fieldset", has_text="Head").first.get_by_label("dynamic").check()
    own.get_by_label("Calibration seed").fill("7")
    others_come(address)
    page.locator("#examples button").nth(1).click()
    wait_for_results(page)
    assert re.search("Preset: custom: head dynamic; .* seed 7", conditions(page)), conditions(page)
    own.get_by_label("Calibration seed").fill("")
    page.locator("#transcribe").click()
    problem = page.wait_for_selector("#status .aq-problem", timeout=SLOW).inner_text()
    assert "calibration seed is empty" in problem and "whole number" in problem
    assert page.locator("#cards .aq-card").count() == 0  # no numbers of another question beside it


@pytest.mark.long
def test_a_suggestion_and_the_layers_of_a_custom_preset(open_page, address) -> None:
    page = open_page()
    page.get_by_role("tab", name="Modules").click()
    choose_modules = page.locator("#modules-preset input")
    choose_modules.click()
    page.get_by_role("option", name="custom", exact=True).click()
    page.locator("#modules-custom fieldset", has_text="CTC output").get_by_label("dynamic").check()
    page.locator("#measure-parts").click()
    expect(page.locator("#use-suggestion")).to_be_visible(timeout=SLOW)
    others_come(address)
    page.locator("#layers").click()
    expect(page.locator("#parts table tbody tr", has_text="ctc_output")).to_contain_text("int8", timeout=SLOW)
    suggested = page.locator("#effects .aq-code").inner_text()
    page.locator("#use-suggestion").click()
    expect(page.locator("#preset input")).to_have_value("custom")
    page.locator("#custom").first.wait_for(state="visible", timeout=SLOW)
    radios = page.locator("#custom input[type=radio]:checked").evaluate_all("all => all.map(each => each.value)")
    assert len(re.findall("'(dynamic|static)'", suggested)) == sum(each in ("dynamic", "static") for each in radios) > 0


@pytest.mark.long
def test_artifacts_are_built_listed_taken_and_deleted(open_page, address, server_folder: Path) -> None:
    page = open_page()
    page.get_by_role("tab", name="Export").click()
    page.wait_for_selector(".aq-artifact, #no-artifacts", timeout=SLOW)
    choose(page, "openvino-fp32", "openvino-ir")
    others_come(address)
    name = build(page)  # the format is none of those that a new page begins with
    row = page.locator(".aq-artifact", has=page.get_by_text(name, exact=True))
    row.wait_for(timeout=SLOW)
    others_come(address)
    assert download(page, row.get_by_role("button", name="Download")).name == f"{name}.zip"
    row.get_by_role("button", name="Delete", exact=True).click()
    others_come(address)
    row.get_by_role("button", name="Delete it").click()
    row.wait_for(state="detached", timeout=SLOW)
    assert not (server_folder / "exports" / name).exists()


def test_what_is_typed_counts_before_the_field_is_left(open_page) -> None:
    page = open_page()
    upload(page, asrquant.example_clips()[2].path)
    page.get_by_text("Model, decoder, runs").click()
    page.get_by_label("number input for Runs").fill("2")
    page.locator("#reference textarea, #reference input").first.fill("J O H N")
    page.locator("#transcribe").evaluate("button => button.click()")  # as a voice control does: nothing loses the focus
    wait_for_results(page)
    assert texts(page)["Reference"] == "J O H N" and "median of 2 alternating runs" in conditions(page)
    assert "Clip: fvap" in conditions(page)
    page.get_by_role("tab", name="Benchmark").click()
    for typed, said in (("", "empty"), ("2.5", "2.5"), ("0", "0"), ("100000", "100000")):
        page.get_by_label("Clips at most").fill(typed)
        page.locator("#bench-run").evaluate("button => button.click()")
        expect(page.locator("#bench-status .aq-problem")).to_contain_text(f"number of clips is {said};", timeout=SLOW)


def test_whoever_comes_back_or_reloads_sees_what_runs(open_page) -> None:
    page = open_page()
    choose_preset(page, "original")
    page.locator("#reference textarea, #reference input").first.fill("GO")
    for leave in (lambda: page.goto("data:text/html,away") or page.go_back(), page.reload):
        leave()
        page.wait_for_selector("#examples button", timeout=SLOW)
        shown = page.locator("#preset input").input_value()
        typed = page.locator("#reference textarea, #reference input").first.input_value()
        upload(page, asrquant.example_clips()[0].path)
        page.locator("#transcribe").click()
        wait_for_results(page)
        assert f"Preset: {shown}" in conditions(page) and texts(page).get("Reference", "") == typed


def test_a_clip_that_is_no_longer_kept(open_page, server_folder: Path, tmp_path: Path) -> None:
    clip = tmp_path / "my own.flac"
    clip.write_bytes(asrquant.example_clips()[4].path.read_bytes())
    gone = "Failed to load resource: the server responded with a status of 403"
    page = open_page(forgiven=(gone, "Waveform load error"))  # the browser may still ask for the clip, to play it
    upload(page, clip)
    for kept in (server_folder / "files").rglob("my own.flac"):
        kept.unlink()
    page.locator("#transcribe").click()
    problem = page.wait_for_selector("#status .aq-problem", timeout=SLOW).inner_text()
    assert "no longer kept here: record or upload it again" in problem


@pytest.mark.parametrize("schemes", [None, [], "head", {"head": "float32"}, {"x": "dynamic"}, {"head": ["dynamic"]}])
def test_a_forged_suggestion_suggests_nothing(schemes) -> None:
    from asrquant.ui.modules import radios

    assert set(radios(schemes).values()) == {"float"}
