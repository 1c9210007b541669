"""The endpoints for programs: defaults, sentences for whatever is wrong, and what Gradio's client makes of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from pages import ROOT

import asrquant
from asrquant.base.errors import PresetError, RequestError
from asrquant.engines.registry import unavailable
from asrquant.jobs.models import CUSTOM, EXAMPLE_SETTINGS, Custom, chosen

CLIP = asrquant.example_clips()[1]
ZIPS = ("calibration", "validation")


@pytest.fixture(scope="module")
def client(address) -> Client:
    return Client(address, verbose=False)


def refusal(client: Client, clip: Any = None, **values: Any) -> str:
    with pytest.raises(AppError) as raised:
        client.predict(clip or handle_file(CLIP.path), api_name="/compare", **values)
    return str(raised.value)


def test_a_clip_is_enough(client, an4) -> None:
    answer = client.predict(handle_file(CLIP.path), api_name="/compare")
    assert answer["original"]["text"] == an4.transcribe(CLIP.path).text
    assert answer["quantized"]["preset"] == "dynamic-int8" and answer["decoder"] == "ngram" and answer["runs"] == 3
    assert answer["reference"] is None


def test_by_position_and_by_name(client) -> None:
    file = handle_file(CLIP.path)
    one = client.predict(file, "original", CLIP.reference, "an4", "greedy", 1, api_name="/compare")
    other = client.predict(
        clip=file, preset="original", reference=CLIP.reference, decoder="greedy", runs=1, api_name="/compare"
    )
    assert one["reference"] == other["reference"] == CLIP.reference and one["runs"] == other["runs"] == 1
    assert one["original"]["text"] == other["original"]["text"]


def test_a_preset_of_ones_own(client) -> None:
    settings = {"schemes": {"transformer_layers": "dynamic"}, "dynamic_dtype": "float16"}
    own = client.predict(handle_file(CLIP.path), "custom", runs=1, settings=settings, api_name="/compare")
    named = client.predict(handle_file(CLIP.path), "dynamic-float16", runs=1, api_name="/compare")
    assert own["quantized"]["preset"] == "custom"
    assert named["quantized"]["size_bytes"] < own["quantized"]["size_bytes"] < own["original"]["size_bytes"]
    assert chosen("custom", Custom.read(EXAMPLE_SETTINGS)).calibration.clips == 5


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"preset": "fastest"}, "There is no preset 'fastest'; there are original, "),
        ({"preset": ["original"]}, "There is no preset ['original']"),
        ({"preset": None}, "There is no preset None"),
        ({"preset": "custom"}, "The preset custom needs settings; give an object such as {'schemes'"),
        ({"settings": {}}, "settings go with the preset custom only"),
        ({"preset": "custom", "settings": "head"}, "The settings are 'head'; give an object such as"),
        ({"preset": "custom", "settings": {"scheme": 1}}, "There is no setting 'scheme'; there are schemes, "),
        ({"preset": "custom", "settings": {"schemes": {"tail": "dynamic"}}}, "The model has no part 'tail'"),
        ({"preset": "custom", "settings": {"schemes": {"head": "int8"}}}, "a scheme is one of float, dynamic, static"),
        ({"preset": "custom", "settings": {"calibration_clips": 0}}, "a whole number from 1 to 20"),
        ({"preset": "custom", "settings": {"calibration_seed": -1}}, "The calibration seed is -1"),
        ({"preset": "custom", "settings": {"backend": "cuda"}}, "backend is 'cuda'; it can be"),
        ({"preset": "custom", "settings": {}}, "quantizes nothing"),
        ({"model": "mine"}, "The page does not load 'mine'; choose one of an4"),
        ({"model": {"a": 1}}, "choose one of an4"),
        ({"decoder": "best"}, "There is no decoder 'best'; there are greedy, beam, ngram, fast."),
        ({"decoder": ["greedy"]}, "There is no decoder"),
        ({"runs": "x"}, "The number of runs is 'x'; give a whole number from 1 to 10."),
        ({"runs": 0}, "The number of runs is 0; "),
        ({"runs": 11}, "The number of runs is 11; "),
        ({"runs": 2.5}, "The number of runs is 2.5; "),
        ({"runs": True}, "The number of runs is True; "),
        ({"runs": None}, "The number of runs is empty; "),
        ({"runs": 10**400}, "The number of runs is 1"),
        ({"reference": "W" * 2001}, "The reference has 2,001 characters and at most 2,000 are taken"),
        ({"reference": 5}, "The reference is 5; give the words that are said, as text."),
        ({"reference": ["GO"]}, "The reference is ['GO']"),
    ],
)
def test_what_is_wrong_is_said(client, values, said: str) -> None:
    assert said in refusal(client, **values)


def test_not_a_number_of_runs(address) -> None:
    """Which JSON has no word for, but Python writes."""
    with httpx.Client(base_url=f"{address}/gradio_api", timeout=60) as http:
        kept = http.post("/upload", files={"files": ("clip.flac", CLIP.path.read_bytes())}).json()[0]
        clip = {"path": kept, "meta": {"_type": "gradio.FileData"}}
        for runs in (float("nan"), float("inf")):
            body = json.dumps({"data": [clip, "original", "", "an4", "greedy", runs, None, "mix", None, None]})
            asked = http.post("/call/compare", content=body, headers={"content-type": "application/json"}).json()
            answer = http.get(f"/call/compare/{asked['event_id']}").text
            assert f"The number of runs is {runs}; give a whole number" in answer
        by_name = http.post("/call/v2/compare", json={"clip": clip, "runs": 1}).json()
        assert '"speedup"' in http.get(f"/call/compare/{by_name['event_id']}").text


def test_a_clip_that_is_none(client, address, server_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "clip.wav").write_text("no audio")
    assert "clip.wav cannot be read as audio" in refusal(client, handle_file(tmp_path / "clip.wav"))
    for clip in (str(CLIP.path), "/etc/passwd", 7, [1], {"path": str(CLIP.path)}, {"path": "/etc/passwd", "meta": {}}):
        assert "send a file, in Python with gradio_client.handle_file(path)" in refusal(client, clip)
    with pytest.raises(AppError, match="There is no clip yet"):
        client.predict(None, api_name="/compare")
    with httpx.Client(base_url=f"{address}/gradio_api", timeout=60) as http:
        kept = http.post("/upload", files={"files": ("gone.flac", CLIP.path.read_bytes())}).json()[0]
        Path(kept).unlink()
        asked = {"data": [{"path": kept, "meta": {"_type": "gradio.FileData"}}, *[None] * 9]}
        asked["data"][1:] = ["original", "", "an4", "greedy", 1, None, "mix", None, None]
        event = http.post("/call/compare", json=asked).json()["event_id"]
        assert "no longer kept here" in http.get(f"/call/compare/{event}").text


def test_two_jobs_of_a_program_both_end(client) -> None:
    jobs = [
        client.submit(handle_file(CLIP.path), preset, runs=1, api_name="/compare")
        for preset in ("original", "mixed-int8")
    ]
    assert [job.result(timeout=90)["quantized"]["preset"] for job in jobs] == ["original", "mixed-int8"]


def test_presets_say_whether_they_can_be_used(client) -> None:
    listed = client.predict(api_name="/presets")
    assert list(listed) == [*asrquant.PRESETS, CUSTOM] and "settings" in listed[CUSTOM]["summary"]
    for name, preset in asrquant.PRESETS.items():
        assert listed[name] == {"summary": preset.summary, "unavailable": unavailable(preset)}


def test_the_apis_page(address) -> None:
    info = httpx.get(f"{address}/gradio_api/info").json()["named_endpoints"]
    assert set(info) == {"/compare", "/presets"}
    parameters = {each["parameter_name"]: each for each in info["/compare"]["parameters"]}
    assert list(parameters) == ["clip", "preset", "reference", "model", "decoder", "runs", "settings", "channel", *ZIPS]
    defaults = {name: each["parameter_default"] for name, each in parameters.items() if each["parameter_has_default"]}
    assert defaults == {
        "preset": "dynamic-int8", "reference": "", "model": "an4", "decoder": "ngram", "runs": 3, "settings": None,
        "channel": "mix", **dict.fromkeys(ZIPS),
    }  # fmt: skip
    assert parameters["preset"]["type"]["enum"] == [*asrquant.PRESETS, CUSTOM]
    assert parameters["clip"]["python_type"]["type"] == "filepath" and parameters["runs"]["type"] == {"type": "integer"}
    assert info["/compare"]["description"].startswith("Compare the original and a quantized model on a clip")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "examples/client.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=180
    )


def test_the_example(address, tmp_path: Path) -> None:
    settings = json.dumps({"schemes": {"head": "dynamic"}})
    answered = run(str(CLIP.path), CLIP.reference, "--url", address, "--preset", "custom", "--settings", settings)
    assert answered.returncode == 0, answered.stderr[-1500:]
    answer = json.loads(answered.stdout)
    assert answer["reference"] == CLIP.reference and answer["quantized"]["preset"] == "custom" and answer["speedup"] > 0
    (tmp_path / "clip.wav").write_text("no audio")
    refused = run(str(tmp_path / "clip.wav"), "--url", address)
    assert refused.returncode == 1 and "clip.wav cannot be read as audio" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_settings_are_checked() -> None:
    for settings in (None, 3, [], {"schemes": []}, {"schemes": None}):
        with pytest.raises(RequestError, match="give an object such as"):
            Custom.read(settings)
    with pytest.raises(RequestError, match="needs settings"):
        chosen(CUSTOM, None)
    for settings in ({"observer": 7}, {"dynamic_dtype": []}, {"schemes": {"head": ["dynamic"]}}):
        with pytest.raises(PresetError):
            chosen(CUSTOM, Custom.read(settings))
