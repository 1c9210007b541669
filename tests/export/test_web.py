"""The format ``web``: a page that any static host can serve, tried as its receiver would, the network cut once it is loaded."""

from __future__ import annotations

import base64
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
from pages import CHROMIUM, LIGHT, NEEDS_CHROMIUM, SLOW, transcribe

import asrquant
from asrquant import Recognizer
from asrquant.base.errors import Cancelled, ExportError
from asrquant.engines.onnxruntime import page as page_format
from asrquant.engines.registry import formats, get_format
from asrquant.export import browser as browser_check
from asrquant.export.card import card, in_a_browser
from asrquant.export.manifest import BrowserCheck
from asrquant.export.store import Artifact
from asrquant.model.presets import PRESETS
from asrquant.text.decoders import make_decoder

LIKE_A_STRANGERS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
WEBGPU = [
    "--enable-unsafe-webgpu",
    "--enable-features=Vulkan",
    "--use-vulkan=swiftshader",
    "--use-webgpu-adapter=swiftshader",
]
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
HEAR = """async (waves) => {
    const floats = (text) => new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
    const {Device, settings} = await import('/device.js'), stop = new AbortController().signal;
    const device = new Device(await settings(() => {}, stop)), found = [];
    await device.open(() => {}, stop);
    for (const wave of waves) for (const model of device.page.models) {
        const heard = await device.hear(model, floats(wave), 'greedy');
        const {values, frames, labels} = heard.logProbs;
        const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
        const letters = Array.from(bytes, (each) => String.fromCharCode(each)).join('');
        found.push({text: heard.text, shape: [frames, labels], values: btoa(letters)});
    }
    device.worker.end(new Error()); device.spare.end(new Error());
    return found;
}"""
DECODE = """async ([found, ngram]) => {
    const {BeamSearch, greedy} = await import('/search.js'), {Ngram} = await import('/ngram.js');
    const decoder = await (await fetch('/decoder.json')).json();
    const search = new BeamSearch(decoder, new Ngram(ngram)), plain = new BeamSearch(decoder, null);
    return found.map(({shape: [frames, labels], values}) => {
        const floats = new Float32Array(Uint8Array.from(atob(values), c => c.charCodeAt(0)).buffer);
        const logProbs = {values: floats, frames, labels};
        return [greedy(logProbs, decoder), plain.text(logProbs), search.text(logProbs)];
    });
}"""


def packed(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode()


def unpacked_values(found: dict[str, Any]) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(found["values"])), dtype=torch.float32).reshape(found["shape"])


@pytest.fixture(scope="module")
def made(exported: Callable[[str, str], Any]) -> tuple[Recognizer, Artifact]:
    return exported("onnx-int8", "web")


@pytest.fixture(scope="module")
def unpacked(made, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("receiver")
    with zipfile.ZipFile(made[1].zip) as archive:
        archive.extractall(folder)
    return folder / made[1].name


@pytest.fixture(scope="module")
def address(unpacked: Path) -> Iterator[str]:
    """Python's own server, as the README says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"], cwd=unpacked, stderr=subprocess.DEVNULL
    )
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
            break
        except OSError:
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/"
    server.terminate()
    server.wait()


@contextmanager
def hosted(
    folder: Path, headers: dict[str, str], unpacks: bool = False, asked: list[str] | None = None
) -> Iterator[str]:
    """Another static host: with headers of its own, or one that says of a .gz that it is compressed on the way.

    Args:
        folder: that it serves.
        headers: of every answer.
        unpacks: whether browsers unpack what ends in .gz.
        asked: takes the paths that it was asked for.
    """

    class Host(http.server.SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            for name, value in headers.items():
                self.send_header(name, value)
            if unpacks and self.path.endswith(".gz"):
                self.send_header("Content-Encoding", "gzip")
            super().end_headers()

        def log_message(self, *_: Any) -> None:
            if asked is not None:
                asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def stranger(playwright_driver) -> Iterator[Any]:
    browser = playwright_driver.chromium.launch(executable_path=LIGHT, args=LIKE_A_STRANGERS)
    yield browser
    browser.close()


@contextmanager
def visiting(stranger: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address in a fresh profile; the page must stay free of errors, and ask nobody else."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def open_(address: str, ready: bool = True, before: str = "", forgiven: str = "\0", **options: Any) -> Any:
        contexts.append(stranger.new_context(**options))
        page = contexts[-1].new_page()
        ours = (address, "blob:", "data:", forgiven)
        page.on(
            "console", lambda m: complaints.append(m.text) if m.type == "error" and forgiven not in m.text else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(ours) else complaints.append(request.url))
        page.add_init_script(before)
        page.goto(address)
        if ready:
            page.wait_for_selector("html[data-ready]", timeout=SLOW)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def visit(stranger) -> Iterator[Callable[..., Any]]:
    with visiting(stranger) as open_:
        yield open_


@pytest.fixture(scope="module")
def cut_off(stranger, address: str) -> Iterator[Any]:
    """The page once it is loaded, with the network cut, for several tests one after the other."""
    with visiting(stranger) as open_:
        page = open_(address)
        page.context.set_offline(True)
        yield page


def test_it_is_for_quantized_models_and_has_the_original_beside(an4: Recognizer, made, tmp_path: Path) -> None:
    live, artifact = made
    assert "web" not in [form.name for form in formats(PRESETS["onnx-fp32"])]
    with pytest.raises(ExportError, match="'onnx-fp32' model cannot be saved as 'web'; choose onnx"):
        get_format("web", PRESETS["onnx-fp32"])
    with pytest.raises(ExportError, match=r"shows the original beside the quantized model; give original="):
        asrquant.export(live, "web", tmp_path)
    with pytest.raises(ExportError, match="an4 with onnx-int8 is not what this onnx-int8 was quantized from"):
        asrquant.export(live, "web", tmp_path, original=live)
    other = replace(an4, origin=replace(an4.origin, sha256={}))
    with pytest.raises(ExportError, match="is not what this onnx-int8 was quantized from; give the float recognizer"):
        asrquant.export(live, "web", tmp_path, original=other)
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
    assert {
        "index.html",
        "page.js",
        "encoder-float.onnx",
        "encoder-int8.onnx",
        "ort/LICENSE",
    } <= artifact.manifest.files.keys()


def test_a_model_that_no_browser_holds_is_refused(an4, made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_format, "_MOST_BYTES", 1_000_000)
    with pytest.raises(
        ExportError, match=r"holds a model of 1\.0 MB at most, and this one has 17\.\d MB in float32; use the"
    ):
        asrquant.export(made[0], "web", tmp_path, original=an4)


def test_python_loads_it_like_any_artifact(made, examples) -> None:
    live, artifact = made
    loaded = asrquant.load_artifact(artifact.folder)
    assert torch.equal(loaded.log_probs(examples[1].audio()), live.log_probs(examples[1].audio()))
    done = subprocess.run(
        [sys.executable, str(artifact.folder / "transcribe.py"), str(examples[1].path)], capture_output=True, text=True
    )
    assert done.stdout.strip() in {
        live.with_decoder(name).transcribe(examples[1].path).text for name in ("greedy", "fast")
    }


def test_without_a_browser_the_card_says_that_none_opened_it(
    an4: Recognizer, made, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, artifact = made
    monkeypatch.setattr(browser_check, "find_browser", lambda: None)
    check = browser_check.try_in_browser(artifact.folder, live, an4, lambda *_: None)
    assert in_a_browser(check) == "not verified: no Chromium was found where it was made"
    text = card(replace(artifact.manifest, browser=check), get_format("web", live.preset))
    assert "| In a browser | not verified: no Chromium was found" in text and "sdk: static" in text


def test_a_browser_that_does_not_start_is_no_verdict(an4: Recognizer, made, monkeypatch: pytest.MonkeyPatch) -> None:
    live, artifact = made
    monkeypatch.setattr(browser_check, "find_browser", lambda: "/bin/false")
    check = browser_check.try_in_browser(artifact.folder, live, an4, lambda *_: None)
    assert (check.browser, check.note) == ("", "false could not be started where it was made")


def test_what_differs_in_a_browser_is_refused() -> None:
    good = BrowserCheck(
        browser="Chromium 1", clips=10, largest=1e-4, same_best=0.99, original_texts=10, quantized_texts=9
    )
    assert good.passed
    for change in ({"largest": 0.002}, {"same_best": 0.97}, {"original_texts": 9}):
        assert not replace(good, **change).passed


@NEEDS_CHROMIUM[0]
@NEEDS_CHROMIUM[1]
class TestInABrowser:
    def test_it_was_opened_in_one_before_it_got_its_name(self, made) -> None:
        check = made[1].manifest.browser
        assert check.passed and check.browser.startswith("Chromium ") and check.clips == check.original_texts == 10
        assert check.largest < 1e-3 and check.same_best > 0.98

    def test_no_browser_stays_behind(self, an4, made, unpacked: Path) -> None:
        def browsers() -> set[str]:
            """Of this process's group, as those are that it starts; playwright's have their own."""
            found = subprocess.run(["ps", "-eo", "pgid=,pid=,stat=,comm="], capture_output=True, text=True).stdout
            rows = [line.split(maxsplit=3) for line in found.splitlines()]
            ours = str(os.getpgrp())
            return {pid for group, pid, state, name in rows if group == ours and "chrom" in name and state[0] != "Z"}

        def stop(stage: str, done: int, total: int) -> None:
            if browsers() - before:
                raise Cancelled("enough")

        before = browsers()
        with pytest.raises(Cancelled):
            browser_check.try_in_browser(unpacked, made[0], an4, stop)
        end = time.monotonic() + 5
        while browsers() - before:
            assert time.monotonic() < end
            time.sleep(0.1)

    def test_a_page_that_does_not_work_is_no_artifact(self, an4, made, unpacked: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(unpacked, tmp_path / "page"))
        wasm = folder / "ort" / "ort-wasm-simd-threaded.wasm.gz"
        wasm.write_bytes(wasm.read_bytes()[:1_000_000])
        with pytest.raises(ExportError, match=r"opened in Chromium \d+ and does not work there, so it was not kept: "):
            browser_check.try_in_browser(folder, made[0], an4, lambda *_: None)

    def test_log_probs_and_words(self, an4: Recognizer, made, address: str, visit, examples) -> None:
        """The original's log-probs are Python's. The quantized one's are not, as rounding is chaotic, but its best labels are."""
        page = visit(address)
        waves = [utterance.audio().samples for utterance in examples]
        found = page.evaluate(HEAR, [packed(wave) for wave in waves])
        ngram = (made[1].folder / "lm.arpa").read_text()
        decoded = page.evaluate(DECODE, [found, ngram])
        same, frames, apart = 0, 0, []
        for index, (heard, texts) in enumerate(zip(found, decoded, strict=True)):
            model, wave = (an4, made[0])[index % 2], waves[index // 2]
            here = model.encoder(torch.from_numpy(wave)[None])[0]
            there = unpacked_values(heard)
            assert texts[0] == heard["text"]
            for name, text in zip(
                ("greedy", "beam", "ngram"), texts, strict=True
            ):  # the same log-probs, the same words
                assert text == make_decoder(name, model.vocabulary)(there), (name, index)
            if model is an4:
                assert float((there - here).abs().max()) < 1e-3
                assert texts[0] == make_decoder("greedy", an4.vocabulary)(here)
            else:
                same, frames = same + int((there.argmax(-1) == here.argmax(-1)).sum()), frames + len(here)
                apart.append(float((there.exp() - here.exp()).abs().mean()))
        assert same >= 0.98 * frames and np.mean(apart) < 0.002

    def test_the_search_is_pythons_on_what_no_model_says(self, an4: Recognizer, made, address: str, visit) -> None:
        """Log-probs at random, near letters and words of the n-gram or far from them."""
        page = visit(address, ready=False)
        chance = np.random.default_rng(11)
        found = []
        for sharpness in (2.0, 3.0, 4.0) * 3:
            scores = torch.from_numpy(sharpness * chance.standard_normal((30, len(an4.vocabulary.labels))).astype("f4"))
            values = torch.log_softmax(scores, -1)
            found.append({"shape": list(values.shape), "values": packed(values.numpy())})
        decoded = page.evaluate(DECODE, [found, (made[1].folder / "lm.arpa").read_text()])
        for each, texts in zip(found, decoded, strict=True):
            there = unpacked_values(each)
            assert texts == [make_decoder(name, an4.vocabulary)(there) for name in ("greedy", "beam", "ngram")]

    def test_all_clips_with_the_network_cut(self, an4: Recognizer, made, cut_off, examples) -> None:
        page = cut_off
        assert "1 thread" in page.inner_text("#facts") and "26." in page.inner_text("#facts")
        assert page.input_value("#decoder") == "ngram"
        page.select_option("#decoder", "greedy")
        greedy = [model.with_decoder("greedy") for model in (an4, made[0])]
        same = 0
        for utterance in examples:
            original, quantized = transcribe(page, utterance.path)
            expected = [model.transcribe(utterance.path).text for model in greedy]
            assert original == expected[0]
            same += quantized == expected[1]
        assert same >= len(examples) - 2  # which may hang on one frame of theirs
        assert "On this device: " in page.inner_text("caption")

    def test_nothing_leaves_it(self, address: str, visit) -> None:
        """Whatever a script of the page's tried: neither the page nor its worker may ask another origin."""
        asked: list[str] = []
        with hosted(Path(__file__).parent, {"Access-Control-Allow-Origin": "*"}, asked=asked) as elsewhere:
            page = visit(address, forgiven=elsewhere)
            send = (
                f"() => fetch('{elsewhere}', {{method: 'POST', body: 'a voice'}}).then(() => 'sent', () => 'refused')"
            )
            places = [page, *page.workers]
            assert len(places) == 3 and [place.evaluate(send) for place in places] == ["refused"] * 3
            assert page.evaluate(f"import('{elsewhere}').then(() => 'sent', () => 'refused')") == "refused"
            page.evaluate(f"document.body.append(Object.assign(new Image(), {{src: '{elsewhere}x.png'}}))")
            page.wait_for_timeout(200)
        assert asked == []

    def test_cancel_with_the_network_cut_and_again(self, cut_off, examples, tmp_path: Path) -> None:
        page = cut_off
        first = transcribe(page, examples[0].path)
        samples = np.concatenate([utterance.audio().samples for utterance in examples])
        sf.write(tmp_path / "long.wav", np.tile(samples, 2)[: 40 * 16_000], 16_000)
        page.set_input_files("#file", str(tmp_path / "long.wav"))
        page.wait_for_selector("#status:has-text('transcribing')", timeout=SLOW)
        begun = time.monotonic()
        page.click("#cancel")
        page.wait_for_selector("#status:has-text('Cancelled.')", timeout=SLOW)
        assert time.monotonic() - begun < 2 and page.locator(".transcript").count() == 0
        assert transcribe(page, examples[0].path) == first

    @pytest.mark.long
    def test_a_host_that_unpacks_and_one_that_isolates(self, unpacked: Path, visit, examples) -> None:
        with hosted(unpacked, {}, unpacks=True) as address:
            visit(address)
        with hosted(unpacked, ISOLATED) as address:
            page = visit(address)
            assert re.search(r" [2-4] threads\.|1 thread\.", page.inner_text("#facts")), page.inner_text("#facts")
            assert page.evaluate("crossOriginIsolated") and transcribe(page, examples[0].path)[0]

    @pytest.mark.parametrize(
        ("before", "sentence"),
        [
            ("WebAssembly.validate = () => false", "This browser has no WebAssembly with SIMD"),
            ("delete window.DecompressionStream", "This browser cannot unpack gzip by itself"),
        ],
    )
    def test_what_a_browser_lacks_is_a_sentence(self, address: str, visit, before: str, sentence: str) -> None:
        page = visit(address, ready=False, before=before)
        assert sentence in page.locator("#problem:visible").inner_text()
        assert page.locator("#record").is_disabled() and page.locator("#file").is_disabled()

    def test_what_is_no_clip_is_a_sentence(self, cut_off, tmp_path: Path) -> None:
        page = cut_off
        (tmp_path / "words.wav").write_text("no sound at all")
        sf.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
        sf.write(tmp_path / "short.wav", np.ones(800) * 0.1, 16_000)
        sf.write(tmp_path / "long.wav", np.random.default_rng(0).standard_normal(61 * 8_000) * 0.1, 8_000)
        for name, sentence in {
            "words.wav": "is no sound that this browser can play",
            "silent.wav": "is silent",
            "short.wav": r"is too short (0.050 s); at least 0.1 s",
            "long.wav": "is 61.0 s long; at most 60 s",
        }.items():
            page.set_input_files("#file", str(tmp_path / name))
            page.wait_for_selector(f"#problem:has-text('{sentence}')", timeout=SLOW)
            assert page.locator("#problem").inner_text().startswith(name)

    def test_the_microphone(self, cut_off) -> None:
        """Chromium's own beeps, in the form that the browser records in."""
        page = cut_off
        page.click("#record")
        page.wait_for_selector("#record[aria-pressed=true]")
        page.wait_for_timeout(1200)
        page.click("#record")
        page.wait_for_selector("#status:has-text('Done.')", timeout=SLOW)
        assert re.match(r"The recording, [1-3]\.\d s", page.inner_text("#clip span"))

    @pytest.mark.long
    def test_webgpu_for_the_original(self, playwright_driver, an4: Recognizer, address: str, examples) -> None:
        """A graphics card that the browser's SwiftShader plays: the same words, and the page says by what."""
        browser = playwright_driver.chromium.launch(executable_path=CHROMIUM, args=[*LIKE_A_STRANGERS, *WEBGPU])
        try:
            with visiting(browser) as open_:
                page = open_(address)
                if not page.locator("#engine").is_visible():
                    pytest.skip("this Chromium plays no WebGPU")
                assert "This browser has WebGPU" in page.inner_text("#facts")
                page.select_option("#decoder", "greedy")
                greedy = an4.with_decoder("greedy")
                page.select_option("#engine", "webgpu")
                page.wait_for_selector("#status:has-text('Ready.')", timeout=SLOW)
                shortest = min(examples, key=lambda utterance: utterance.audio().seconds)
                assert transcribe(page, shortest.path)[0] == greedy.transcribe(shortest.path).text
                assert page.locator("tbody th").all_inner_texts() == ["Original, by WebGPU", "Quantized"]
        finally:
            browser.close()
