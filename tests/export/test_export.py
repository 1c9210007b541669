"""Every preset in every format is saved and restored; artifacts are loaded back in a fresh process, and are the same."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import zipfile
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from here import usable

import asrquant
from asrquant.base.errors import ArtifactError, Cancelled, ExportError
from asrquant.cli import main
from asrquant.data.dataset import Utterance
from asrquant.engines.engine import Saved
from asrquant.engines.registry import formats, get_format
from asrquant.export.loading import find_folder
from asrquant.export.store import Artifact, Exports, read_artifact
from asrquant.model.footprint import quantized_modules
from asrquant.model.presets import PRESETS
from asrquant.model.recognizer import Recognizer

FORMATS = ("torchscript", "state-dict")
OTHERS = {"openvino": "openvino-ir", "onnxruntime": "onnx"}
"""Engines that have one format, but for what ``test_web.py`` is about."""
PAIRS = [
    pair
    for name, preset in PRESETS.items()
    for format in ((OTHERS[preset.engine],) if preset.engine in OTHERS else FORMATS)
    # The first is the same model as openvino-int8 wherever nothing had to go back to float, the others are for other models.
    if name != "openvino-int8-accurate" and preset.engine != "torch_fused"
    for pair in usable([name], format)
]


def published(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.name != ".lock")


def copy(artifact: Artifact, folder: Path) -> Artifact:
    return read_artifact(Path(shutil.copytree(artifact.path, folder / artifact.name)))


@pytest.mark.parametrize(("preset", "format"), PAIRS)
def test_every_preset_in_every_format(an4: Recognizer, examples, tmp_path: Path, preset: str, format: str) -> None:
    live = asrquant.quantize(an4, preset)
    form = get_format(format, live.preset)
    form.save(live, tmp_path)
    restored = form.restore(tmp_path, Saved(live.preset, live.backend, live.roles, live.origin.toolkit))
    assert quantized_modules(restored) == quantized_modules(live.encoder)
    for seconds in (0.5, 3.0):
        wave = torch.from_numpy(examples[3].audio().samples)[: int(16_000 * seconds)].repeat(2, 1)
        assert torch.allclose(restored(wave), live.encoder(wave), atol=1e-4)


@pytest.mark.parametrize(
    ("preset", "format"),
    [
        ("dynamic-int8", "torchscript"),
        ("mixed-int8", "torchscript"),
        ("mixed-int8", "state-dict"),
        ("openvino-int8", "openvino-ir"),
        ("onnx-int8", "onnx"),
        pytest.param("original", "state-dict", marks=pytest.mark.long),
        pytest.param("dynamic-float16", "state-dict", marks=pytest.mark.long),
    ],
)
def test_artifacts(exported, examples, preset: str, format: str) -> None:
    live, artifact = exported(preset, format)
    check = artifact.manifest.verification
    assert check is not None and check.passed and check.largest <= 1e-4
    assert set(check.differences) == {"0.5 s", "1 s", "3 s", "10 s", "30 s", "2 x 3 s"}
    assert check.identical == check.transcripts == len(examples)
    assert check.quantized == quantized_modules(live.encoder)  # counted in the process that loaded it
    loaded = asrquant.load_artifact(artifact.folder)
    assert quantized_modules(loaded.encoder) == quantized_modules(live.encoder)
    audio = examples[3].audio()
    assert torch.allclose(loaded.log_probs(audio), live.log_probs(audio), atol=1e-4)
    for field in ("preset", "backend", "roles", "source", "calibration", "original_bytes"):
        assert getattr(loaded, field) == getattr(live, field)
    assert loaded.decoder.name == live.decoder.name == "ngram"


def test_formats_are_the_engines_own() -> None:
    for preset in PRESETS.values():
        expected = [OTHERS[preset.engine]] if preset.engine in OTHERS else list(FORMATS)
        expected += ["web"] if preset.engine == "onnxruntime" and preset.settings.int8 != "none" else []
        assert [form.name for form in formats(preset)] == expected


@pytest.mark.long
def test_sizes(exported) -> None:
    """A state dict is as large as the page says that the model is."""
    for preset in ("original", "mixed-int8", "dynamic-float16"):
        live, artifact = exported(preset, "state-dict")
        assert artifact.manifest.model_bytes == pytest.approx(live.size_bytes(), rel=0.01)
        expected = 1 if preset == "original" else live.size_bytes() / live.original_bytes
        assert artifact.manifest.size_ratio == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("format", FORMATS)
def test_the_zip_holds_the_folder(exported, tmp_path: Path, format: str) -> None:
    _, artifact = exported("mixed-int8", format)
    assert hashlib.sha256(artifact.zip.read_bytes()).hexdigest() == artifact.zip_sha256
    with zipfile.ZipFile(artifact.zip) as archive:
        archive.extractall(tmp_path)
    unpacked = tmp_path / artifact.name
    assert subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=unpacked).returncode == 0
    for name, entry in artifact.manifest.files.items():
        contents = (unpacked / name).read_bytes()
        assert (len(contents), hashlib.sha256(contents).hexdigest()) == (entry.bytes, entry.sha256)
    there = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert there == {*artifact.manifest.files, "manifest.json", "SHA256SUMS"}
    assert asrquant.verify(unpacked).passed


def test_the_manifest_says_what_was_done(exported, model_folder: Path) -> None:
    live, artifact = exported("mixed-int8", "state-dict")
    said = json.loads((artifact.folder / "manifest.json").read_text())
    assert said["preset"] == json.loads(json.dumps(asdict(PRESETS["mixed-int8"])))
    clips = [(each["id"], each["sha256"]) for each in said["calibration"]["clips"]]
    assert clips == [
        (each.id, hashlib.sha256(each.path.read_bytes()).hexdigest()) for each in asrquant.calibration_clips()
    ]
    assert said["source"]["name"] == "an4" and said["backend"] == live.backend
    weights = hashlib.sha256((model_folder / "wav2vec2.ckpt").read_bytes()).hexdigest()
    assert said["source"]["sha256"]["wav2vec2.ckpt"] == weights
    assert said["versions"]["torch"] == version("torch") and said["versions"].keys() >= {"python", "speechbrain"}
    assert said["measurement"] is None
    assert "were not measured" in (artifact.folder / "README.md").read_text()
    assert (artifact.folder / "LICENSE").read_bytes() == (model_folder / "LICENSE").read_bytes()


def test_an_artifact_tells_nothing_of_the_disk_it_was_made_on(exported) -> None:
    for format in FORMATS:
        _, artifact = exported("mixed-int8", format)
        for path in artifact.folder.rglob("*"):
            if path.suffix in (".json", ".md", ".yaml", ".py"):
                assert not re.search(r"(?<![\w.`])/(home|root|tmp|work|Users)/", path.read_text()), path


def test_the_card_has_the_measured_table(an4: Recognizer, examples: tuple[Utterance, ...], tmp_path: Path) -> None:
    quantized = asrquant.quantize(an4, "dynamic-int8")
    report = asrquant.benchmark([an4, quantized], examples[:3], name="three clips")
    artifact = asrquant.export(quantized, "torchscript", tmp_path, report)
    measured = artifact.manifest.measurement
    assert [result.preset for result in measured.results] == ["original", "dynamic-int8"]
    assert measured.results[1].wer == report.summaries[1].errors.wer and measured.clips == 3
    assert measured.results[1].cer == report.summaries[1].errors.cer and measured.normalization == "basic"
    card = (artifact.folder / "README.md").read_text()
    assert f"| dynamic-int8 | {measured.results[1].wer:.1f} |" in card and "three clips" in card
    with pytest.raises(ExportError, match="The report is about an4 with original, dynamic-int8"):
        asrquant.export(asrquant.quantize(an4, "dynamic-float16"), "torchscript", tmp_path, report)
    assert published(tmp_path) == [artifact.name]


def test_nothing_is_overwritten(exported, tmp_path: Path) -> None:
    live, artifact = exported("dynamic-int8", "torchscript")
    first = copy(artifact, tmp_path)
    before = first.zip.read_bytes()
    second = asrquant.export(live.with_decoder("greedy"), "torchscript", tmp_path)
    assert published(tmp_path) == ["an4-dynamic-int8-torchscript", "an4-dynamic-int8-torchscript-2"]
    assert first.zip.read_bytes() == before
    assert second.manifest.name == second.name and asrquant.load_artifact(second.path).decoder.name == "greedy"


@pytest.mark.long
def test_an_artifact_can_be_exported_again(exported, tmp_path: Path) -> None:
    _, artifact = exported("mixed-int8", "state-dict")
    loaded = asrquant.load_artifact(artifact.path)
    again = asrquant.export(loaded, "torchscript", tmp_path)
    assert again.manifest.verification.passed and again.manifest.source == artifact.manifest.source
    with pytest.raises(ExportError, match="architecture of this encoder is not on file"):
        asrquant.export(asrquant.load_artifact(again.path), "state-dict", tmp_path)
    assert published(tmp_path) == [again.name]


@pytest.mark.long
def test_custom_presets_and_own_calibration_clips(an4: Recognizer, examples, tmp_path: Path) -> None:
    preset = asrquant.custom(
        {"encoder.enc": "dynamic", "feature_projection": "static", "ctc_output": "static"},
        observer="moving-average", per_channel=True, backend="fbgemm",
    )  # fmt: skip
    live = asrquant.quantize(an4, preset, calibration=[examples[0], examples[1].path, examples[2].audio()])
    artifact = asrquant.export(live, "state-dict", tmp_path)
    loaded = asrquant.load_artifact(artifact.path)
    assert loaded.preset == preset and loaded.backend == "fbgemm"
    assert loaded.calibration == live.calibration
    assert loaded.calibration.ids == (examples[0].id, examples[1].path.name, "clip 3, 1.6 s")
    digests = [hashlib.sha256(example.path.read_bytes()).hexdigest() for example in examples[:2]]
    assert [clip.sha256 for clip in loaded.calibration.clips] == [*digests, None]
    card = (artifact.folder / "README.md").read_text()
    assert "3 clips (of one's own); ids and sha256 in manifest.json" in card and "| Notice |" not in card
    assert quantized_modules(loaded.encoder) == {"dynamic Linear": 3, "static Linear": 2}


class Baked(torch.nn.Module):
    """Its output depends on the length of a clip above 2 s in a way that a trace freezes."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        return self.encoder(wave) - max(0.0, float(wave.shape[1]) / 16_000 - 2)


def test_what_answers_otherwise_is_not_kept(greedy: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"did not answer as the model does .*up to 28.*so it was not kept"):
        asrquant.export(replace(greedy, encoder=Baked(greedy.encoder)), "torchscript", tmp_path)
    assert published(tmp_path) == []


@pytest.mark.parametrize("stage", ["saving", "running the model", "loading it back in a fresh process", "packing (MB)"])
def test_cancelling_leaves_nothing_behind(exported, tmp_path: Path, stage: str) -> None:
    live, _ = exported("dynamic-int8", "torchscript")

    def stop(at: str, done: int, total: int) -> None:
        if at == stage:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        asrquant.export(live, "torchscript", tmp_path, progress=stop)
    assert published(tmp_path) == []


def test_says_what_cannot_be_done(exported, tmp_path: Path) -> None:
    live, artifact = exported("dynamic-int8", "torchscript")
    with pytest.raises(ExportError, match="cannot be saved as 'onnx'; choose torchscript or state-dict"):
        asrquant.export(live, "onnx", tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ExportError, match="cannot be written to file"):
        asrquant.export(live, "torchscript", file)
    with pytest.raises(ArtifactError, match="is a zip; unpack it"):
        asrquant.load_artifact(artifact.zip)
    with pytest.raises(ArtifactError, match=r"holds no manifest\.json"):
        asrquant.load_artifact(tmp_path / "nothing")
    assert find_folder(artifact.path) == artifact.folder


def test_the_bound_says_what_to_delete(exported, tmp_path: Path) -> None:
    live, artifact = exported("dynamic-int8", "torchscript")
    first = copy(artifact, tmp_path)
    with pytest.raises(
        ExportError, match=r"of the 40\.0 MB .* delete some first: an4-dynamic-int8-torchscript \(16\.\d MB\)"
    ):
        asrquant.export(live, "torchscript", Exports(tmp_path, bound_bytes=40_000_000))
    exports = Exports(tmp_path, bound_bytes=40_000_000)
    exports.delete(first.name)
    assert exports.artifacts() == () and published(tmp_path) == []
    with pytest.raises(ExportError, match="try again later"):
        asrquant.export(live, "torchscript", Exports(tmp_path, bound_bytes=1_000_000))


def test_owners_see_their_own(exported, tmp_path: Path) -> None:
    mine, yours = Exports(tmp_path, "mine"), Exports(tmp_path, "yours")
    artifact = copy(exported("dynamic-int8", "torchscript")[1], tmp_path / "mine")
    assert [a.name for a in mine.artifacts()] == [artifact.name] and yours.artifacts() == ()
    for name in (artifact.name, f"../mine/{artifact.name}", "../mine"):
        with pytest.raises(ArtifactError, match="no artifact"):
            yours.delete(name)
    mine.expire(3600)
    assert mine.artifacts() != ()
    mine.expire(-1)
    assert mine.artifacts() == () and list(tmp_path.glob("mine/*")) == []


def test_the_terminal(capfd, examples, tmp_path: Path) -> None:
    status = main(["export", "--preset", "dynamic-int8", "--format", "state-dict", "--out", str(tmp_path)])
    out = capfd.readouterr().out
    folder = tmp_path / "an4-dynamic-int8-state-dict" / "an4-dynamic-int8-state-dict"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert status == 0 and "10 of 10 transcripts identical" in out and str(folder) in out
    assert manifest["measurement"]["clips"] == 10
    assert main(["transcribe", str(examples[0].path), "--artifact", str(folder)]) == 0
    text = capfd.readouterr().out.strip()
    assert main(["transcribe", str(examples[0].path), "--preset", "dynamic-int8"]) == 0
    assert capfd.readouterr().out.strip() == text != ""
    assert main(["verify", str(folder)]) == 0
    assert "every file is as it was made" in capfd.readouterr().out
    (folder / "README.md").write_text("mine\n")
    assert main(["verify", str(folder)]) == 2
    assert "README.md has changed" in capfd.readouterr().err
    assert main(["export", "--format", "gguf"]) == 2
    assert "choose torchscript or state-dict" in capfd.readouterr().err
