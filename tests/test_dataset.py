from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from asrquant import calibration_clips, example_clips, read_librispeech
from asrquant.errors import DatasetError


def put(folder: Path, clip_id: str, extension: str = ".flac") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sf.write(folder / (clip_id + extension), 0.1 * np.ones(4000, np.float32), 16_000)


def test_examples_come_from_five_speakers_with_references() -> None:
    clips = example_clips()
    assert len(clips) >= 8
    assert len({clip.id.split("-")[0] for clip in clips}) == 5
    assert all(clip.path.is_file() and clip.reference for clip in clips)
    assert (clips[0].path.parents[3] / "LICENSE").is_file()


def test_calibration_clips_are_drawn_by_seed_and_are_not_examples() -> None:
    ids = [clip.id for clip in calibration_clips()]
    assert len(set(ids)) == 10
    assert ids == [clip.id for clip in calibration_clips(10, 1337)]
    assert ids != [clip.id for clip in calibration_clips(10, 1)]
    assert not {i.split("-")[0] for i in ids} & {clip.id.split("-")[0] for clip in example_clips()}


@pytest.mark.parametrize("count", [0, 1000])
def test_no_such_number_of_calibration_clips(count: int) -> None:
    with pytest.raises(DatasetError, match=f"{count} calibration clips"):
        calibration_clips(count)


def test_reads_any_depth_and_either_extension(tmp_path: Path) -> None:
    put(tmp_path / "a" / "b" / "1", "s-1-1")
    put(tmp_path / "a" / "b" / "1", "s-1-0", ".wav")
    (tmp_path / "a" / "b" / "1" / "s-1.trans.txt").write_text("s-1-1 TWO WORDS\n\ns-1-0 ONE\n")
    assert [(u.id, u.reference, u.path.suffix) for u in read_librispeech(tmp_path)] == [
        ("s-1-0", "ONE", ".wav"), ("s-1-1", "TWO WORDS", ".flac"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("s-1-1 A\ns-1-1 A\n", "occurs twice"),
        ("s-1-9 A\n", "no s-1-9.flac"),
        ("s-1-1\n", "has no words"),
        ("", "no \\*.trans.txt|holds no"),
    ],
)
def test_says_what_is_wrong_with_a_folder(tmp_path: Path, text: str, says: str) -> None:
    put(tmp_path, "s-1-1")
    (tmp_path / "s-1.trans.txt").write_text(text)
    with pytest.raises(DatasetError, match=says):
        read_librispeech(tmp_path)


def test_missing_folder() -> None:
    with pytest.raises(DatasetError, match="no folder"):
        read_librispeech("/nowhere")
