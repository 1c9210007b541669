"""The page in a real browser: headless Chromium against the real server."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from pages import CHROMIUM, FLAGS, NEEDS_CHROMIUM, SLOW, wait_for, wait_for_work
from playwright.sync_api import expect
from scipy.signal import resample_poly

from asrquant.jobs import supervisor
from asrquant.text.metrics import agreement

pytestmark = NEEDS_CHROMIUM


def choose_preset(page, name: str) -> None:
    box = page.locator("#preset input")
    box.click()
    page.get_by_role("option", name=name, exact=True).click()


def wait_for_results(page) -> None:
    page.wait_for_selector("#cards .aq-card, #status .aq-problem", timeout=SLOW)
    assert page.locator("#status .aq-problem").count() == 0, page.locator("#status").inner_text()
    page.wait_for_selector("#speed .js-plotly-plot .bars path", timeout=SLOW, state="attached")
    # A chart with nothing to show says so in words.
    page.wait_for_selector(
        "#accuracy .js-plotly-plot .bars path, #no-errors .aq-status", timeout=SLOW, state="attached"
    )


def texts(page) -> dict[str, str]:
    """Name of each transcript → its words, without the marks for screen readers."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('#transcripts .aq-transcript')].map(e => {
            const copy = e.cloneNode(true);
            copy.querySelectorAll('.aq-hidden').forEach(h => h.remove());
            return [copy.querySelector('.aq-name').firstChild.textContent.trim(),
                    copy.querySelector('p').textContent.replace(/\\s+/g, ' ').trim()];
        }))"""
    )


LINK = "() => document.querySelector('#clip a[download]')?.href ?? ''"
"""Where the page has its clip from; empty where it has none."""


def upload(page, path: Path) -> None:
    before = page.evaluate(LINK)
    page.locator("#clip button[aria-label='Upload file']").click()
    page.locator("#clip input[type=file]").set_input_files(str(path))
    wait_for_clip(page, before)


def wait_for_clip(page, before: str = "") -> None:
    """Wait until the page has a clip, another than ``before``."""
    page.wait_for_function(f"before => !['', before].includes(({LINK})())", arg=before, timeout=SLOW)


@pytest.fixture(scope="module")
def heard(an4, examples) -> dict[str, str]:
    return {u.reference: an4.transcribe(u.path).text for u in examples}


def test_an_example_shows_everything(open_page, examples, heard) -> None:
    page = open_page()
    page.locator("#examples button").first.click()
    wait_for_results(page)
    shown = texts(page)
    reference = examples[0].reference
    assert shown["Reference"] == reference
    assert shown["Original"] == heard[reference]
    assert shown["Quantized"]
    cards = page.locator("#cards .aq-card").all_inner_texts()
    assert len(cards) == 3 and "×" in cards[0] and "MB" in cards[0] and "ms" in cards[1] and "WER" in cards[2]
    assert "this speech recognizer is" in page.locator("#cards .aq-sentence").inner_text()
    table = page.locator("#numbers table").inner_text()
    assert all(word in table for word in ("Encoder time (ms)", "Decoder time (ms)", "RTF", "Size (MB)", "WER (%)"))
    conditions = page.locator("#numbers .aq-conditions").inner_text()
    assert (
        "16 kHz mono" in conditions and "thread" in conditions and "torch 2.13.0" in conditions and "x86" in conditions
    )
    assert page.locator("#clip").get_by_label("Play").count() or page.locator("#clip").inner_text()


def test_downloads_hold_the_numbers(open_page, heard, examples) -> None:
    page = open_page()
    page.locator("#examples button").first.click()
    wait_for_results(page)
    with page.expect_download() as download:
        page.locator("#json").click()
    data = json.loads(Path(download.value.path()).read_text())
    assert data["original"]["text"] == heard[examples[0].reference]
    with page.expect_download() as download:
        page.locator("#csv").click()
    assert Path(download.value.path()).read_text().startswith("Measure,original,dynamic-int8,Change")


def test_words_that_changed_are_marked_and_explained(open_page, examples) -> None:
    """The tutorial's own settings change words on most clips; they are marked by more than colour."""
    page = open_page()
    choose_preset(page, "speechbrain-int8")
    page.locator("#explanation").get_by_text("to the letter").wait_for(timeout=SLOW)
    page.locator("#examples button").nth(3).click()
    wait_for_results(page)
    marks = page.locator("#transcripts .aq-transcript mark")
    assert marks.count() > 0
    assert (
        marks.first.evaluate("e => getComputedStyle(e).textDecorationLine + getComputedStyle(e).borderBottomStyle")
        != "nonenone"
    )
    assert "(" in (marks.first.locator(".aq-hidden").text_content() or "")


def test_upload_48_khz_stereo_and_mp3(open_page, examples, heard, tmp_path) -> None:
    audio = examples[3].audio()
    loud = 0.8 * resample_poly(audio.samples, 3, 1)
    sf.write(tmp_path / "clip.wav", np.stack([loud, loud], axis=1), 48_000)
    sf.write(tmp_path / "clip.mp3", loud, 48_000)
    for name, received in (("clip.wav", "48 kHz stereo"), ("clip.mp3", "48 kHz mono")):
        page = open_page()
        upload(page, tmp_path / name)
        page.locator("#transcribe").click()
        wait_for_results(page)
        assert agreement(texts(page)["Original"], heard[examples[3].reference]) >= 50
        assert received in page.locator("#numbers .aq-conditions").inner_text()
        assert (
            "Agreement" in page.locator("#cards").inner_text()
            and "WER (%)" not in page.locator("#numbers table").inner_text()
        )


def test_a_text_file_named_wav_is_explained(open_page, tmp_path) -> None:
    (tmp_path / "clip.wav").write_text("<b>not</b> audio")
    page = open_page(forgiven=("Waveform load error: MediaError",))  # the browser's player, which cannot play it either
    page.locator("#clip button[aria-label='Upload file']").click()
    page.locator("#clip input[type=file]").set_input_files(str(tmp_path / "clip.wav"))
    wait_for_clip(page)
    page.locator("#transcribe").click()
    problem = page.wait_for_selector("#status .aq-problem", timeout=SLOW).inner_text()
    assert "cannot be read as audio" in problem and "Traceback" not in problem and "/" not in problem.replace("Ogg", "")
    assert page.locator("#transcribe").is_enabled()


def test_no_clip_yet(open_page) -> None:
    page = open_page()
    page.locator("#transcribe").click()
    assert "no clip yet" in page.wait_for_selector("#status .aq-problem", timeout=SLOW).inner_text()


def test_cancel_stops_the_work(open_page, examples) -> None:
    page = open_page()
    page.get_by_text("Model, decoder, runs").click()
    page.get_by_label("number input for Runs").fill("10")
    page.get_by_label("number input for Runs").press("Tab")
    choose_preset(page, "everything-int8")  # no other test has had it built
    page.locator("#examples button").first.click()
    page.wait_for_selector("#status [role=progressbar]", timeout=SLOW)
    page.locator("#cancel:not([disabled])").click(timeout=SLOW)
    page.wait_for_selector("#status .aq-problem", timeout=SLOW)
    assert "Cancelled" in page.locator("#status").inner_text()
    assert page.locator("#cards .aq-card").count() == 0
    page.locator("#transcribe:not([disabled])").wait_for(timeout=SLOW)


def test_record_from_the_microphone(playwright_driver, address, examples, heard, tmp_path) -> None:
    """A real clip played into Chromium's fake microphone comes out as its words."""
    clip = examples[2].audio()
    quiet = np.zeros(8_000, np.float32)
    loud = np.concatenate([quiet, clip.samples / np.abs(clip.samples).max() * 0.7, quiet, quiet])
    sf.write(tmp_path / "speech.wav", resample_poly(loud, 3, 1), 48_000)
    browser = playwright_driver.chromium.launch(
        executable_path=CHROMIUM,
        args=[*FLAGS, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
              f"--use-file-for-fake-audio-capture={tmp_path / 'speech.wav'}%noloop"],
    )  # fmt: skip
    try:
        page = browser.new_context(permissions=["microphone"]).new_page()
        page.goto(address)
        page.wait_for_selector("#transcribe", timeout=SLOW)
        page.get_by_role("button", name="Record", exact=True).click()
        page.wait_for_timeout(int(1000 * len(loud) / 16_000) + 500)  # as long as it is spoken
        page.get_by_role("button", name="Stop", exact=True).first.click()
        wait_for_clip(page)
        page.locator("#transcribe").click()
        wait_for_results(page)
        spoken = examples[2].reference
        assert agreement(spoken, texts(page)["Original"]) >= 60, texts(page)
    finally:
        browser.close()


@pytest.mark.parametrize(("theme", "width"), [("dark", 1280), ("light", 390), ("dark", 390)])
def test_dark_and_narrow(open_page, theme: str, width: int) -> None:
    page = open_page(theme, viewport={"width": width, "height": 844})
    page.locator("#examples button").first.click()
    wait_for_results(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.wait_for_function(  # the transcripts are brought into view
        "() => { const r = document.querySelector('#transcripts').getBoundingClientRect(); return r.top > -20 && r.top < 600; }",
        timeout=SLOW,
    )
    colors = page.evaluate(
        """() => {
            const text = document.querySelector('#transcripts p');
            let behind = text;
            while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
            return [getComputedStyle(text).color, getComputedStyle(behind).backgroundColor];
        }"""
    )
    assert contrast(*colors) >= 4.5


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.1 between two CSS rgb() colours."""

    def luminance(color: str) -> float:
        parts = [float(x) / 255 for x in color[color.index("(") + 1 : -1].split(",")[:3]]
        linear = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_controls_have_labels(open_page) -> None:
    page = open_page()
    for label in ("What is said (optional)", "Quantization preset"):
        expect(page.get_by_label(label).first).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Transcribe")).to_have_count(1)


def test_a_preset_of_ones_own(open_page) -> None:
    page = open_page()
    assert not page.locator("#custom").first.is_visible()
    choose_preset(page, "custom")
    page.locator("#custom").first.wait_for(state="visible", timeout=SLOW)
    page.locator("#custom fieldset", has_text="Head").first.get_by_label("dynamic").check()
    page.locator("#examples button").nth(1).click()
    wait_for_results(page)
    assert "custom" in page.locator("#transcripts").inner_text()


@pytest.mark.parametrize("source", ["/etc", "../artifacts/an4-wav2vec2-ctc", "somebody/something"])
def test_the_page_loads_no_model_of_a_visitors_own(address, examples, source: str) -> None:
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(address, verbose=False)
    with pytest.raises(AppError):
        client.predict(handle_file(examples[0].path), "dynamic-int8", "", source, "greedy", 1, api_name="/compare")


def test_closing_the_tab_frees_the_machine(open_page, address) -> None:
    wait_for(address, "idle")
    page = open_page()
    choose_preset(page, "openvino-int8-accurate")
    page.locator("#examples button").first.click()
    wait_for_work(address)
    page.close()
    assert wait_for(address, "idle", "starting") < supervisor.GRACE_SECONDS + 2
