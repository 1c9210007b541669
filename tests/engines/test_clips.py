"""Clips of one's own to calibrate and validate with; and what is said where the bundled ones do not fit the model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from here import usable
from small_models import write_transformers

import asrquant
from asrquant.base.errors import AudioError, DatasetError, PresetError
from asrquant.cli import main
from asrquant.data.bundled import CLIPS
from asrquant.data.sounds import read_sounds
from asrquant.engines.clips import to_calibrate, to_validate
from asrquant.model.recognizer import Recognizer
from asrquant.model.used import UsedClips

STATIC = asrquant.PRESETS["static-int8"]
BUNDLED = "calibrated with the bundled clips, English letters and numbers for the model an4, which say little"
RATE = 16_000


@pytest.fixture(scope="module")
def other_folder(tmp_path_factory) -> Path:
    return write_transformers("wav2vec2", tmp_path_factory.mktemp("models") / "german")


@pytest.fixture(scope="module")
def other(other_folder: Path) -> Recognizer:
    """Not the embedded model."""
    return asrquant.load(str(other_folder))


def noises(folder: Path, count: int, loud: float = 0.1, suffix: str = ".wav") -> Path:
    """Clips that nobody says anything in."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(int(1000 * loud))
    for index in range(count):
        soundfile.write(folder / f"{index:02d}{suffix}", loud * chance.standard_normal(RATE // 2), RATE)
    return folder


def scales(recognizer: Recognizer) -> list[float]:
    return [float(value) for name, value in recognizer.encoder.state_dict().items() if name.endswith(".scale")]


def test_other_clips_find_other_ranges(other: Recognizer, tmp_path: Path) -> None:
    quiet, loud = (noises(tmp_path / name, 3, level) for name, level in (("quiet", 0.01), ("loud", 0.3)))
    preset = asrquant.custom({"feature_projection": "static"}, observer="min-max", calibration_clips=2)
    found = [asrquant.quantize(other, preset, calibration=each) for each in (None, quiet, loud, str(quiet))]
    bundled, first, second, again = map(scales, found)
    assert len(first) > 1 and first != second and first != bundled and first == again
    assert found[1].fingerprint() == found[3].fingerprint()
    assert len({each.fingerprint() for each in found}) == 3


@pytest.mark.parametrize("layout", ["sounds", "wordless", "librispeech", "listed"])
def test_as_many_as_the_preset_says_are_drawn_of_every_layout(an4: Recognizer, tmp_path: Path, layout: str) -> None:
    folder = noises(tmp_path / "mine", 5)
    given = folder
    if layout == "sounds":  # and what systems and editors leave beside them
        for name in ("._00.wav", "__MACOSX/00.wav", ".ipynb_checkpoints/00.wav", "notes.txt"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(b"no sound")
    elif layout == "wordless":
        given = folder / "list.csv"
        given.write_text("path,text\n" + "".join(f"{path.name},\n" for path in sorted(folder.glob("*.wav"))))
    elif layout == "librispeech":
        (folder / "my.trans.txt").write_text("".join(f"{index:02d} \n" for index in range(5)))
    else:
        used = to_calibrate(STATIC, an4, sorted(folder.iterdir())).used
        assert used is not None and str(used) == "5 clips (of one's own)" and used.ids[0] == "00.wav"
        return
    for count, said in (
        (2, "2 of 5 clips (NAME; drawn with seed 7)"),
        (5, "5 of 5 clips (NAME)"),
        (9, "5 of 5 clips (NAME)"),
    ):
        heard = to_calibrate(replace(STATIC, calibration=asrquant.Calibration(count, 7)), an4, given)
        assert heard.used is not None and str(heard.used) == said.replace("NAME", given.name)
        assert len(heard.audio) == len(heard.used.clips) == min(count, 5)
        for clip, audio in zip(heard.used.clips, heard.audio, strict=True):
            file = folder / f"{clip.id.removesuffix('.wav')}.wav"
            assert clip.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
            assert clip.samples_sha256 == hashlib.sha256(audio.samples.tobytes()).hexdigest()


def test_linked_speakers_count_and_loops_end(tmp_path: Path) -> None:
    noises(tmp_path / "elsewhere", 2)
    mine = noises(tmp_path / "mine", 1)
    (mine / "speaker").symlink_to(tmp_path / "elsewhere")
    (mine / "loop").symlink_to(mine)
    assert [clip.id for clip in read_sounds(mine).utterances] == ["00.wav", "speaker/00.wav", "speaker/01.wav"]
    assert [clip.id for clip in read_sounds(mine, inside=mine).utterances] == ["00.wav"]
    assert [clip.id for clip in read_sounds(mine / "00.wav").utterances] == ["00.wav"]


def test_pieces_of_one_file_are_clips_of_their_own(an4: Recognizer, tmp_path: Path) -> None:
    noises(tmp_path, 1)
    rows = [{"audio_filepath": "00.wav", "offset": at, "duration": 0.2, "text": ""} for at in (0.0, 0.25)]
    (tmp_path / "nemo.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    heard = to_calibrate(STATIC, an4, tmp_path / "nemo.jsonl")
    assert heard.used is not None and [len(audio.samples) for audio in heard.audio] == [RATE // 5] * 2
    assert len({clip.sha256 for clip in heard.used.clips}) == 1
    assert len({clip.samples_sha256 for clip in heard.used.clips}) == len(set(heard.used.ids)) == 2


@pytest.mark.parametrize("name", ["list.jsonl", "list.csv"])
def test_a_manifest_needs_no_column_for_words_to_calibrate(tmp_path: Path, name: str) -> None:
    noises(tmp_path, 2)
    rows = [{"audio_filepath": "00.wav"}, {"audio_filepath": "01.wav"}]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "list.csv").write_text("path\n00.wav\n01.wav\n")
    assert [clip.path.name for clip in read_sounds(tmp_path / name).utterances] == ["00.wav", "01.wav"]
    with pytest.raises(DatasetError, match=r"it needs one of path, .* and one of text, "):
        asrquant.read_dataset(tmp_path / name)


def test_what_cannot_be_calibrated_with_is_named(an4: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="empty holds no sound file and is no data set"):
        asrquant.quantize(an4, STATIC, calibration=tmp_path / "empty")
    with pytest.raises(DatasetError, match="There is no folder or file"):
        asrquant.quantize(an4, STATIC, calibration=str(tmp_path / "none"))
    mine = noises(tmp_path / "mine", 1)
    (mine / "bad.wav").write_text("no sound")
    with pytest.raises(AudioError, match=r"The calibration clip 'bad\.wav' cannot be used: bad\.wav cannot be read"):
        asrquant.quantize(an4, STATIC, calibration=mine)
    with pytest.raises(DatasetError, match="The validation clip 'a' has no words"):
        wordless = [asrquant.Utterance("a", mine / "00.wav", "...")]
        asrquant.quantize(an4, "openvino-int8-accurate", validation=wordless)
    (mine / "list.csv").write_text("path,text\n00.wav,\nnone.wav,A\n")
    used = to_calibrate(STATIC, an4, mine / "list.csv").used
    assert str(used) == "1 of 1 clips (list.csv; 1 row could not be used)"


def test_only_another_model_is_told_that_the_bundled_clips_do_not_fit_it(
    an4: Recognizer, other: Recognizer, model_copy: Path, tmp_path: Path
) -> None:
    mine = noises(tmp_path / "mine", 2)
    for recognizer, given, notice in ((an4, None, ""), (other, None, BUNDLED), (other, mine, "")):
        heard = to_calibrate(STATIC, recognizer, given).used
        assert heard is not None and heard.notice.startswith(notice) and bool(heard.notice) == bool(notice)
    assert to_calibrate(asrquant.PRESETS["dynamic-int8"], other, None).used is None
    with (model_copy / "asr.ckpt").open("ab") as file:
        file.write(b"\0")  # another file, whatever is in it
    trained_on = asrquant.load(str(model_copy))
    assert to_calibrate(STATIC, trained_on, None).used.notice
    assert to_calibrate(STATIC, replace(trained_on, source="an4"), None).used.notice  # called as it, and not it


def test_another_model_is_not_judged_by_the_bundled_clips(other: Recognizer, examples) -> None:
    says = r"bundled ones, English letters and numbers for the model an4, say nothing about .*german; give clips with their words"
    accurate = asrquant.PRESETS["openvino-int8-accurate"]
    with pytest.raises(PresetError, match=says):
        to_validate(accurate, other, None)
    with pytest.raises(PresetError, match=says + r".*clips=, on the page a zip"):
        asrquant.sensitivity(other)
    used = to_validate(accurate, other, examples[:2]).used
    assert used is not None and used.ids == tuple(each.id for each in examples[:2]) and not used.notice
    assert str(to_validate(accurate, other, CLIPS / "validation").used) == "36 clips (validation)"


@pytest.mark.parametrize("preset", usable(["openvino-int8-accurate"]))
def test_accuracy_control_of_another_model_is_refused_before_it_is_built(
    other: Recognizer, preset: str, capsys, other_folder: Path
) -> None:
    with pytest.raises(PresetError, match="say nothing about"):
        asrquant.quantize(other, preset)
    for command in (["compare", str(asrquant.example_clips()[0].path)], ["benchmark", "--limit", "1"], ["export"]):
        assert main([*command, "--model", str(other_folder), "--preset", preset]) == 2
        assert "say nothing about" in capsys.readouterr().err
    assert main(["sensitivity", "--model", str(other_folder)]) == 2
    assert "--data PATH" in capsys.readouterr().err


def test_what_a_benchmark_says_of_its_calibration(other_folder: Path, tmp_path: Path, capsys) -> None:
    arguments = [
        "benchmark", "--model", str(other_folder), "--preset", "static-int8", "--preset", "dynamic-int8", "--limit", "1",
        "--no-deployment", "--calibration-clips", "2",
    ]  # fmt: skip
    assert main([*arguments, "--out", str(tmp_path / "bundled")]) == 0
    printed = capsys.readouterr().out
    assert f"static-int8: {BUNDLED}" in printed and "dynamic-int8: " not in printed
    assert "static-int8 calibrated with 2 clips (bundled ones, AN4; drawn with seed 1337)" in printed
    report = json.loads((tmp_path / "bundled" / "report.json").read_text())
    assert len(report["calibration_notices"]) == 1 and report["calibration_notices"][0].startswith(
        f"static-int8: {BUNDLED}"
    )
    assert [summary["calibration"] is None for summary in report["summaries"]] == [True, False, True]
    assert report["summaries"][1]["calibration"]["clips"][0]["id"] == asrquant.calibration_clips(2)[0].id
    page = (tmp_path / "bundled" / "report.html").read_text()
    assert page.count(f"<strong>static-int8: {BUNDLED}") == 1
    assert "2 clips (bundled ones, AN4; drawn with seed 1337)" in (tmp_path / "bundled" / "summary.csv").read_text()

    mine = noises(tmp_path / "mine", 3)
    assert main([*arguments, "--out", str(tmp_path / "own"), "--calibration", str(mine)]) == 0
    printed = capsys.readouterr().out
    assert BUNDLED not in printed and "calibrated with 2 of 3 clips (mine; drawn with seed 1337)" in printed
    assert BUNDLED not in (tmp_path / "own" / "report.html").read_text()
    assert json.loads((tmp_path / "own" / "report.json").read_text())["calibration_notices"] == []
    other_clips = noises(tmp_path / "more" / "mine", 3, 0.3)  # of the same names, and so of the same ids
    resumed = [*arguments, "--out", str(tmp_path / "own"), "--resume", "--calibration", str(other_clips)]
    assert main(resumed) == 2 and "of another benchmark (other recognizers)" in capsys.readouterr().err


def test_what_the_other_commands_say_of_it(other_folder: Path, tmp_path: Path, capsys, examples) -> None:
    model, clip = ["--model", str(other_folder)], str(examples[1].path)
    static = ["--preset", "custom", "--set", "feature_projection=static"]
    assert main(["compare", clip, "--runs", "1", *static, *model, "--json", str(tmp_path / "it.json")]) == 0
    assert f"custom: {BUNDLED}" in capsys.readouterr().out
    said = json.loads((tmp_path / "it.json").read_text())
    assert said["notice"].startswith(f"custom: {BUNDLED}") and len(said["calibration"]["clips"]) == 10
    assert main(["modules", *static, *model]) == 0
    assert f"custom: {BUNDLED}" in capsys.readouterr().out
    assert main(["transcribe", clip, *static, *model]) == 0
    assert f"custom: {BUNDLED}" in capsys.readouterr().err
    mine = ["--calibration", str(noises(tmp_path / "mine", 2))]
    assert main(["compare", clip, "--runs", "1", *static, *model, *mine]) == 0
    printed = capsys.readouterr().out
    assert BUNDLED not in printed and "calibrated with    2 of 2 clips (mine)" in printed
    assert main(["compare", clip, "--preset", "dynamic-int8", *mine]) == 2
    assert "'dynamic-int8' takes no calibration, so --calibration would do nothing" in capsys.readouterr().err


def test_sensitivity_on_clips_of_ones_own(other: Recognizer, tmp_path: Path, examples) -> None:
    mine = noises(tmp_path / "mine", 3)
    few = asrquant.Calibration(2, 5)
    found = asrquant.sensitivity(other, examples[1:2], calibration=mine, draw=few, max_nats=100)
    assert str(found.calibration) == "2 of 3 clips (mine; drawn with seed 5)" and found.notice == ""
    assert found.preset().calibration == few
    bundled = replace(found, calibration=to_calibrate(STATIC, other, None).used)
    assert bundled.notice.startswith(f"static parts: {BUNDLED}")


def test_clips_that_nothing_is_known_of() -> None:
    assert str(UsedClips("", ())) == "0 clips" and UsedClips("", ()).ids == ()
