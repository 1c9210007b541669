"""The page's list of models: what is far away comes when it is chosen, and what cannot be had says why; in a real browser."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from local_hub import LocalHub
from pages import NEEDS_CHROMIUM, SLOW, serve, watch
from small_models import write_base, write_speechbrain, write_transformers
from test_page import upload
from test_page_state import expect

from asrquant.base.errors import RequestError, UntrustedSourceError
from asrquant.jobs.models import TRUSTED, known_model, plain_name
from asrquant.ui.nearby import refuse_the_distant

pytestmark = NEEDS_CHROMIUM
SMALL, TUTORIALS, BASE = (
    "facebook/wav2vec2-base-960h",
    "speechbrain/asr-wav2vec2-commonvoice-14-en",
    "facebook/wav2vec2-large-lv60",
)


@contextmanager
def hub_at(port: int, folder: Path) -> Iterator[LocalHub]:
    """A Hub with models of two listed names, each of its toolkit's shape."""
    hub = LocalHub(port)
    hub.commit(SMALL, write_transformers("wav2vec2", folder / "small"))
    base = write_base(folder / "base")
    hub.commit(BASE, base)
    hub.commit(TUTORIALS, write_speechbrain(folder / "asr", base, source=BASE))
    threading.Thread(target=hub.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()


def choose(page, name: str) -> None:
    page.locator("#model input").click()
    page.get_by_role("option", name=name).first.click()


@contextmanager
def opened(browser, url: str) -> Iterator[Any]:
    """The page in a browser, its list of models in view; it stays free of console errors."""
    complaints: list[str] = []
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        watch(page, complaints, [url])
        page.goto(url, timeout=SLOW)
        page.wait_for_selector("#transcribe", timeout=SLOW)
        page.get_by_text("Model, decoder, runs").click()
        yield page
    assert complaints == []


def heard(page, by: str) -> None:
    """Wait for a result, which says what it was made with."""
    expect(page.locator("#numbers .aq-conditions")).to_contain_text(by, timeout=SLOW)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def environment(folder: Path, port: int) -> dict[str, str]:
    return {
        "HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "ASRQUANT_CACHE": str(folder / "cache"),
    }  # fmt: skip


@pytest.mark.long
def test_a_space_without_a_network_and_with_one(browser, tmp_path: Path, port: int, examples) -> None:
    with (
        serve(tmp_path, SPACE_ID="someone/asrquant", **environment(tmp_path, port)) as url,
        opened(browser, url) as page,
    ):
        expect(page.locator("#model-about")).to_contain_text("English letters, numbers")
        choose(page, f"{SMALL} (not now: not reached)")
        expect(page.locator("#model-about")).to_contain_text("94 M parameters, 378.0 MB, Apache-2.0", timeout=SLOW)
        expect(page.locator("#model-about")).to_contain_text("the Hugging Face Hub does not answer from here")
        page.locator("#examples button").first.click()
        expect(page.locator("#status")).to_contain_text("connect to the internet", timeout=SLOW)
        with hub_at(port, tmp_path) as hub:
            expect(page.locator("#model-about")).to_contain_text(
                "downloaded (378.0 MB) when it is first used", timeout=SLOW
            )
            page.locator("#examples button").first.click()
            heard(page, f"Model: {SMALL} at {next(iter(hub.commits[SMALL]))[:8]}, decoder greedy")
            choose(page, TUTORIALS)
            expect(page.locator("#model-about")).to_contain_text("English, 319 M parameters", timeout=SLOW)
            expect(page.get_by_role("radio", name="beam:")).to_be_checked(timeout=SLOW)
            page.locator("#examples button").first.click()
            heard(page, f"Model: {TUTORIALS} at {next(iter(hub.commits[TUTORIALS]))[:8]}, decoder beam")
            assert "model.safetensors" not in [name for name in hub.sent if name in hub.main(BASE)]
            page.reload()
            page.get_by_text("Model, decoder, runs").click(timeout=SLOW)
            upload(page, examples[0].path)
            expect(page.locator("#model input")).to_have_value(SMALL, timeout=SLOW)
            page.locator("#transcribe").click()
            heard(page, f"Model: {SMALL} at ")
            sent = len(hub.sent)
        assert page.locator("#trust").count() == 0 or not page.locator("#trust").is_visible()
    with (
        serve(tmp_path, SPACE_ID="someone/asrquant", **environment(tmp_path, port)) as url,
        opened(browser, url) as page,
    ):  # the Hub is gone again
        choose(page, SMALL)
        expect(page.locator("#model-about")).to_contain_text("on this machine, at ", timeout=SLOW)
        page.locator("#examples button").first.click()
        expect(page.locator("#status")).to_contain_text("Done.", timeout=SLOW)
    assert sent


@pytest.mark.long
def test_a_model_of_ones_own(browser, tmp_path: Path, port: int) -> None:
    folder = write_transformers("hubert", tmp_path / "mine")
    with serve(tmp_path, **environment(tmp_path, port)) as url, opened(browser, url) as page:
        box = page.locator("#model input")
        box.fill(str(folder))
        box.press("Enter")
        expect(page.locator("#model-about")).to_contain_text("A model of your own", timeout=SLOW)
        page.locator("#examples button").first.click()
        heard(page, f"Model: {folder}, decoder greedy")
        (folder / "custom.py").write_text("x = 1\n")
        box.fill(f"{folder}/")
        box.press("Enter")
        page.locator("#examples button").first.click()
        expect(page.locator("#status")).to_contain_text("it brings Python code (custom.py)", timeout=SLOW)
        expect(page.locator("#trust")).to_contain_text("It may do anything that you may")
        page.locator("#trust input").check()
        page.locator("#examples button").first.click()
        heard(page, f"Model: {folder}/, decoder greedy")
        box.fill("no such model")
        box.press("Enter")
        page.locator("#examples button").first.click()
        expect(page.locator("#status")).to_contain_text(
            "The page does not load 'no such model'; choose one of an4, ", timeout=SLOW
        )


@pytest.mark.parametrize(
    ("client", "host", "proxied", "near"),
    [
        ("127.0.0.1", "127.0.0.1:7860", {}, True),
        ("::1", "[::1]:7860", {}, True),
        ("127.0.0.1", "localhost", {}, True),
        ("192.168.1.7", "127.0.0.1:7860", {}, False),
        ("127.0.0.1", "a-site.example:7860", {}, False),
        ("127.0.0.1", "127.0.0.1.a-site.example", {}, False),
        ("127.0.0.1", "127.0.0.1:7860", {"x-forwarded-for": "10.1.1.1"}, False),
        ("", "", {}, False),
    ],
)
def test_code_is_run_for_who_sits_here(client: str, host: str, proxied: dict[str, str], near: bool) -> None:
    visitor = SimpleNamespace(headers={"host": host, **proxied}, client=SimpleNamespace(host=client))
    with contextlib.nullcontext() if near else pytest.raises(RequestError, match="for who sits at this machine only"):
        refuse_the_distant(visitor)


def test_a_name_that_says_it_is_trusted(tmp_path: Path) -> None:
    with pytest.raises(UntrustedSourceError, match="The page does not load 'trusted: "):
        plain_name(f"{TRUSTED}{tmp_path}")
    assert plain_name(str(tmp_path)) == known_model(str(tmp_path)) == str(tmp_path)
    assert known_model(f"{TRUSTED}{tmp_path}") == f"{TRUSTED}{tmp_path}"
