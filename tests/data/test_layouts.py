"""Layouts of corpora and toolkits, what is refused in them, and what lies in folders besides."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from asrquant import read_dataset
from asrquant.base.errors import DatasetError
from asrquant.data.dataset import Dataset

Put = Callable[..., None]


def read(data: Dataset) -> list[tuple[str, str]]:
    return [(utterance.id, utterance.reference) for utterance in data.utterances]


def test_kaldi(tmp_path: Path, put: Put) -> None:
    put("a.wav", "with blanks/b.wav")
    (tmp_path / "wav.scp").write_text(
        "a a.wav\nb\twith blanks/b.wav\nc sph2pipe -f wav c.sph |\nd x.ark:123\ne a.wav\n"
    )
    (tmp_path / "text").write_text("a ONE\nb\tTWO  THREE\nc X\nd X\nf X\n")
    data = read_dataset(tmp_path)
    assert read(data) == [("a", "ONE"), ("b", "TWO THREE")]
    assert {row.id: row.reason for row in data.bad} == {
        "c": "is the output of a command in wav.scp, and no command is run; write its output to files",
        "d": "is in a Kaldi archive (.ark), which is not read; write it to a file (wav-copy)",
        "e": "has no words; every row needs the words spoken",
        "f": "is in text and not in wav.scp",
    }
    assert data.read_as == "read as: Kaldi, 6 rows, 4 refused (2 no audio, 1 a command, 1 no words)"


def test_no_command_of_kaldis_is_run(tmp_path: Path, put: Put) -> None:
    put("a.wav")
    (tmp_path / "wav.scp").write_text(f"a a.wav\nb touch {tmp_path / 'taken'} |\nc |touch {tmp_path / 'taken'}\n")
    (tmp_path / "text").write_text("a A\nb B\nc C\n")
    for inside in (None, tmp_path):
        data = read_dataset(tmp_path, inside=inside)
        assert [u.id for u in data.utterances] == ["a"] and {row.id for row in data.bad} == {"b", "c"}
    assert not (tmp_path / "taken").exists()


def test_kaldis_segments(tmp_path: Path, put: Put) -> None:
    put("rec.wav", "other.wav", seconds=3)
    (tmp_path / "wav.scp").write_text("rec rec.wav\nother other.wav\n")
    (tmp_path / "segments").write_text("a rec 0.5 1.5\nb rec 2 -1\nc nowhere 0 1\nd rec 2 1\ne rec 1\n")
    (tmp_path / "text").write_text("a A\nb B\nc C\nd D\ne E\n")
    data = read_dataset(tmp_path)
    assert [(u.id, str(u.piece), u.audio().seconds) for u in data.utterances] == [
        ("a", "0.5-1.5", 1.0),
        ("b", "2-end", 1.0),
    ]
    assert {row.id: row.kind for row in data.bad} == {"c": "no audio", "d": "bad times", "e": "bad times"}
    assert "1 audio file without words" in data.read_as


def test_kaldi_says_what_is_wrong(tmp_path: Path, put: Put) -> None:
    put("a.wav")
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "wav.scp").write_text("a ../a.wav\n")
    with pytest.raises(DatasetError, match=r"2 Kaldi directories \(test, train\)"):
        read_dataset(tmp_path)
    with pytest.raises(DatasetError, match=r"has a wav\.scp and no text"):
        read_dataset(tmp_path / "test")
    (tmp_path / "test" / "text").write_text("a A\na B\n")
    with pytest.raises(DatasetError, match="test/text, line 2: the id 'a' occurs twice"):
        read_dataset(tmp_path / "test")


def cut(clip_id: str, text: str | None, start: float = 0, duration: float = 3, **more: object) -> dict[str, object]:
    recording = {
        "id": "rec", "sources": [{"type": "file", "channels": [0], "source": "rec.wav"}], "sampling_rate": 16_000,
        "num_samples": 48_000, "duration": 3.0, "channel_ids": [0],
    }  # fmt: skip
    said = [{"id": "s", "recording_id": "rec", "start": 0.0, "duration": duration, "channel": 0, "text": text}]
    return {
        "id": clip_id, "start": start, "duration": duration, "channel": 0, "supervisions": said, "recording": recording,
        "type": "MonoCut", **more,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["cuts.jsonl", "cuts.jsonl.gz"])
def test_lhotse_cuts(tmp_path: Path, put: Put, name: str) -> None:
    put("rec.wav", seconds=3)
    recording = cut("x", "X")["recording"]
    assert isinstance(recording, dict)
    command = {**recording, "sources": [{"type": "command", "channels": [0], "source": f"touch {tmp_path / 'taken'}"}]}
    two = [{"start": 1.5, "duration": 1, "text": "SECOND"}, {"start": 0, "duration": 1.5, "text": "FIRST"}]
    rows = [
        cut("whole", "ONE"), cut("part", "TWO", 0.1, 0.2), cut("silent", None), cut("both", "", supervisions=two),
        cut("at once", "", supervisions=[{**each, "start": 0} for each in two]), cut("mixed", "", type="MixedCut"),
        cut("faster", "X", recording={**recording, "transforms": [{"name": "Speed", "kwargs": {"factor": 1.1}}]}),
        cut("command", "X", recording=command), cut("features", "X", recording=None),
    ]  # fmt: skip
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    for path in (tmp_path / name, tmp_path):
        data = read_dataset(path)
        assert [(u.id, u.reference, str(u.piece or "")) for u in data.utterances] == [
            ("both", "FIRST SECOND", ""), ("part", "TWO", "0.1-0.3"), ("whole", "ONE", ""),
        ]  # fmt: skip
        assert [row.id for row in data.bad] == ["at once", "command", "faster", "features", "mixed", "silent"]
        assert "Lhotse cuts, 9 rows, 6 refused" in data.read_as
    assert not (tmp_path / "taken").exists()


def test_a_lhotse_cut_of_one_channel(tmp_path: Path) -> None:
    wave = np.sin(np.arange(48_000) / 9)
    sf.write(tmp_path / "rec.wav", np.stack([0.1 * wave, 0.2 * wave], axis=1), 16_000, subtype="FLOAT")
    one = cut("left", "A")["recording"]
    assert isinstance(one, dict)
    stereo = {**one, "sources": [{"type": "file", "channels": [0, 1], "source": "rec.wav"}], "channel_ids": [0, 1]}
    rows = [cut(f"{n}", "A", channel=n, recording=stereo) for n in (0, 1)]
    rows.append(cut("all", "A", channel=[0, 1], recording=stereo, type="MultiCut"))
    (tmp_path / "cuts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    heard = {u.id: float(u.audio().samples.max()) for u in read_dataset(tmp_path / "cuts.jsonl").utterances}
    assert heard == pytest.approx({"0": 0.1, "1": 0.2, "all": 0.15}, rel=1e-3)


@pytest.mark.parametrize("given", ["x_supervisions.jsonl.gz", "x_recordings.jsonl.gz", "."])
def test_lhotse_supervisions(tmp_path: Path, put: Put, given: str) -> None:
    put("rec.wav", seconds=3)
    recording = cut("x", "")["recording"]
    said = [
        {"id": f"s{n}", "recording_id": "rec", "start": n, "duration": 1.0, "channel": 0, "text": f"W{n}"}
        for n in (0, 1)
    ]
    for name, rows in (("recordings", [recording]), ("supervisions", said)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"x_{name}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    data = read_dataset(tmp_path / given)
    assert [(u.id, str(u.piece)) for u in data.utterances] == [("s0", "0-1"), ("s1", "1-2")]
    (tmp_path / "x_recordings.jsonl.gz").unlink()
    if "recordings" not in given:
        with pytest.raises(DatasetError, match="holds supervisions alone"):
            read_dataset(tmp_path / "x_supervisions.jsonl.gz")


def test_multilingual_librispeech(tmp_path: Path, put: Put) -> None:
    put("test/audio/10/20/10_20_000000.flac", "test/audio/10/20/10_20_000001.ogg", "dev/audio/1/2/1_2_3.flac")
    (tmp_path / "test" / "transcripts.txt").write_text(
        "10_20_000000\tDAS IST\n10_20_000001\tEIN TEST\n10_20_000009\tX\n"
    )
    (tmp_path / "dev" / "transcripts.txt").write_text("1_2_3\tNOCH EINER\n")
    data = read_dataset(tmp_path)
    assert read(data) == [("10_20_000000", "DAS IST"), ("10_20_000001", "EIN TEST"), ("1_2_3", "NOCH EINER")]
    assert data.read_as == "read as: Multilingual LibriSpeech, 4 rows, 1 refused (no audio)"


def test_timit(tmp_path: Path, put: Put) -> None:
    put("TRAIN/DR1/FCJF0/SA1.WAV", "TRAIN/DR1/MDAC0/SA1.WAV", "TRAIN/DR1/MDAC0/SX2.WAV", format="NIST")
    put("TRAIN/DR1/MDAC0/SX3.WAV")
    for speaker in ("FCJF0", "MDAC0"):
        (tmp_path / "TRAIN" / "DR1" / speaker / "SA1.TXT").write_text("0 46797 She had your dark suit. \n")
        (tmp_path / "TRAIN" / "DR1" / speaker / "SA1.WRD").write_text("7470 11362 she\n")
    (tmp_path / "TRAIN" / "DR1" / "MDAC0" / "SX2.WRD").write_text("7470 11362 two\n11362 16000 words\n")
    (tmp_path / "README.TXT").write_text("About this.\n")
    data = read_dataset(tmp_path)
    assert read(data) == [
        ("SX2", "two words"), ("TRAIN/DR1/FCJF0/SA1.WAV", "She had your dark suit."),
        ("TRAIN/DR1/MDAC0/SA1.WAV", "She had your dark suit."),
    ]  # fmt: skip
    assert data.read_as == "read as: TIMIT, 3 rows; 1 audio file without words"
    assert data.utterances[0].path.read_bytes()[:7] == b"NIST_1A" and data.utterances[0].audio().seconds == 0.25


@pytest.mark.parametrize(
    "lines", [["file_name,transcription", "data/0.wav,A"], ['{"file_name": "data/0.wav", "text": "A"}']]
)
def test_hugging_faces_audiofolder(tmp_path: Path, put: Put, lines: list[str]) -> None:
    put("data/0.wav", "data/1.wav")
    (tmp_path / ("metadata.csv" if len(lines) > 1 else "metadata.jsonl")).write_text("\n".join(lines))
    data = read_dataset(tmp_path)
    assert read(data) == [("data/0.wav", "A")] and data.name == tmp_path.name
    assert data.read_as.startswith("read as: Hugging Face audiofolder, ")
    assert data.read_as.endswith(", 1 row; 1 audio file without words")


def test_a_folder_with_several_manifests(tmp_path: Path, put: Put) -> None:
    put("clips/0.wav")
    (tmp_path / "speakers.csv").write_text("speaker,age\nx,30\n")
    (tmp_path / "config.json").write_text('{"path": {"a": 1}, "model": "b"}')
    (tmp_path / "test.tsv").write_text("client_id\tpath\tsentence\nc\t0.wav\tA\n")
    assert read(read_dataset(tmp_path)) == [("0.wav", "A")]
    (tmp_path / "dev.tsv").write_text("client_id\tpath\tsentence\nc\t0.wav\tA\n")
    with pytest.raises(DatasetError, match=r"has 2 manifests \(dev.tsv, test.tsv\); give one of them"):
        read_dataset(tmp_path)


def tarred(folder: Path, rows: list[dict[str, object]], shards: dict[int, list[str]], mode: str = "w") -> Path:
    buffer = io.BytesIO()
    sf.write(buffer, np.sin(np.arange(4_000) / 9), 16_000, format="WAV")
    for shard, names in shards.items():
        with tarfile.open(folder / f"audio_{shard}.tar", mode) as tar:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size = len(buffer.getvalue())
                tar.addfile(member, io.BytesIO(buffer.getvalue()))
    manifest = folder / "tarred_audio_manifest.json"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return manifest


def test_nemos_tarred_data_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASRQUANT_CACHE", str(tmp_path / "cache"))
    rows: list[dict[str, object]] = [
        {"audio_filepath": "a_x.wav", "shard_id": 0, "text": "A"},
        {"audio_filepath": "b.wav", "shard_id": 1, "text": "B", "offset": 0.1, "duration": 0.1},
        {"audio_filepath": "b-sub1.wav", "shard_id": 1, "text": "C", "offset": 0, "duration": 0.1},
        {"audio_filepath": "nowhere.wav", "shard_id": 1, "text": "D"},
    ]
    (tmp_path / "set").mkdir()
    manifest = tarred(tmp_path / "set", rows, {0: ["a_x.wav", "other.wav"], 1: ["../../b.wav"]})
    data = read_dataset(manifest)
    assert [(u.reference, u.audio().seconds) for u in data.utterances] == [("A", 0.25), ("C", 0.1), ("B", 0.1)]
    assert data.read_as.startswith("read as: NeMo tarred, 4 rows, 1 refused (no audio)")
    assert len([*(tmp_path / "cache" / "datasets").iterdir()]) == 2  # what no row names stays where it is
    inside = read_dataset(tmp_path / "set", inside=tmp_path / "set")
    assert [u.reference for u in inside.utterances] == ["A", "C", "B"]
    assert all(u.path.is_relative_to(tmp_path / "set") for u in inside.utterances) and not (tmp_path / "b.wav").exists()


def test_tars_that_are_refused(tmp_path: Path) -> None:
    row = [{"audio_filepath": "a.wav", "shard_id": 0, "text": "A"}]
    with pytest.raises(DatasetError, match=r"needs audio_0\.tar beside it"):
        read_dataset(tarred(tmp_path, row, {}))
    with pytest.raises(DatasetError, match="cannot be read as a tar"):
        read_dataset(tarred(tmp_path, row, {0: ["a.wav"]}, "w:gz"))
    row[0]["shard_id"] = "../0"
    with pytest.raises(DatasetError, match="a shard_id is a whole number"):
        read_dataset(tarred(tmp_path, row, {0: ["a.wav"]}))


def test_speakers_that_are_links_count(tmp_path: Path, put: Put) -> None:
    for place in ("eval/s1/1/s1-1-0", "elsewhere/s2/1/s2-1-0"):
        put(f"{place}.flac")
        (tmp_path / place).with_name(f"{Path(place).name[:4]}.trans.txt").write_text(f"{Path(place).name} A\n")
    (tmp_path / "eval" / "s2").symlink_to(tmp_path / "elsewhere" / "s2")
    (tmp_path / "eval" / "s1" / "up").symlink_to(tmp_path / "eval")
    (tmp_path / "eval" / "again").symlink_to(tmp_path / "eval" / "s1")
    assert read(read_dataset(tmp_path / "eval")) == [("s1-1-0", "A"), ("s2-1-0", "A")]
    strangers = read_dataset(tmp_path / "eval", inside=tmp_path / "eval")
    assert read(strangers) == [("s1-1-0", "A")]


def test_what_systems_leave_in_folders(tmp_path: Path, put: Put) -> None:
    put("s/1/s-1-0.FLAC", "s/1/s-1-1.Mp3", "s/1/s-1-2.WAV", "s/1/__MACOSX/s-1-3.wav")
    folder = tmp_path / "s" / "1"
    (folder / "s-1.trans.txt").write_bytes("\ufeffs-1-0\tZERO\ns-1-1  ONE\ns-1-2 TWO\n".encode())
    for junk in ("._s-1.trans.txt", "__MACOSX/s-1.trans.txt", ".ipynb_checkpoints/s-1-checkpoint.trans.txt"):
        (folder / junk).parent.mkdir(exist_ok=True)
        (folder / junk).write_bytes(b"\0\5\x16\7\xff")
    data = read_dataset(tmp_path)
    assert read(data) == [("s-1-0", "ZERO"), ("s-1-1", "ONE"), ("s-1-2", "TWO")]
    assert data.read_as == "read as: LibriSpeech, 3 rows"


def test_what_has_no_row_and_no_file_is_counted(tmp_path: Path, put: Put) -> None:
    put("s/1/s-1-0.flac", "s/1/s-1-1.flac", "s/2/s-2-0.flac")
    (tmp_path / "s" / "1" / "s-1.trans.txt").write_text("s-1-0 A\ns-1-7 B\ns-1-8\n")
    (tmp_path / "s" / "1" / "s-1-8.flac").symlink_to("s-1-0.flac")
    data = read_dataset(tmp_path)
    said = "read as: LibriSpeech, 3 rows, 2 refused (1 no audio, 1 no words); 2 audio files without words"
    assert data.read_as == said


def test_repeated_names_in_folders(tmp_path: Path, put: Put) -> None:
    put("a/0.flac", "b/0.flac")
    for speaker in "ab":
        (tmp_path / speaker / "x.trans.txt").write_text(f"0 {speaker}\n")
    assert read(read_dataset(tmp_path)) == [("a/0.flac", "a"), ("b/0.flac", "b")]
