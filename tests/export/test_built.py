"""Built encoders on disk: read again to the bit, never where something is not as it was written, and never at a job's cost."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
import torch

from asrquant import PRESETS, Recognizer, custom, quantize
from asrquant.base.errors import Cancelled
from asrquant.data.bundled import calibration_clips
from asrquant.engines.engine import Job
from asrquant.export import built, room
from asrquant.export.built import BuiltModels
from asrquant.export.fingerprints import build_key
from asrquant.measure.layers import layers
from asrquant.model.footprint import quantized_modules
from asrquant.sources import pins

DYNAMIC, MIXED, OPENVINO, ONNX = (
    PRESETS[name] for name in ("dynamic-int8", "mixed-int8", "openvino-int8", "onnx-int8")
)
ROOT = Path(__file__).parents[2]
FEW = {"calibration_clips": 1}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, in which everything is kept."""
    monkeypatch.setenv("ASRQUANT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(built, "WORTH_SECONDS", 0.0)
    return tmp_path / "cache" / "built"


def entries(cache: Path) -> list[Path]:
    return sorted(path for path in cache.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize(
    "preset",
    [
        DYNAMIC,
        custom({}, base=MIXED, **FEW),
        PRESETS["dynamic-float16"],
        custom({"feature_extractor": "static"}, **FEW),
        custom({}, base=OPENVINO, **FEW),
        custom({}, base=ONNX, **FEW),
    ],
    ids=["dynamic", "mixed", "float16", "static", "openvino", "onnx"],
)
def test_what_comes_back_is_the_same_to_the_bit(an4: Recognizer, examples, preset, cache: Path) -> None:
    before = {name: value.clone() for name, value in an4.encoder.state_dict().items()}
    first = quantize(an4, preset, shelf=BuiltModels())
    again = quantize(an4, preset, shelf=BuiltModels())
    assert again.build_seconds is None and first.build_seconds and len(entries(cache)) >= 1
    for clip in examples[:2]:
        assert torch.equal(first.log_probs(clip.audio()), again.log_probs(clip.audio()))
    assert quantized_modules(again.encoder) == quantized_modules(first.encoder) != {}
    assert layers(an4, again) == layers(an4, first)
    assert (again.backend, again.calibration, again.tuning) == (first.backend, first.calibration, first.tuning)
    assert all(torch.equal(value, before[name]) for name, value in an4.encoder.state_dict().items())


def truncate(folder: Path) -> None:
    file = largest(folder)
    file.write_bytes(file.read_bytes()[:-100])


def tamper(folder: Path) -> None:
    file = largest(folder)
    contents = bytearray(file.read_bytes())
    contents[len(contents) // 2] ^= 1
    file.write_bytes(contents)


def largest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: path.stat().st_size)


def of_another(folder: Path) -> None:
    """Whole, and not what its name says."""
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(manifest.replace(folder.name, "0" * 64))
    built.write_sums(folder)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut short": truncate,
    "one bit": tamper,
    "missing": lambda folder: largest(folder).unlink(),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "no sums": lambda folder: (folder / "SHA256SUMS").unlink(),
    "a file too many": lambda folder: (folder / "more").touch(),
    "another's": of_another,
    "a folder for a file": lambda folder: (largest(folder).unlink(), (folder / "encoder.bin").mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_built_anew_and_said(an4: Recognizer, cache: Path, damage: str, caplog) -> None:
    first = quantize(an4, DYNAMIC, shelf=BuiltModels())
    (entry,) = entries(cache)
    DAMAGES[damage](entry)
    with caplog.at_level(logging.WARNING, logger="asrquant"):
        again = quantize(an4, DYNAMIC, shelf=BuiltModels())
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{entry.name} in the cache cannot be used and is built anew: ")
    wave = torch.randn(1, 16_000)
    assert again.build_seconds is not None and torch.equal(first.encoder(wave), again.encoder(wave))
    assert quantize(an4, DYNAMIC, shelf=BuiltModels()).build_seconds is None


def test_what_a_library_cannot_read_is_built_anew(an4: Recognizer, cache: Path, caplog) -> None:
    """Such as a file of a version of PyTorch's that nobody thought of: its sums are right."""
    quantize(an4, DYNAMIC, shelf=BuiltModels())
    (entry,) = entries(cache)
    largest(entry).write_bytes(b"no pickle")
    built.write_sums(entry)
    assert quantize(an4, DYNAMIC, shelf=BuiltModels()).build_seconds is not None
    assert "cannot be used and is built anew" in caplog.text


@pytest.mark.parametrize("why", ["no folder", "another account's"])
def test_where_nothing_can_be_kept_models_are_built(an4: Recognizer, tmp_path: Path, monkeypatch, why: str) -> None:
    is_dir = Path.is_dir
    (tmp_path / "file").touch()
    monkeypatch.setenv("ASRQUANT_CACHE", str(tmp_path / "file"))
    if why != "no folder":  # as for root nothing is another account's, the system's answer is put in its place
        monkeypatch.setattr(
            Path, "is_dir", lambda path: is_dir(path) if tmp_path not in path.parents else refused(path)
        )
    for _ in range(2):
        assert quantize(an4, DYNAMIC, shelf=BuiltModels(room.make_room)).build_seconds is not None
    assert room.make_room() == 0


def refused(path: Path) -> bool:
    raise PermissionError(13, "Permission denied", str(path))


def test_a_full_disk_costs_the_entry_and_not_the_job(an4: Recognizer, cache: Path, monkeypatch, caplog) -> None:
    def full(folder: Path, *_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(built, "write_sums", full)
    assert quantize(an4, DYNAMIC, shelf=BuiltModels()).build_seconds is not None
    assert "cannot be kept in the cache: [Errno 28]" in caplog.text
    assert entries(cache) == [] and [path.name for path in cache.iterdir()] == [".lock"]


def test_two_at_once_leave_one_whole_entry(an4: Recognizer, cache: Path) -> None:
    made: list[Recognizer] = []
    shelves = [BuiltModels() for _ in range(3)]
    threads = [
        threading.Thread(target=lambda s=s: made.append(quantize(an4, DYNAMIC, shelf=s)))  # each has a lock of its own
        for s in shelves
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3 and len(entries(cache)) == 1
    assert quantize(an4, DYNAMIC, shelf=BuiltModels()).build_seconds is None


def test_what_a_killed_process_left_is_swept_and_never_used(an4: Recognizer, cache: Path) -> None:
    quantize(an4, DYNAMIC, shelf=BuiltModels())
    (entry,) = entries(cache)
    entry.rename(cache / ".partial-0123")
    assert quantize(an4, DYNAMIC, shelf=BuiltModels()).build_seconds is not None
    assert {path.name for path in cache.iterdir()} == {entry.name, ".lock"}


def test_who_leaves_while_it_is_put_aside_leaves_nothing(an4: Recognizer, cache: Path) -> None:
    def leave(stage: str, done: int, total: int) -> None:
        if stage.startswith("keeping"):
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        quantize(an4, DYNAMIC, progress=leave, shelf=BuiltModels())
    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_the_conversion_of_a_build_that_was_stopped_is_kept(an4: Recognizer, cache: Path) -> None:
    preset, stages = custom({}, base=OPENVINO, **FEW), []

    def leave(stage: str, done: int, total: int) -> None:
        stages.append(stage)
        if stage == "calibrating":
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        quantize(an4, preset, progress=leave, shelf=BuiltModels())
    assert "converting to OpenVINO" in stages and len(entries(cache)) == 1
    stages.clear()
    with pytest.raises(Cancelled):
        quantize(an4, preset, progress=leave, shelf=BuiltModels())
    assert "converting to OpenVINO" not in stages and "calibrating" in stages


def test_all_that_it_depends_on_is_in_the_key(an4: Recognizer, greedy: Recognizer) -> None:
    clips = [clip.audio() for clip in calibration_clips(2)]

    def key(recognizer: Recognizer = an4, preset=MIXED, calibration=tuple(clips)) -> str | None:
        return build_key(Job(recognizer, preset, calibration, (), lambda *_: None), "form")

    other = quantize(an4, PRESETS["original"])
    assert key() == key(other) == key(greedy) == key(preset=replace(MIXED, name="mine", summary="mine"))
    softer = replace(clips[0], samples=clips[0].samples * 0.5)
    changed = replace(an4, encoder=_with_one_other_weight(an4.encoder))
    others = [key(preset=DYNAMIC), key(preset=custom({}, base=MIXED, backend="fbgemm")), key(calibration=clips[:1]),
              key(calibration=[softer, clips[1]]), key(calibration=clips[::-1]), key(changed)]  # fmt: skip
    assert len({key(), *others}) == 7 and None not in others


def _with_one_other_weight(encoder: torch.nn.Module) -> torch.nn.Module:
    import copy

    other = copy.deepcopy(encoder)
    with torch.no_grad():
        next(iter(other.parameters())).view(-1)[0] += 1
    return other


class Foreign(torch.nn.Linear):
    """A class that may be another one tomorrow."""


def test_a_model_of_somebodys_own_code_is_not_kept(an4: Recognizer) -> None:
    foreign = replace(an4, encoder=torch.nn.Sequential(an4.encoder, Foreign(29, 29)))
    assert build_key(Job(foreign, DYNAMIC, (), (), lambda *_: None), "form") is None


def put(folder: Path, name: str, age: int, size: int = 1_000) -> Path:
    path = folder / name / "files"
    path.mkdir(parents=True)
    (path / "weights").write_bytes(bytes(size))
    os.utime(folder / name, (0, 1_000_000 - age))
    return folder / name


@pytest.mark.parametrize("public", [True, False])
def test_the_longest_unused_gives_way(cache: Path, tmp_path: Path, monkeypatch, public: bool) -> None:
    if public:
        monkeypatch.setenv("ASRQUANT_PUBLIC", "1")
    pin = {"revision": "0" * 40, "files": {"weights": {"bytes": 1, "sha256": "0" * 64}}}
    (tmp_path / "pins.json").write_text(json.dumps({"a/model": {"a/model": pin, "a/base": pin}}))
    monkeypatch.setattr(pins, "PINS", tmp_path / "pins.json")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "client"))
    model = put(cache.with_name("hub"), "models--a--model", 5)
    base = [put(folder, "models--a--base", 4, size=500) for folder in (cache.with_name("hub"), tmp_path / "client")]
    somebodys = put(tmp_path / "client", "models--b--own", 9)
    old, new = put(cache, "old", 3), put(cache, "new", 1)
    (cache / ".lock").touch()
    monkeypatch.setenv("ASRQUANT_MODELS_GB", "0.0000025" if public else "0.0000015")
    assert room.make_room() == (2 if public else 1)
    assert [model.exists(), *(path.exists() for path in base)] == [not public] * 3
    assert old.exists() is public and new.exists()
    room.mark_used("a/model")
    monkeypatch.setenv("ASRQUANT_MODELS_GB", "0.000000001")
    room.make_room()
    assert [old.exists(), new.exists(), somebodys.exists()] == [False, True, True]  # what was used last stays


def test_a_model_that_is_used_is_not_the_longest_unused(an4: Recognizer, cache: Path, monkeypatch) -> None:
    quantize(an4, DYNAMIC, shelf=BuiltModels())
    (used,) = entries(cache)
    os.utime(used, (0, 0))
    other = put(cache, "other", 0)
    quantize(an4, DYNAMIC, shelf=BuiltModels())
    monkeypatch.setenv("ASRQUANT_MODELS_GB", "0.001")
    room.make_room()
    assert used.exists() and not other.exists()


def test_another_process_finds_what_was_built(an4: Recognizer, cache: Path) -> None:
    code = (
        "import asrquant; from asrquant.export import built; built.WORTH_SECONDS = 0.0\n"
        "made = asrquant.quantize(asrquant.load('an4'), 'dynamic-int8', shelf=built.BuiltModels())\n"
        "print(made.build_seconds is not None)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "7"},
                         capture_output=True, text=True, timeout=200, check=True)  # fmt: skip
    assert ran.stdout.split()[-1] == "True" and len(entries(cache)) == 1
    assert quantize(an4, DYNAMIC, shelf=BuiltModels()).build_seconds is None
