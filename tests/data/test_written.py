"""What libraries write comes back whole: ids, pieces and words, whatever characters are in them."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from asrquant import read_dataset
from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.data.dataset import Dataset

ROWS = 3
SIGNS = "\"\"''\\,;\t\n|#$\u2028\u2029\x0c\x1c\x85\u00a0\ufeff\u200b{}[]AZaz 09ÄßЖ中あก\U0001f600"


def texts(times: int = 25) -> Iterator[list[str]]:
    """Words for a table, again and again. Each text begins and ends with a letter, so that it has words, and nothing at its
    ends can be taken for the table's."""
    rng = random.Random(19)
    for _ in range(times):
        yield [f"W{''.join(rng.choices(SIGNS, k=rng.randint(0, 9)))}W" for _ in range(ROWS)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("written")
    for n in range(ROWS):
        sf.write(made / f"{n}.wav", np.full(16_000, 0.1, np.float32), 16_000)
    return made


def whole(data: Dataset, words: list[str], pieces: bool = False) -> None:
    """Whether it is what was written."""
    assert data.bad == ()
    assert [(u.id, u.path.name, u.reference) for u in data.utterances] == [
        (f"0{n}", f"{n}.wav", " ".join(text.split())) for n, text in enumerate(words)
    ]
    assert (
        [str(u.piece) for u in data.utterances] == ["0.1-0.4"] * ROWS
        if pieces
        else not any(u.piece for u in data.utterances)
    )


def frame(words: list[str], **more: object) -> pd.DataFrame:
    return pd.DataFrame(
        {"id": [f"0{n}" for n in range(ROWS)], "path": [f"{n}.wav" for n in range(ROWS)], "text": words, **more}
    )


CSV = {
    "commas": {"sep": ","},
    "semicolons": {"sep": ";"},
    "all quoted": {"quoting": csv.QUOTE_ALL},
    "crlf": {"lineterminator": "\r\n"},
    "utf-16": {"encoding": "utf-16"},
    "excel": {"encoding": "utf-8-sig", "sep": ";"},
}


@pytest.mark.parametrize("how", CSV)
def test_pandas_csv(folder: Path, how: str) -> None:
    more = {"start": [0.1] * ROWS, "end": [0.4] * ROWS} if how == "commas" else {}
    for words in texts():
        frame(words, **more).to_csv(folder / "m.csv", index=False, **CSV[how])
        whole(read_dataset(folder / "m.csv"), words, bool(more))


def test_tabs(folder: Path) -> None:
    for words in texts():
        frame(words).to_csv(folder / "m.tsv", sep="\t", index=False)
        whole(read_dataset(folder / "m.tsv"), words)
        with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, dialect="excel-tab").writerows([["id", "path", "text"], *frame(words).values.tolist()])
        whole(read_dataset(folder / "m.csv"), words)


def test_common_voice(folder: Path) -> None:
    """As its makers write it: no quoting, so no tabs and line breaks either."""
    for words in texts():
        words = [text.replace("\n", " ").replace("\t", " ") for text in words]
        rows = "".join(f"c\t0{n}\t{n}.wav\t{text}\n" for n, text in enumerate(words))
        (folder / "m.tsv").write_text(f"client_id\tid\tpath\tsentence\n{rows}", encoding="utf-8")
        whole(read_dataset(folder / "m.tsv"), words)


JSON = {
    "lines": {"orient": "records", "lines": True},
    "records": {"orient": "records"},
    "indented": {"orient": "records", "indent": 2},
    "columns": {"orient": "columns"},
    "index": {"orient": "index"},
    "not escaped": {"orient": "records", "lines": True, "force_ascii": False},
}


@pytest.mark.parametrize("how", JSON)
def test_pandas_json(folder: Path, how: str) -> None:
    more = {"offset": [0.1] * ROWS, "duration": [0.3] * ROWS} if how == "lines" else {}
    for words in texts():
        frame(words, **more).to_json(folder / "m.json", **JSON[how])
        whole(read_dataset(folder / "m.json"), words, bool(more))


def test_speechbrain_reads_the_same(folder: Path) -> None:
    """SpeechBrain's own reading of a CSV and a JSON manifest, beside ours."""
    ensure_torchaudio()
    from speechbrain.dataio.dataio import load_data_csv, load_data_json

    roots = {"data_root": str(folder)}
    for words in texts():
        words = [text.replace("$", "").replace("{", "").replace("}", "") for text in words]  # which it would replace
        rows = [(f"0{n}", 1.0, f"$data_root/{n}.wav", 1600, 6400, text) for n, text in enumerate(words)]
        with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("ID", "duration", "wav", "start", "stop", "wrd"), *rows])
        theirs = load_data_csv(folder / "m.csv", roots)
        ours = read_dataset(folder / "m.csv", data_root=folder)
        assert [(u.id, str(u.path), u.reference, str(u.piece)) for u in ours.utterances] == [
            (i, row["wav"], " ".join(row["wrd"].split()), f"{row['start']}-{row['stop']}") for i, row in theirs.items()
        ]
        made = {f"0{n}": {"wav": f"{{data_root}}/{n}.wav", "words": text} for n, text in enumerate(words)}
        (folder / "m.json").write_text(json.dumps(made, indent=2))
        theirs = load_data_json(folder / "m.json", roots)
        ours = read_dataset(folder / "m.json", data_root=folder)
        assert [(u.id, str(u.path), u.reference) for u in ours.utterances] == [
            (i, row["wav"], " ".join(row["words"].split())) for i, row in theirs.items()
        ]


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_lhotse_writes(folder: Path, ending: str) -> None:
    lhotse = pytest.importorskip("lhotse")
    texts = ['W "quoted" W', "W\u2028W", "WÄ中W"]
    recordings = [lhotse.Recording.from_file(folder / f"{n}.wav", recording_id=f"r{n}") for n in range(ROWS)]
    said = [
        lhotse.SupervisionSegment(f"0{n}", f"r{n}", start=0.1, duration=0.3, text=text) for n, text in enumerate(texts)
    ]
    cuts = lhotse.CutSet.from_manifests(
        lhotse.RecordingSet.from_recordings(recordings), lhotse.SupervisionSet.from_segments(said)
    ).trim_to_supervisions()
    lhotse.CutSet.from_cuts(cut.with_id(cut.supervisions[0].id) for cut in cuts).to_file(folder / f"cuts{ending}")
    whole(read_dataset(folder / f"cuts{ending}"), texts, pieces=True)
    lhotse.RecordingSet.from_recordings(recordings).to_file(folder / f"x_recordings{ending}")
    lhotse.SupervisionSet.from_segments(said).to_file(folder / f"x_supervisions{ending}")
    whole(read_dataset(folder / f"x_supervisions{ending}"), texts, pieces=True)


def test_lhotse_exports_to_kaldi(folder: Path, tmp_path: Path) -> None:
    lhotse = pytest.importorskip("lhotse")
    texts = ["W ONE W", "W TWO W", "W THREE W"]
    recordings = lhotse.RecordingSet.from_recordings(
        lhotse.Recording.from_file(folder / f"{n}.wav", recording_id=f"r{n}") for n in range(ROWS)
    )
    said = lhotse.SupervisionSet.from_segments(
        lhotse.SupervisionSegment(f"0{n}", f"r{n}", start=0.1, duration=0.3, text=text, speaker="s")
        for n, text in enumerate(texts)
    )
    lhotse.kaldi.export_to_kaldi(recordings, said, tmp_path)
    data = read_dataset(tmp_path)
    assert [(u.reference, u.path, str(u.piece)) for u in data.utterances] == [
        (text, folder / f"{n}.wav", "0.1-0.4") for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize("how", ["csv", "json", "disk"])
def test_datasets_writes(folder: Path, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets, pyarrow = pytest.importorskip("datasets"), pytest.importorskip("pyarrow")
    monkeypatch.setenv("ASRQUANT_CACHE", str(tmp_path / "cache"))
    texts = ['W "quoted", W', "W\u2028W\nW", "WÄ中W"]
    text = datasets.Value("string")
    kinds = datasets.Features(
        {"id": text, "path": datasets.Audio(decode=False) if how == "disk" else text, "text": text}
    )
    paths = [str(folder / f"{n}.wav") for n in range(ROWS)]
    audio = [{"path": path, "bytes": None} for path in paths] if how == "disk" else paths
    rows = {"id": [f"0{n}" for n in range(ROWS)], "path": audio, "text": texts}
    table = pyarrow.table(rows, schema=kinds.arrow_schema)  # from_dict would pickle, which not every pyarrow can
    kept = datasets.Dataset(table, info=datasets.DatasetInfo(features=kinds), fingerprint=f"a-{how}")
    if how == "csv":
        kept.to_csv(str(tmp_path / "d.csv"), index=False)
    elif how == "json":
        kept.to_json(str(tmp_path / "d.jsonl"))
    else:
        kept.save_to_disk(str(tmp_path / "saved"))
    data = read_dataset(tmp_path / {"csv": "d.csv", "json": "d.jsonl", "disk": "saved"}[how])
    if how == "disk":  # which holds the sound itself
        assert [(u.id, u.reference) for u in data.utterances] == [
            (f"0{n}", " ".join(t.split())) for n, t in enumerate(texts)
        ]
        assert [u.path.read_bytes() for u in data.utterances] == [Path(path).read_bytes() for path in paths]
    else:
        whole(data, texts)


def test_nemo_writes(folder: Path) -> None:
    utils: object = pytest.importorskip("nemo.collections.asr.parts.utils.manifest_utils")
    texts = ['W "quoted" W', "W\u2028W", "WÄ中W"]
    rows = [
        {"id": f"0{n}", "audio_filepath": f"{n}.wav", "offset": 0.1, "duration": 0.3, "text": text}
        for n, text in enumerate(texts)
    ]
    write: Callable[..., None] = utils.write_manifest  # type: ignore[attr-defined]
    write(str(folder / "nemo.json"), rows)
    whole(read_dataset(folder / "nemo.json"), texts, pieces=True)
