"""The tab "Export" in a real browser."""

from __future__ import annotations

import hashlib
import json
import re
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import pytest
from pages import NEEDS_CHROMIUM, SLOW, serve

import asrquant

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def open_tab(open_page):
    def open_(**context):
        page = open_page(**context)
        page.get_by_role("tab", name="Export").click()
        page.wait_for_selector("#build", timeout=SLOW)
        page.wait_for_selector(".aq-artifact, #no-artifacts", timeout=SLOW)
        return page

    return open_


def choose(page, preset: str, format: str) -> None:
    page.locator("#export-preset input").click()
    page.get_by_role("option", name=preset, exact=True).click()
    page.locator("#format").get_by_label(format, exact=False).first.check()


def build(page, measured: bool = False) -> str:
    """Build, and return the name of what was built."""
    page.locator("#measure input").set_checked(measured)
    page.locator("#build").click()
    page.wait_for_selector("#manifest .aq-card, #export-status .aq-problem", timeout=SLOW)
    assert page.locator("#export-status .aq-problem").count() == 0, page.locator("#export-status").inner_text()
    return page.locator("#manifest .aq-facts thead th").nth(1).inner_text()


def download(page, button) -> Path:
    with page.expect_download(timeout=SLOW) as event:
        button.click()
    return Path(event.value.path()).rename(Path(event.value.path()).with_name(event.value.suggested_filename))


def published(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.zip"))


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".") and path.name != ".lock"]


def test_build_read_download_unzip_verify(open_tab, server_folder: Path, tmp_path: Path, examples) -> None:
    page = open_tab()
    choose(page, "mixed-int8", "torchscript")
    name = build(page, measured=True)
    summary = page.locator("#manifest").inner_text()
    assert name.startswith("an4-mixed-int8-torchscript")
    assert "10 of 10 transcripts identical" in summary and "27 dynamic Linear" in summary and "mixed-int8" in summary
    assert page.locator("#status .aq-problem").count() == 0

    packed = download(page, page.locator("#zip"))
    assert packed.name == f"{name}.zip"
    digests = dict(
        page.locator("#files tbody tr").evaluate_all(
            "rows => rows.map(r => [r.cells[0].textContent, r.cells[2].textContent])"
        )
    )
    assert hashlib.sha256(packed.read_bytes()).hexdigest() == digests[f"{name}.zip"]
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    for file in set(digests) - {f"{name}.zip"}:
        assert hashlib.sha256((tmp_path / name / file).read_bytes()).hexdigest() == digests[file]
    manifest = json.loads((tmp_path / name / "manifest.json").read_text())
    ratio = manifest["model_bytes"] / manifest["original_bytes"]
    assert f"{ratio:.1%}" in summary and f"{ratio:.0%} of" in page.locator("#manifest .aq-card").first.inner_text()

    code = page.locator("#code .cm-content").inner_text()
    assert f'asrquant.load_artifact("{name}")' in code
    loaded = asrquant.load_artifact(tmp_path / name)  # as those lines do
    assert (
        loaded.transcribe(examples[0].path).text
        == asrquant.quantize(asrquant.load("an4"), "mixed-int8").transcribe(examples[0].path).text
    )


@pytest.mark.long
def test_the_list_downloads_and_deletes(open_tab, server_folder: Path) -> None:
    page = open_tab()
    choose(page, "dynamic-int8", "state-dict")
    name = build(page)
    assert "not measured" not in page.locator("#export-status").inner_text()
    row = page.locator(".aq-artifact", has=page.get_by_text(name, exact=True))
    row.wait_for(timeout=SLOW)
    again = open_tab()  # who comes back finds it
    row = again.locator(".aq-artifact", has=again.get_by_text(name, exact=True))
    packed = download(again, row.get_by_role("button", name="Download"))
    assert packed.read_bytes() == (server_folder / "exports" / name / f"{name}.zip").read_bytes()
    row.get_by_role("button", name="Delete", exact=True).click()
    row.get_by_role("button", name="Keep it").click()
    row.get_by_role("button", name="Delete", exact=True).click()
    row.get_by_role("button", name="Delete it").click()
    row.wait_for(state="detached", timeout=SLOW)
    assert not (server_folder / "exports" / name).exists() and hidden(server_folder / "exports") == []
    # The other window still shows it; its download is gone, and says so.
    page.locator(".aq-artifact", has=page.get_by_text(name, exact=True)).get_by_role("button", name="Download").click()
    page.wait_for_selector("#list-status .aq-problem", timeout=SLOW)
    assert "no artifact" in page.locator("#list-status").inner_text()


@pytest.mark.parametrize("stage", ["save", "load back and compare"])
def test_cancelling_leaves_nothing(open_tab, server_folder: Path, stage: str) -> None:
    page = open_tab()
    before = published(server_folder / "exports") if (server_folder / "exports").is_dir() else []
    choose(page, "original", "torchscript")
    page.locator("#build").click()
    page.wait_for_selector(f"#export-status .aq-now:has-text('{stage}')", timeout=SLOW)
    page.locator("#export-cancel").click()
    page.wait_for_selector("#export-status .aq-problem", timeout=SLOW)
    assert "Cancelled" in page.locator("#export-status").inner_text()
    assert published(server_folder / "exports") == before and hidden(server_folder / "exports") == []
    page.wait_for_selector("#build:not([disabled])", timeout=SLOW)


@pytest.mark.long
def test_a_custom_preset_on_a_phone(open_tab) -> None:
    page = open_tab(viewport={"width": 390, "height": 844}, theme="dark")
    choose(page, "custom", "state-dict")
    page.locator("#export-custom").first.wait_for(state="visible", timeout=SLOW)
    page.locator("#export-custom fieldset", has_text="Feature projection").first.get_by_label("static").check()
    assert build(page).startswith("an4-custom-state-dict")
    assert "1 static Linear" in page.locator("#manifest").inner_text()
    page.wait_for_selector(".aq-artifact", timeout=SLOW)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.long
def test_a_space_shows_visitors_their_own_only(open_page, examples, tmp_path: Path) -> None:
    with serve(tmp_path, SPACE_ID="somebody/asrquant", GRADIO_SERVER_NAME="127.0.0.1") as url:
        pages = [open_page(url=url) for _ in range(2)]
        for page in pages:
            page.get_by_role("tab", name="Export").click()
            page.wait_for_selector("#no-artifacts", timeout=SLOW)
        name = build(pages[0])
        pages[0].wait_for_selector(".aq-artifact", timeout=SLOW)
        folder = next((tmp_path / "exports").glob("visitor-*"))
        assert re.fullmatch("visitor-[0-9a-f]{32}", folder.name) and (folder / name).is_dir()
        for page, shown in ((pages[1], "#no-artifacts"), (pages[0], ".aq-artifact")):
            page.reload()
            page.get_by_role("tab", name="Export").click()
            page.wait_for_selector(shown, timeout=SLOW)
        assert pages[0].locator(".aq-artifact").count() == 1
        assert pages[1].locator(".aq-artifact").count() == 0 and pages[1].locator("#no-artifacts").count() == 1
        for path in ("", f"{name}/{name}.zip", f"../exports/{name}/{name}.zip"):  # guesses without the secret
            target = f"{url}/gradio_api/file={urllib.parse.quote(str(tmp_path / 'exports' / path))}"
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(target)
        for page in pages:
            page.context.close()
