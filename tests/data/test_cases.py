"""Small data sets that were read wrongly once, and what is right: in Python, in the terminal, and as a zip on the page."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from asrquant import read_dataset
from asrquant.base.errors import DatasetError
from asrquant.cli import main
from asrquant.jobs.benchmark import ZIP, Data


@dataclass(frozen=True)
class Case:
    """Files of a data set (empty ones are sound of four seconds), what of it is to be given, and what is right."""

    files: dict[str, str]
    given: str
    words: list[str]
    read_as: str


SOUNDS = {"a.flac": "", "b.flac": "", "c.flac": ""}
CASES = {
    "Common Voice's quotation marks": Case(
        {**SOUNDS, "m.tsv": 'path\tsentence\na.flac\t"ERASE A B\nb.flac\tT R SEVEN"\nc.flac\tRUBOUT\n'}, "m.tsv",
        ['"ERASE A B', 'T R SEVEN"', "RUBOUT"], "table with tabs, no quoting, 3 rows",
    ),
    "NeMo's offsets": Case(
        {"long.flac": "", "m.jsonl": '{"audio_filepath": "long.flac", "offset": 0.0, "duration": 1.5, "text": "ONE"}\n'
         '{"audio_filepath": "long.flac", "offset": 2.5, "duration": 1.0, "text": "TWO"}\n'},
        "m.jsonl", ["ONE", "TWO"], "NeMo manifest, 2 rows",
    ),
    "SpeechBrain's samples": Case(
        {"long.flac": "",
         "m.csv": "ID,duration,wav,start,stop,wrd\na,1.5,long.flac,0,24000,ONE\nb,1,long.flac,40000,56000,TWO\n"},
        "m.csv", ["ONE", "TWO"], "table with commas, 2 rows",
    ),
    "numbers and null": Case(
        {**SOUNDS, "m.jsonl": '{"path": "a.flac", "text": null}\n{"path": "b.flac", "text": 10}\n'
         '{"path": "c.flac", "text": 20}\n'},
        "m.jsonl", ["10", "20"], "JSON Lines, 3 rows, 1 refused (no words)",
    ),
    "dots": Case(
        {"a.flac": "", "b.flac": "", "m.csv": "path,text\na.flac,...\nb.flac,D A V I D\n"}, "m.csv", ["D A V I D"],
        "table with commas, 2 rows, 1 refused (no words)",
    ),
    "macOS's leavings": Case(
        {"eval/s/1/s-1.flac": "", "eval/s/1/s.trans.txt": "s-1 ONE\n", "eval/s/1/._s.trans.txt": "\0\x05\x16"}, "eval",
        ["ONE"], "LibriSpeech, 1 row",
    ),
    "Common Voice's clips": Case(
        {"clips/a.flac": "", "test.tsv": "client_id\tpath\tsentence_id\tsentence\tsegment\nc\ta.flac\ts\tONE\t\n"}, "test.tsv",
        ["ONE"], "Common Voice (tabs, no quoting), 1 row",
    ),
    "audiofolder": Case(
        {"f/data/a.flac": "", "f/metadata.csv": "file_name,transcription\ndata/a.flac,ONE\n"}, "f", ["ONE"],
        "Hugging Face audiofolder, table with commas, 1 row",
    ),
    "Kaldi": Case(
        {"k/a.flac": "", "k/wav.scp": "a a.flac\n", "k/text": "a ONE\n", "k/utt2spk": "a s\n"}, "k", ["ONE"], "Kaldi, 1 row"
    ),
    "SpeechBrain's JSON": Case(
        {"a.flac": "", "test.json": '{"a": {"wav": "a.flac", "length": 1.9, "words": "ONE"}}'}, "test.json", ["ONE"],
        "SpeechBrain JSON, 1 row",
    ),
    "NeMo's .json": Case(
        {**SOUNDS, "manifest.json": '{"audio_filepath": "a.flac", "duration": 2.0, "text": "ONE"}\n'
         '{"audio_filepath": "b.flac", "duration": 2.0, "text": "TWO"}\n\n'},
        "manifest.json", ["ONE", "TWO"], "NeMo manifest, 2 rows; 1 audio file beside them in no row",
    ),
}  # fmt: skip


def write(folder: Path, case: Case) -> None:
    for name, text in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if text:
            (folder / name).write_text(text)
        else:
            sf.write(folder / name, np.sin(np.arange(4 * 16_000, dtype=np.float32) / 9) / 2, 16_000)


@pytest.mark.parametrize("name", CASES)
def test_read_rightly(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES[name]
    write(tmp_path, case)
    data = read_dataset(tmp_path / case.given)
    assert [utterance.reference for utterance in data.utterances] == case.words
    assert data.read_as == f"read as: {case.read_as}"
    seconds = sum(utterance.audio().seconds for utterance in data.utterances)
    assert seconds == (2.5 if "long.flac" in case.files else 4 * len(case.words))
    assert main(["data", str(tmp_path / case.given)]) == 0
    said = capsys.readouterr().out
    assert f"read as: {case.read_as}\n{len(case.words)} clip" in said and f"({seconds:.1f} s)" in said
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for file in case.files:
            archive.write(tmp_path / file, file)
    (tmp_path / "room").mkdir()
    zipped = Data(ZIP, tmp_path / "mine.zip").read(tmp_path / "room")
    assert [utterance.reference for utterance in zipped.utterances] == case.words and "tmp" not in zipped.name


def test_unquoted_commas_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"a.flac": "", "b.flac": "", "m.csv": "text,path\nONE, THREE SEVEN,a.flac\nD A, V I D,b.flac\n"}
    write(tmp_path, Case(files, "m.csv", [], ""))
    with pytest.raises(DatasetError, match="line 2 has 3 fields where the first line names 2"):
        read_dataset(tmp_path / "m.csv")
    assert main(["data", str(tmp_path / "m.csv")]) == 2
    assert "line 2 has 3 fields" in capsys.readouterr().err
