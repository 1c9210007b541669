"""Artifacts of the format's versions 1 and 2, whose manifests are in ``manifests`` as they were written then, load as today's."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from here import usable

import asrquant
from asrquant.base.errors import ArtifactError
from asrquant.export.manifest import FORMAT_VERSION, Manifest, parse_json, read_json
from asrquant.export.store import read_artifact
from asrquant.export.sums import write_sums
from asrquant.model.presets import PRESETS

OLD = Path(__file__).parent / "manifests"
PAIRS = [
    pair
    for name, form in (("mixed-int8", "torchscript"), ("openvino-int8", "openvino-ir"))
    for pair in usable([name], form)
]


def changed(**preset: object) -> bytes:
    """An old manifest, its preset changed."""
    said = json.loads((OLD / "openvino-int8-openvino-ir.json").read_text())
    return json.dumps({**said, "preset": {**said["preset"], **preset}}).encode()


@pytest.mark.parametrize(
    ("preset", "form"),
    [
        ("mixed-int8", "state-dict"),
        *(pytest.param(*pair.values, marks=[*pair.marks, pytest.mark.long]) for pair in PAIRS),
    ],
)
def test_an_old_artifact_answers_as_a_new_one(exported, examples, tmp_path: Path, preset: str, form: str) -> None:
    live, artifact = exported(preset, form)
    old = read_artifact(Path(shutil.copytree(artifact.path, tmp_path / artifact.name)))
    shutil.copyfile(OLD / f"{preset}-{form}.json", old.folder / "manifest.json")
    write_sums(old.folder)
    assert json.loads((old.folder / "manifest.json").read_text())["format_version"] == 1
    assert read_artifact(old.path).manifest.preset == live.preset  # and so the page lists it
    loaded = asrquant.load_artifact(old.path)
    assert loaded.preset == live.preset and loaded.calibration.ids == live.calibration.ids
    assert (
        str(loaded.calibration) == "10 clips" and loaded.calibration.clips[0].sha256 is None
    )  # which nobody kept then
    for example in examples[:3]:
        audio = example.audio()
        assert loaded.transcribe(audio).text == live.transcribe(audio).text
    again = asrquant.export(loaded, form, tmp_path / "again").manifest
    assert again.format_version == FORMAT_VERSION == 3 and again.preset == live.preset


def test_version_2_loads_too(exported, tmp_path: Path) -> None:
    live, artifact = exported("mixed-int8", "state-dict")
    old = read_artifact(Path(shutil.copytree(artifact.path, tmp_path / artifact.name)))
    shutil.copyfile(OLD / "version-2-mixed-int8-state-dict.json", old.folder / "manifest.json")
    write_sums(old.folder)
    assert json.loads((old.folder / "manifest.json").read_text())["format_version"] == 2
    loaded = asrquant.load_artifact(old.path)
    assert loaded.preset == live.preset and loaded.calibration.ids == live.calibration.ids
    for calibration, ids in (([], None), (["a", "b"], ("a", "b"))):
        said = {**json.loads((old.folder / "manifest.json").read_text()), "calibration": calibration}
        found = parse_json(Manifest, json.dumps(said).encode(), "it").calibration
        assert (found.ids if found else None) == ids
    with pytest.raises(ArtifactError, match="it: calibration"):
        parse_json(Manifest, json.dumps({**said, "calibration": [7]}).encode(), "it")


def test_old_settings_are_todays() -> None:
    own = asrquant.custom(
        {"head": "dynamic", "feature_projection": "static"},
        observer="moving-average", per_channel=True, backend="fbgemm", calibration_clips=2, calibration_seed=3,
    )  # fmt: skip
    for name, preset in (("custom-state-dict", own), ("original-torchscript", PRESETS["original"])):
        manifest = read_json(Manifest, OLD / f"{name}.json")
        assert manifest.preset == preset and manifest.format_version == FORMAT_VERSION
    accurate = json.loads(changed())["preset"]["openvino"] | {"max_drop": 0.5, "ignored": ["head"]}
    said = parse_json(Manifest, changed(openvino=accurate, calibration_seed=7), "it").preset
    mine = asrquant.OpenVino(int8=True, max_drop=0.5, ignored=("head",))
    assert said == replace(PRESETS["openvino-int8"], settings=mine, calibration=asrquant.Calibration(10, 7))


@pytest.mark.parametrize(
    ("preset", "says"),
    [
        ({"engine": "abacus"}, "it: preset.settings cannot be used: .*'abacus'"),
        ({"engine": 3}, r"it: preset\.settings cannot be used"),
        ({"openvino": {"int8": "perhaps"}}, r"preset\.settings\.openvino\.int8 cannot be used"),
        ({"calibration_clips": 0}, r"preset\.calibration cannot be used: .*clips is 0"),
        ({"name": None}, r"preset\.name cannot be used"),
    ],
)
def test_an_old_manifest_that_was_changed(preset: dict, says: str) -> None:
    with pytest.raises(ArtifactError, match=says):
        parse_json(Manifest, changed(**preset), "it")


def test_an_old_manifest_without_a_preset() -> None:
    for preset in (None, [], "openvino-int8"):
        said = {**json.loads(changed()), "preset": preset}
        with pytest.raises(ArtifactError, match="it: preset cannot be used"):
            parse_json(Manifest, json.dumps(said).encode(), "it")
