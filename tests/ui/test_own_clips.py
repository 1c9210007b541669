"""A visitor's zips of clips to calibrate and validate with: what is made of them, and for whom it is kept."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

import asrquant
from asrquant.base.errors import DatasetError, RequestError
from asrquant.jobs.clips import OwnClips
from asrquant.jobs.models import Models

CLIPS = asrquant.example_clips()


def packed(path: Path, *clips: asrquant.Utterance, listed: bool = False) -> Path:
    """A zip of clips; ``listed`` with their words."""
    with zipfile.ZipFile(path, "w") as archive:
        for clip in clips:
            archive.write(clip.path, f"clips/{clip.path.name}")
        if listed:
            rows = "".join(f"clips/{clip.path.name},{clip.reference}\n" for clip in clips)
            archive.writestr("list.csv", f"path,text\n{rows}")
    return path


def test_what_was_made_with_other_clips_is_not_used_again(tmp_path: Path) -> None:
    models, preset = Models(), asrquant.custom({"feature_projection": "static"}, observer="min-max")
    zips = [OwnClips(packed(tmp_path / f"{index}.zip", CLIPS[index])) for index in (0, 1)]
    bundled, first, second = (models.quantized("an4", preset, own=own) for own in (OwnClips(), *zips))
    assert str(bundled.calibration) == "10 clips (bundled ones, AN4; drawn with seed 1337)"
    assert str(first.calibration) == "1 of 1 clips (0.zip)" and first.calibration.ids == (
        f"clips/{CLIPS[0].path.name}",
    )
    assert len({each.fingerprint() for each in (bundled, first, second)}) == 3
    assert models.quantized("an4", preset, own=zips[0]) is first  # and is, for the same clips
    packed(zips[0].calibration, CLIPS[2])  # another zip of the same name
    assert models.quantized("an4", preset, own=zips[0]).calibration.ids == (f"clips/{CLIPS[2].path.name}",)
    other_draw = asrquant.custom({"feature_projection": "static"}, observer="min-max", calibration_seed=2)
    assert models.quantized("an4", other_draw, own=zips[1]) is not second
    blind = models.quantized("an4", asrquant.PRESETS["dynamic-int8"], own=zips[0])
    assert models.quantized("an4", asrquant.PRESETS["dynamic-int8"]) is blind  # which hears none of them


def test_what_is_wrong_with_a_zip_is_said(tmp_path: Path) -> None:
    for value in ("", 7, ["a.zip"], {"forged": 1}):
        with pytest.raises(RequestError, match=r"The calibration clips are .*; upload a zip, or none"):
            OwnClips.chosen(value, None)
    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("clips/../../out.wav", b"")
    for own, says in (
        (OwnClips(tmp_path / "gone.zip"), r"The zip 'gone\.zip' is no longer kept here"),
        (OwnClips(empty), "leads out of it"),
        (OwnClips(validation=packed(tmp_path / "wordless.zip", CLIPS[0])), "is no data set"),
    ):
        with pytest.raises(DatasetError, match=says), own.opened():
            pass


def test_a_public_page_validates_on_no_more_clips_than_it_benchmarks(tmp_path: Path, monkeypatch) -> None:
    many = tmp_path / "many.zip"
    with zipfile.ZipFile(many, "w") as archive:
        for index, clip in enumerate(3 * CLIPS):
            archive.write(clip.path, f"{index}.flac")
        archive.writestr("list.csv", "path,text\n" + "".join(f"{index}.flac,ONE\n" for index in range(30)))
    with OwnClips(validation=many).opened() as opened:
        assert opened.validation is not None and len(opened.validation.utterances) == 30
    monkeypatch.setenv("ASRQUANT_PUBLIC", "1")
    with OwnClips(validation=many).opened() as opened:
        assert opened.validation is not None and opened.validation.name == "many.zip, the first 20 of 30"


def test_zips_through_the_pages_endpoint(address: str, tmp_path: Path) -> None:
    client, clip = Client(address, verbose=False), handle_file(CLIPS[1].path)
    mine = handle_file(packed(tmp_path / "mine.zip", *CLIPS[:3]))
    settings = {"schemes": {"feature_projection": "static"}, "calibration_clips": 2}
    asked = {"preset": "custom", "settings": settings, "runs": 1, "api_name": "/compare"}
    answer = client.predict(clip, calibration=mine, **asked)
    assert answer["calibration"]["name"] == "mine.zip" and len(answer["calibration"]["clips"]) == 2
    assert answer["notice"] == "" and answer["calibration"]["of"] == 3
    assert client.predict(clip, **asked)["calibration"]["name"] == "bundled ones, AN4"
    with pytest.raises(Exception, match="The calibration is 7; send a file"):
        client.predict(clip, calibration=7, **asked)
