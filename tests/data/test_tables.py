"""Tables as their makers write them: separators, quotation marks, encodings, line ends, numbers, and which line is wrong."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from asrquant import read_dataset
from asrquant.base.errors import DatasetError
from asrquant.data.dataset import Dataset

Put = Callable[..., None]
COMMON_VOICE = "client_id\tpath\tsentence_id\tsentence\tsentence_domain\tup_votes\tsegment\n"


def words(data: Dataset) -> list[str]:
    return [utterance.reference for utterance in data.utterances]


def table(tmp_path: Path, name: str, text: str | bytes) -> Dataset:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_dataset(tmp_path / name)


def test_common_voice_has_no_quoting(tmp_path: Path, put: Put) -> None:
    put(*(f"clips/{n}.wav" for n in range(3)))
    said = ['"ERASE A B', 'T R T F I SEVEN"', '"THE ""END"""']
    rows = "".join(f"c\t{n}.wav\ts\t{text}\t\t2\t\n" for n, text in enumerate(said))
    data = table(tmp_path, "test.tsv", COMMON_VOICE + rows)
    assert words(data) == said and data.read_as == "read as: Common Voice (tabs, no quoting), 3 rows"
    assert [u.path.parent.name for u in data.utterances] == ["clips"] * 3


def test_common_voice_without_its_first_column(tmp_path: Path, put: Put) -> None:
    put(*(f"{n}.wav" for n in range(3)))
    said = ['"ERASE A B', 'T R T F I SEVEN"', "RUBOUT"]
    assert (
        words(table(tmp_path, "m.tsv", "path\tsentence\n" + "".join(f"{n}.wav\t{t}\n" for n, t in enumerate(said))))
        == said
    )
    quoted = io.StringIO()
    csv.writer(quoted, delimiter="\t").writerows([["path", "sentence"], ["0.wav", 'HE SAID "NO"'], ["1.wav", "YES"]])
    assert words(table(tmp_path, "m.tsv", quoted.getvalue())) == ['HE SAID "NO"', "YES"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("name", ["m.csv", "m.tsv"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
def test_separators_are_those_of_the_header(tmp_path: Path, put: Put, separator: str, name: str, quoting: int) -> None:
    put("0.wav", "1.wav", "2.wav")
    said = ['SAY "YES", NO; OR', "TAB\tHERE", "TWO\nLINES"]
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=quoting).writerows(
        [["path", "text"], *([f"{n}.wav", each] for n, each in enumerate(said))]
    )
    data = table(tmp_path, name, text.getvalue())
    assert words(data) == [" ".join(each.split()) for each in said]
    assert {",": "commas", ";": "semicolons", "\t": "tabs"}[separator] in data.read_as


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("m.csv", "text,path\nONE, THREE,0.wav\n", "line 2 has 3 fields where the first line names 2"),
        ("m.csv", "path,text\n0.wav,A\n1.wav,ONE, TWO\n", "line 3 has 3 fields"),
        ("m.csv", 'path,text\n\n0.wav,"A\nB"\n1.wav\n', "line 5 has 1 field where"),
        ("m.csv", "path,text\n0.wav,A,\n", "line 2 has 3 fields"),
        ("m.csv", 'path,text\n0.wav,"A" B\n', "line 2: words go on after a closing quotation mark"),
        ("m.csv", 'path,text\n0.wav,A\n1.wav,"B\n', "line 3: a quotation mark opens a field and none closes it"),
        ("m.tsv", 'path\ttext\n0.wav\t"A\n1.wav\tB"\n', "line 2: a quotation mark that opens there closes in line 3"),
        ("m.tsv", "client_id\tpath\tsentence\nc\t0.wav\tA\tB\n", "line 2 has 4 fields where"),
        ("m.csv", "path,text,Text\n0.wav,A,B\n", "'text' 2 times|'Text' 2 times"),
        ("m.csv", "path,text\n", "no row that can be used"),
        ("m.csv", "\n\n", "is empty"),
        ("m.csv", "path,words spoken\n0.wav,A\n", "has the columns path, words spoken; it needs"),
        ("m.csv", "path,text\n0.wav,CAF\xe9\n".encode("latin-1"), r"not text in UTF-8 \(line 2"),
        ("m.jsonl", '{"path": "0.wav", "text": "A"}\nnot json\n', "line 2 is no JSON"),
        ("m.jsonl", '{"path": "0.wav", "text": "A"}\n["0.wav"]\n', "line 2: there is list where an object"),
        ("m.jsonl", '{"path": "0.wav", "text": "A", "text": "B"}\n', "line 1: the field 'text' occurs twice"),
        ("m.jsonl", "[" * 100_000, "objects in objects|is no JSON"),
        ("m.jsonl", "", "is empty"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_shifts(
    tmp_path: Path, put: Put, name: str, text: str | bytes, says: str
) -> None:
    put("0.wav", "1.wav")
    with pytest.raises(DatasetError, match=says):
        table(tmp_path, name, text)


ENCODINGS = {
    "utf-8": lambda text: text.encode(),
    "utf-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16 le": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "utf-16 be": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-16 le without a mark": lambda text: text.encode("utf-16-le"),
    "utf-16 be without a mark": lambda text: text.encode("utf-16-be"),
    "utf-32": lambda text: codecs.BOM_UTF32_LE + text.encode("utf-32-le"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, put: Put, encoding: str, end: str) -> None:
    put("0.wav", "1.wav")
    said = ["GRÜN Ж 中", "A\u2028B\x0cC\x1cD\x85E"]
    manifests = {
        "m.csv": ["path,text", f"0.wav,{said[0]}", f"1.wav,{said[1]}"],
        "m.tsv": ["client_id\tpath\tsentence", f"c\t0.wav\t{said[0]}", f"c\t1.wav\t{said[1]}"],
        "m.jsonl": [json.dumps({"path": f"{n}.wav", "text": each}, ensure_ascii=False) for n, each in enumerate(said)],
        "x.trans.txt": [f"{n} {each}" for n, each in enumerate(said)],
        "text": [f"{n} {each}" for n, each in enumerate(said)],
    }
    (tmp_path / "wav.scp").write_text("0 0.wav\n1 1.wav\n")
    for name, rows in manifests.items():
        (tmp_path / name).write_bytes(ENCODINGS[encoding]("".join(row + end for row in rows)))
        if name == "text":
            data = read_dataset(tmp_path)
            assert "Kaldi" in data.read_as
        elif name == "x.trans.txt":
            (tmp_path / "ls").mkdir()
            (tmp_path / name).rename(tmp_path / "ls" / name)
            for clip in ("0.wav", "1.wav"):
                (tmp_path / "ls" / clip).symlink_to(tmp_path / clip)
            data = read_dataset(tmp_path / "ls")
        else:
            data = read_dataset(tmp_path / name)
        assert words(data) == [" ".join(each.split()) for each in said], name


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("path, text", "0.wav, HELLO"),
        (" Path ,TEXT", "0.wav,HELLO"),
        ("File_Name,Transcription,id", "0.wav,HELLO,007"),
        ("ID, wav, wrd", '007, 0.wav, "HELLO"'),
        ("sep=;\npath;text", "0.wav;HELLO"),
        ("path,text,,", "0.wav,HELLO,,"),
    ],
)
def test_names_of_columns(tmp_path: Path, put: Put, header: str, row: str) -> None:
    put("0.wav")
    data = table(tmp_path, "m.csv", f"{header}\n{row}\n")
    assert words(data) == ["HELLO"] and data.utterances[0].id == ("007" if "007" in row else "0.wav")


def test_numbers_stay_the_text_that_they_are(tmp_path: Path, put: Put) -> None:
    put("0.wav", "1.wav", "2.wav", "3.wav", "4.wav")
    rows = ['{"path": "0.wav", "text": null}', '{"path": "1.wav", "text": 10}', '{"path": "2.wav", "text": 1.50}']
    rows += ['{"path": "3.wav", "text": NaN}', '{"id": 7, "path": "4.wav", "text": 123456789012345678901}']
    data = table(tmp_path, "m.jsonl", "\n".join(rows))
    assert [(u.id, u.reference) for u in data.utterances] == [
        ("1.wav", "10"), ("2.wav", "1.50"), ("7", "123456789012345678901"),
    ]  # fmt: skip
    assert [row.id for row in data.bad] == ["0.wav", "3.wav"] and data.read_as.endswith("5 rows, 2 refused (no words)")
    data = table(tmp_path, "m.csv", "id,path,text\n007,0.wav,010\n1e3,1.wav,NA\nnan,2.wav,null\n")
    assert [(u.id, u.reference) for u in data.utterances] == [("007", "010"), ("1e3", "NA"), ("nan", "null")]


def test_rows_without_words(tmp_path: Path, put: Put) -> None:
    put("a.wav", "b.wav")
    data = table(tmp_path, "m.csv", "path,text\na.wav,...\nb.wav,D A V I D\n")
    assert words(data) == ["D A V I D"] and data.read_as.endswith("2 rows, 1 refused (no words)")


def test_ids_that_repeat(tmp_path: Path, put: Put) -> None:
    put("a/0.wav", "b/0.wav", "c.wav")
    data = table(tmp_path, "m.csv", "id,path,text\nx,a/0.wav,A\nx,b/0.wav,B\ny,c.wav,C\n")
    assert [u.id for u in data.utterances] == ["a/0.wav", "b/0.wav", "y"]
    data = table(tmp_path, "m.csv", "id,path,text,start,end\nx,c.wav,A,0,0.1\nx,c.wav,B,0.1,0.2\nx,c.wav,C,,\n")
    assert [u.id for u in data.utterances] == ["c.wav", "c.wav#0-0.1", "c.wav#0.1-0.2"]
    for twice in ("x,a/0.wav,A\nx,a/0.wav,B\n", "x,nowhere,A\nx,nowhere,B\n"):
        with pytest.raises(DatasetError, match=r"the id 'x' occurs twice \(lines 2, 3\)"):
            table(tmp_path, "m.csv", "id,path,text\n" + twice)


def test_where_files_lie(tmp_path: Path, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("home/0.wav", "root/sub/1.wav", "root/2.wav", "here/3.wav", "here/clips/4.wav", "here/sub/5.wav")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    named = [
        "~/0.wav",
        "$data_root/sub/1.wav",
        "{data_root}/2.wav",
        "3.wav",
        "4.wav",
        "sub\\5.wav",
        "${data_root}/2.wav",
    ]
    (tmp_path / "here" / "m.csv").write_text(
        "id,path,sentence\n" + "".join(f"{n},{path},WORD\n" for n, path in enumerate(named))
    )
    data = read_dataset(tmp_path / "here" / "m.csv", data_root=tmp_path / "root")
    assert [u.path.name for u in data.utterances] == ["0.wav", "1.wav", "2.wav", "3.wav", "4.wav", "5.wav", "2.wav"]
    with pytest.raises(DatasetError, match=r"no folder .*data-root"):
        read_dataset(tmp_path / "here" / "m.csv", data_root=tmp_path / "nowhere")
    data = read_dataset(tmp_path / "here" / "m.csv")
    assert [row.reason for row in data.bad] == [
        f"has no file {named[n]!r}; --data-root says where that is" for n in (1, 2, 6)
    ]


@pytest.mark.parametrize("given", ["x" * 5_000, "a\0b", "~nobody-here/x.wav", "/" * 300])
def test_what_cannot_be_a_path(tmp_path: Path, put: Put, given: str) -> None:
    put("0.wav")
    rows = [{"path": "0.wav", "text": "A"}, {"path": given, "text": "B"}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    assert words(table(tmp_path, "m.jsonl", text)) == ["A"]
    assert words(read_dataset(tmp_path / "m.jsonl", inside=tmp_path)) == ["A"]


JSONS = {
    "SpeechBrain JSON": '{"a": {"wav": "0.wav", "words": "A"}, "b": {"wav": "1.wav", "words": "B"}}',
    "NeMo manifest": '{"audio_filepath": "0.wav", "duration": 9, "text": "A"}\n{"audio_filepath": "1.wav", "text": "B"}\n',
    "JSON Lines": '{"path": "0.wav",\n "text": "A"}\n{"path": "1.wav", "text": "B"}',
    "JSON": '[{"path": "0.wav", "text": "A"}, {"path": "1.wav", "text": "B"}]',
}


@pytest.mark.parametrize("kind", JSONS)
@pytest.mark.parametrize("name", ["m.json", "m.jsonl", "M.JSON"])
def test_json_is_known_by_its_shape(tmp_path: Path, put: Put, kind: str, name: str) -> None:
    put("0.wav", "1.wav")
    data = table(tmp_path, name, JSONS[kind])
    assert words(data) == ["A", "B"] and data.read_as == f"read as: {kind}, 2 rows"
