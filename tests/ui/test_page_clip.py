"""The clip on the page, in a real browser: what phones and browsers record goes in, and what is no sound is told so at once."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from media_files import media, silent_film
from pages import NEEDS_CHROMIUM, SLOW
from scipy.signal import resample_poly
from test_page import texts, upload, wait_for_clip, wait_for_results

from asrquant.audio.clip import read_audio
from asrquant.data.bundled import example_clips
from asrquant.text.metrics import agreement
from asrquant.ui.clip import NO_SOUND_FILE

pytestmark = NEEDS_CHROMIUM
UNPLAYABLE = ("Waveform load error: MediaError",)
"""What the browser's player says of what it cannot play; it is not asked to."""
RECORD = """async ([wav, type]) => {
    const context = new AudioContext(), given = Uint8Array.from(atob(wav), (c) => c.charCodeAt(0));
    const sound = await context.decodeAudioData(given.buffer);
    const source = context.createBufferSource(), out = context.createMediaStreamDestination();
    source.buffer = sound;
    source.connect(out);
    const recorder = new MediaRecorder(out.stream, {mimeType: type}), parts = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    const stopped = new Promise((done) => { recorder.onstop = done; });
    recorder.start();
    source.start();
    await new Promise((done) => { source.onended = done; });
    await new Promise((done) => setTimeout(done, 300));
    recorder.stop();
    await stopped;
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}"""
DROP = """([name, type, content]) => {
    const files = new DataTransfer();
    files.items.add(new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], name, {type}));
    const at = document.querySelector('#clip input[type=file]')?.parentElement ?? document.querySelector('#clip button');
    for (const kind of ['dragenter', 'dragover', 'drop'])
        at.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: files}));
}"""


@pytest.fixture
def uploads() -> list[str]:
    return []


@pytest.fixture
def page(open_page, uploads):
    page = open_page(forgiven=UNPLAYABLE)
    page.on("request", lambda request: uploads.append(request.url) if "/upload?" in request.url else None)
    return page


def choosing(page) -> None:
    page.locator("#clip button[aria-label='Upload file']").click()
    page.wait_for_selector("#clip input[type=file]", state="attached", timeout=SLOW)


def drop(page, name: str, kind: str, content: bytes) -> None:
    page.evaluate(DROP, [name, kind, base64.b64encode(content).decode()])


def problem(page) -> str:
    return page.wait_for_selector("#clip-problem .aq-problem", timeout=SLOW).inner_text()


@pytest.mark.parametrize(
    ("name", "codec", "pictures"),
    [
        ("clip.m4a", "aac", ""),
        pytest.param("clip.webm", "libopus", "", marks=pytest.mark.long),
        pytest.param("film.mp4", "aac", "libx264", marks=pytest.mark.long),
        pytest.param("clip.3gp", "libopencore_amrnb", "", marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_upload_and_see_the_words(page, an4, tmp_path: Path, name: str, codec: str, pictures: str) -> None:
    clip = example_clips()[3].audio()
    rate = 8_000 if codec == "libopencore_amrnb" else 48_000
    made = media(tmp_path / name, 0.9 * resample_poly(clip.samples, rate, 16_000), rate, codec, pictures=pictures)
    choosing(page)
    page.locator("#clip input[type=file]").set_input_files(str(made))
    wait_for_clip(page)
    page.locator("#transcribe").click()
    wait_for_results(page)
    assert texts(page)["Original"] == an4.transcribe(made).text  # so it came as it was, neither converted nor touched
    assert f"{rate // 1000} kHz mono, 2.2 s" in page.locator("#numbers .aq-conditions").inner_text()
    assert page.locator("#clip-problem .aq-problem").count() == 0


@pytest.mark.parametrize("kind", ["audio/webm;codecs=opus", "audio/webm;codecs=pcm", "audio/mp4"])
def test_what_this_browser_records_itself(page, an4, tmp_path: Path, kind: str) -> None:
    if not page.evaluate("(type) => MediaRecorder.isTypeSupported(type)", kind):
        pytest.skip(f"this Chromium does not record {kind}")
    clip = example_clips()[3]
    sf.write(tmp_path / "a.wav", resample_poly(clip.audio().samples, 3, 1), 48_000)
    recorded = page.evaluate(RECORD, [base64.b64encode((tmp_path / "a.wav").read_bytes()).decode(), kind])
    (tmp_path / "clip").write_bytes(base64.b64decode(recorded))
    heard = read_audio(tmp_path / "clip")
    assert 1.9 < heard.seconds < 3.5
    assert agreement(clip.reference, an4.transcribe(heard).text) >= 60


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("notes.txt", "text/plain"), ("paper.pdf", "application/pdf"), ("clips.zip", "application/zip"),
        ("<img src=x onerror=alert(1)>${1+1}{{x}}.png", "image/png"),
    ],
)  # fmt: skip
def test_what_is_no_sound_is_not_sent(page, uploads, tmp_path: Path, name: str, kind: str) -> None:
    choosing(page)
    drop(page, name, kind, b"words")
    assert problem(page) == f"! {name} {NO_SOUND_FILE}"
    page.evaluate("document.querySelector('#clip-problem').innerHTML = ''")
    (tmp_path / "a.txt").write_text("words")
    page.locator("#clip input[type=file]").set_input_files(str(tmp_path / "a.txt"))
    page.wait_for_timeout(500)  # for what may be sent all the same
    assert uploads == []


def test_the_sentence_goes_with_the_next_clip(page, uploads, tmp_path: Path) -> None:
    choosing(page)
    (tmp_path / "a.txt").write_text("words")
    page.locator("#clip input[type=file]").set_input_files(str(tmp_path / "a.txt"))
    assert problem(page) == f"! a.txt {NO_SOUND_FILE}"
    made = media(tmp_path / "a.mka", example_clips()[0].audio().samples, 16_000, "aac")
    drop(page, "a.mkv", "video/x-matroska", made.read_bytes())
    page.wait_for_selector("#clip-problem .aq-problem", state="detached", timeout=SLOW)
    page.wait_for_selector("#clip canvas, #clip audio, #clip .waveform-container", timeout=SLOW, state="attached")
    page.wait_for_timeout(1500)  # for the server to have nothing to say of it
    assert len(uploads) == 1
    drop(page, "b.mp3", "audio/mpeg", b"ID3")  # where a clip lies already
    assert "after the upload button" in problem(page) and len(uploads) == 1


def test_a_file_dropped_on_the_microphone(page, uploads) -> None:
    page.wait_for_selector("#clip button[aria-label='Upload file']", timeout=SLOW)
    page.wait_for_selector("#clip input[type=file]", state="detached", timeout=SLOW)
    drop(page, "a.mp3", "audio/mpeg", b"ID3")
    assert "after the upload button" in problem(page) and uploads == []


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("film.mp4", "film", "has no sound"), ("clip.m4a", "words", "cannot be read as audio")],
)
def test_what_only_the_content_tells_is_said_after_the_upload(
    page, tmp_path: Path, name: str, content: str, says: str
) -> None:
    path = tmp_path / name
    silent_film(path, "mpeg4") if content == "film" else path.write_text(content)
    choosing(page)
    page.locator("#clip input[type=file]").set_input_files(str(path))
    assert says in problem(page)
    page.locator("#examples button").first.click()
    page.wait_for_selector("#clip-problem .aq-problem", state="detached", timeout=SLOW)
    wait_for_results(page)


def test_the_file_chooser_offers_films_too(page) -> None:
    choosing(page)
    with page.expect_file_chooser():
        page.locator("#clip input[type=file]").locator("..").click(position={"x": 20, "y": 60})
    accepted = page.locator("#clip input[type=file]").get_attribute("accept")
    assert ".m4a" in accepted and ".mkv" in accepted and "video/*" in accepted


def two_speakers(folder: Path) -> tuple[Path, list[str]]:
    """A call with one of the bundled clips on each side, and what is said on each."""
    clips = example_clips()[3], example_clips()[5]
    sides = [clip.audio().samples for clip in clips]
    length = max(map(len, sides))
    levelled = [np.pad(0.3 * side / np.abs(side).max(), (0, length - len(side))) for side in sides]
    sf.write(folder / "call.wav", np.stack(levelled, axis=1), 16_000)
    return folder / "call.wav", [clip.reference for clip in clips]


@pytest.mark.long
def test_two_speakers_on_two_channels_are_said_and_one_can_be_chosen(open_page, tmp_path: Path) -> None:
    """The choice appears once the clip was heard, stays with the clip, and goes with it."""
    page = open_page()
    call, said = two_speakers(tmp_path)
    upload(page, call)
    assert not page.locator("#channel").is_visible()
    page.locator("#transcribe").click()
    wait_for_results(page)
    page.locator("#channel").wait_for(timeout=SLOW)
    conditions = page.locator("#numbers .aq-conditions")
    assert "its channels hold different sounds, perhaps two speakers" in conditions.inner_text()
    for number, words in enumerate(said, start=1):
        page.locator("#channel").get_by_label(f"channel {number}").check()
        page.locator("#transcribe").click()
        page.locator("#numbers .aq-conditions", has_text=f"channel {number} of 2").wait_for(timeout=SLOW)
        wait_for_results(page)
        assert agreement(words, texts(page)["Original"]) >= 60
        assert page.locator("#channel").is_visible()
    page.locator("#examples button").nth(3).click()
    page.locator("#channel").wait_for(state="hidden", timeout=SLOW)
    wait_for_results(page)
    assert "channel" not in conditions.inner_text() and not page.locator("#channel").is_visible()
