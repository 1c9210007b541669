"""The page as a Space: in another site's frame that may store nothing, below a proxy's path, with Spaces' settings."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pages import CHROMIUM, FLAGS, NEEDS_CHROMIUM, SLOW, serve, wait_for, watch
from spaces import PREFIX, node, proxied, read_only_checkout, without_root, writable
from test_page import texts, upload, wait_for_clip, wait_for_results
from test_page_export import build, choose, download

from asrquant import example_clips

CLIP = example_clips()[0]
BLOCKED = "() => { try { return String(localStorage) } catch (refused) { return refused.name } }"


def come_up(page):
    """The frame that the page is in, once it is there."""
    frame = page.frames[-1]
    frame.wait_for_selector("#examples button", timeout=SLOW)
    return frame


def open_exports(frame) -> None:
    """The tab "Export", once it lists what there is, which is nothing."""
    frame.get_by_role("tab", name="Export").click()
    frame.wait_for_selector("#no-artifacts", timeout=SLOW)


def secret(frame) -> str:
    """What the page knows its visitor by, in 32 hex digits."""
    box = frame.locator("#visitor textarea, #visitor input")
    frame.wait_for_function("box => box.value.length == 32", arg=box.element_handle(), timeout=SLOW)
    return box.input_value()


@dataclass(frozen=True)
class Space:
    """A server as a Space has it.

    Attributes:
        folder: of the server's files.
        server: its own address.
        url: the page's, at the proxy.
        frame: of another site's page that shows it.
        node_started: a file that is there once Node was started.
    """

    folder: Path
    server: str
    url: str
    frame: str
    node_started: Path


@pytest.fixture(scope="module")
def space() -> Iterator[Space]:
    with tempfile.TemporaryDirectory(prefix="space-") as temporary:
        folder = Path(temporary)
        checkout = read_only_checkout(folder)
        programs, started = node(folder)
        for part in (folder, folder / "home", folder / "tmp"):
            part.mkdir(exist_ok=True)
            part.chmod(0o777)
        settings = {
            "SYSTEM": "spaces", "SPACE_ID": "somebody/asrquant", "GRADIO_SSR_MODE": "true", "GRADIO_NUM_WORKERS": "2",
            "GRADIO_ROOT_PATH": PREFIX, "HOME": str(folder / "home"), "PATH": f"{programs}:{os.environ['PATH']}",
        }  # fmt: skip
        try:
            with serve(folder, checkout, without_root(), **settings) as server, proxied(server) as (url, frame):
                wait_for(server, "idle")
                yield Space(folder, server, url, frame, started)
        finally:
            writable(checkout)


@pytest.fixture(scope="module")
def strict_browser(playwright_driver):
    """Blocks what other sites' frames would store; has a microphone, into which it beeps."""
    flags = [
        "--test-third-party-cookie-phaseout",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
    ]
    browser = playwright_driver.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
    yield browser
    browser.close()


@pytest.fixture
def open_frame(strict_browser, space: Space):
    """Opens another site's page with ours in a frame: the outer page and the frame."""
    contexts, complaints = [], []

    def open_(address: str = space.frame):
        contexts.append(strict_browser.new_context(viewport={"width": 1280, "height": 900}))
        page = contexts[-1].new_page()
        watch(page, complaints, [space.frame, space.url])
        page.goto(address)
        return page, come_up(page)

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def test_spaces_settings_open_nothing(space: Space) -> None:
    """Node in front would answer everything with the page; file workers and a code editor would listen on other ports."""
    log = (space.folder / "log.txt").read_text()
    assert not space.node_started.exists()
    assert "SSR" not in log and "Static file workers" not in log and "Traceback" not in log, log


@pytest.mark.parametrize("prefix", ["", PREFIX], ids=["stripped", "not stripped"])
def test_health_and_refusals_below_a_path(space: Space, prefix: str) -> None:
    """Whether the proxy takes its path off, or leaves it on."""
    for address in {space.url, space.server + prefix}:
        answer = httpx.get(f"{address}/health")
        assert answer.status_code == 200 and answer.json()["worker"] in ("idle", "busy")
        assert httpx.get(f"{address}/").status_code == 200
        for path in ("nothing", "health/x", "monitoring", "gradio_api/deep_link", "gradio_api/process_recording", "proxy=x",
                     "gradio_api/dev/reload", f"{PREFIX}{PREFIX}/health", "_app/immutable/x.js", "svelte"):  # fmt: skip
            for method in ("GET", "POST"):
                assert httpx.request(method, f"{address}/{path}").status_code == 404, (address, path)
    assert httpx.get(f"{space.url}/config").json()["root"] == space.url


@NEEDS_CHROMIUM[0]
@NEEDS_CHROMIUM[1]
class TestInAFrame:
    def test_six_browsers_that_store_nothing_show_it(self, open_frame) -> None:
        secrets = set()
        for _ in range(6):
            page, frame = open_frame()
            assert frame.evaluate(BLOCKED) == "SecurityError", "this browser does not block what it should"
            secrets.add(secret(frame))
            page.close()
        assert len(secrets) == 6

    def test_outside_of_a_frame_a_visitor_stays_the_same(self, open_frame, space: Space) -> None:
        page, whole = open_frame(space.url + "/")
        before = secret(whole)
        open_exports(whole)
        assert whole.locator("#forgetful").inner_text() == ""
        page.reload()
        assert secret(come_up(page)) == before

    def test_compare_an_example_an_upload_and_a_recording(self, open_frame, examples) -> None:
        page, frame = open_frame()
        frame.locator("#examples button").first.click()
        wait_for_results(frame)
        assert texts(frame)["Reference"] == examples[0].reference and texts(frame)["Original"]
        assert frame.locator("#clip").get_by_label("Download").count() == 1
        assert frame.locator("#clip").get_by_label("Share").count() == 0  # which sends the clip to huggingface.co
        assert download(page, frame.locator("#json")).suffix == ".json"
        page.reload()
        frame = come_up(page)
        upload(frame, examples[1].path)
        frame.locator("#transcribe").click()
        wait_for_results(frame)
        frame.locator("#clip").get_by_label("Clear").click()
        frame.get_by_label("Record audio").click()
        frame.get_by_role("button", name="Record", exact=True).click()
        page.wait_for_timeout(1500)  # of noise
        frame.get_by_role("button", name="Stop", exact=True).first.click()
        wait_for_clip(frame)
        frame.locator("#transcribe").click()
        frame.wait_for_selector("#status:has-text('Done.')", timeout=SLOW)
        assert "kHz mono" in frame.locator("#numbers .aq-conditions").inner_text()

    @pytest.mark.long
    def test_on_the_visitors_own_device(self, open_frame, examples) -> None:
        """A frame in a frame of another site: the models run there, from a file and from the microphone, and nothing is sent."""
        page, frame = open_frame()
        frame.get_by_role("tab", name="On your device", exact=True).click()
        inner = frame.locator("#device iframe").element_handle().content_frame()
        inner.wait_for_selector("html[data-ready]", timeout=SLOW)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if request.frame == inner else None)
        inner.set_input_files("#file", str(examples[1].path))
        inner.wait_for_selector("#status:has-text('Done.')", timeout=SLOW)
        assert inner.locator(".transcript").count() == 2
        inner.click("#record")
        inner.wait_for_selector("#record[aria-pressed=true]", timeout=SLOW)
        page.wait_for_timeout(1200)
        inner.click("#record")
        inner.wait_for_selector("#clip:has-text('The recording')", timeout=SLOW)
        inner.wait_for_selector("#status:has-text('Done.')", timeout=SLOW)
        assert [url for url in asked if not url.startswith("blob:")] == []

    def test_benchmark_and_modules(self, open_frame) -> None:
        page, frame = open_frame()
        frame.get_by_role("tab", name="Benchmark").click()
        frame.locator("#bench-limit input").fill("2")
        frame.locator("#bench-presets").get_by_label("openvino-int8", exact=True).uncheck()
        frame.locator("#bench-deployed input").uncheck()
        frame.locator("#bench-run").click()
        frame.wait_for_selector("#bench-status:has-text('Done.')", timeout=SLOW)
        assert download(page, frame.locator("#bench-files a[download]").first).stat().st_size > 0
        frame.get_by_role("tab", name="Modules").click()
        frame.locator("#layers").click()
        frame.wait_for_selector("#treemap .js-plotly-plot .treemaplayer", timeout=SLOW)

    @pytest.mark.long
    def test_an_artifact_is_its_page_s_own(self, open_frame, space: Space) -> None:
        (page, frame), (_, other) = open_frame(), open_frame()
        for each in (frame, other):
            open_exports(each)
            assert "until the page is closed or reloaded" in each.locator("#forgetful").inner_text()
        choose(frame, "dynamic-int8", "state-dict")
        name = build(frame)
        assert download(page, frame.locator("#zip")).name == f"{name}.zip"
        assert (
            download(page, frame.locator(".aq-artifact").get_by_role("button", name="Download")).name == f"{name}.zip"
        )
        other.get_by_role("tab", name="Compare").click()
        other.get_by_role("tab", name="Export").click()
        assert other.locator(".aq-artifact").count() == 0
        page.reload()
        frame = come_up(page)
        open_exports(frame)
        assert "reloaded" in frame.locator("#forgetful").inner_text() and frame.locator(".aq-artifact").count() == 0
