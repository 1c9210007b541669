from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from asrquant import Dataset, calibration_clips, example_clips, read_clips, read_dataset
from asrquant.base.errors import DatasetError, MissingDependencyError


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
    assert [(u.id, u.reference, u.path.suffix) for u in read_clips(tmp_path)] == [
        ("s-1-0", "ONE", ".wav"), ("s-1-1", "TWO WORDS", ".flac"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("s-1-1 A\ns-1-1 A\n", "occurs twice"),
        ("s-1-9 A\n", "no s-1-9.flac"),
        ("s-1-1\n", "no row that can be used .*has no words"),
        ("", "no row that can be used"),
    ],
)
def test_says_what_is_wrong_with_a_folder(tmp_path: Path, text: str, says: str) -> None:
    put(tmp_path, "s-1-1")
    (tmp_path / "s-1.trans.txt").write_text(text)
    with pytest.raises(DatasetError, match=says):
        read_clips(tmp_path)


def test_missing_folder() -> None:
    with pytest.raises(DatasetError, match="no folder"):
        read_clips("/nowhere")


MANIFESTS = {
    "a.csv": 'id,path,text\none,1.wav,"HELLO, WORLD"\ntwo,2.wav,\nthree,nowhere.wav,X\nfour,,X\n',
    "a.tsv": "id\twav\twrd\none\t1.wav\tHELLO, WORLD\ntwo\t2.wav\t \nthree\tnowhere.wav\tX\nfour\t\tX\n",
    "a.jsonl": '{"id": "one", "audio_filepath": "1.wav", "text": "HELLO, WORLD"}\n{"id": "two", "audio_filepath": "2.wav"}\n'
    '{"id": "three", "audio_filepath": "nowhere.wav", "text": "X"}\n{"id": "four", "text": "X"}\n',
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests(tmp_path: Path, name: str) -> None:
    for clip in ("1", "2"):
        put(tmp_path, clip, ".wav")
    (tmp_path / name).write_text(MANIFESTS[name])
    data = read_dataset(tmp_path / name)
    assert data.name == name
    assert [(u.id, u.path, u.reference) for u in data.utterances] == [("one", tmp_path / "1.wav", "HELLO, WORLD")]
    assert [(row.id, row.reason) for row in data.bad] == [
        ("four", "has no path"),
        ("three", "has no file 'nowhere.wav'"),
        ("two", "has no words; every row needs the words spoken"),
    ]


def test_a_manifest_without_ids_goes_by_its_paths(tmp_path: Path) -> None:
    put(tmp_path / "sub", "1", ".wav")
    (tmp_path / "a.csv").write_text("path,text\nsub/1.wav,A\n")
    assert [u.id for u in read_dataset(tmp_path / "a.csv").utterances] == ["sub/1.wav"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "id,path,text\nx,1.wav,A\nx,1.wav,B\n", "'x' occurs twice"),
        ("a.csv", "id,words\nx,A\n", "has the columns id, words; it needs"),
        ("a.csv", "", "cannot be read as a manifest"),
        ("a.csv", "path,text\n1.wav,A,B,C\n1.wav\n", "cannot be read as a manifest|no row that can be used"),
        ("a.jsonl", "not json\n", "cannot be read as a manifest"),
        ("a.csv", "path,text\n2.wav,A\n", "no row that can be used .*has no file '2.wav'"),
        ("a.txt", "path,text\n", "is no data set; it can be"),
    ],
)
def test_says_what_is_wrong_with_a_manifest(tmp_path: Path, name: str, text: str, says: str) -> None:
    put(tmp_path, "1", ".wav")
    (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError, match=says):
        read_dataset(tmp_path / name)


def test_a_saved_datasets_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets, pyarrow = pytest.importorskip("datasets"), pytest.importorskip("pyarrow")
    monkeypatch.setenv("ASRQUANT_CACHE", str(tmp_path / "cache"))
    put(tmp_path, "1", ".wav")
    sound = (tmp_path / "1.wav").read_bytes()
    rows = {
        "audio": [{"path": "x.wav", "bytes": sound}, {"path": str(tmp_path / "1.wav"), "bytes": None}, None],
        "sentence": ["INSIDE", "BESIDE", "NOWHERE"],
    }
    features = datasets.Features({"audio": datasets.Audio(decode=False), "sentence": datasets.Value("string")})
    table = pyarrow.table(rows, schema=features.arrow_schema)  # from_dict would encode, for which it wants torchcodec
    info = datasets.DatasetInfo(features=features)
    datasets.Dataset(table, info=info, fingerprint="a-test").save_to_disk(str(tmp_path / "saved"))
    data = read_dataset(tmp_path / "saved")
    assert [u.reference for u in data.utterances] == ["INSIDE", "BESIDE"]
    assert data.utterances[0].path.read_bytes() == sound and data.utterances[0].audio().seconds == 0.25
    assert [(row.id, row.reason) for row in data.bad] == [("000002", "has no audio")]


def test_without_datasets_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dataset_info.json").write_text("{}")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "datasets" else find(name))
    with pytest.raises(MissingDependencyError, match="pip install datasets"):
        read_dataset(tmp_path)


def test_some_of_the_clips() -> None:
    data = Dataset("examples", example_clips())
    assert [u.id for u in data.take(3).utterances] == [u.id for u in data.utterances[:3]]
    drawn = [u.id for u in data.take(3, seed=1).utterances]
    assert drawn == [u.id for u in data.take(3, seed=1).utterances] == sorted(drawn)
    assert drawn != [u.id for u in data.take(3, seed=2).utterances]
    assert data.take(None) is data and data.take(1000) is data
    with pytest.raises(DatasetError, match="limit is 0"):
        data.take(0)


def test_a_strangers_data_set_reads_nothing_else(tmp_path, examples) -> None:
    """Neither by an absolute path nor by dots, in any layout; and it does not learn what exists."""
    room, outside = tmp_path / "room", tmp_path / "secret.flac"
    room.mkdir()
    shutil.copy(examples[0].path, outside)
    shutil.copy(examples[0].path, room / "mine.flac")
    wanted = ["mine.flac", str(outside), "../secret.flac", "../not-there.flac", "/etc/passwd", "/not/there"]
    manifest = room / "list.csv"
    manifest.write_text("path,text\n" + "".join(f"{path},WORD\n" for path in wanted))
    data = read_dataset(manifest, inside=room)
    assert [u.id for u in data.utterances] == ["mine.flac"]
    assert {row.reason for row in data.bad} == {"leads out of the data set"} and len(data.bad) == 5
    assert (
        len(read_dataset(manifest).utterances) == 4
    )  # one's own may lie anywhere; what is no audio shows when it is run
    (room / "one.trans.txt").write_text(f"mine WORD\n../secret WORD\n{outside.with_suffix('')} WORD\n")
    manifest.unlink()
    data = read_dataset(room, inside=room)
    assert [u.id for u in data.utterances] == ["mine"] and {row.reason for row in data.bad} == {"is no name of a file"}
