"""Words in measurements: rows without any, scripts without spaces, and the normalization that each result was made with."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import asrquant
from asrquant import Normalization, Recognizer, Report
from asrquant.base.errors import DatasetError
from asrquant.cli import main
from asrquant.jobs.benchmark import FOLDER, BenchmarkRequest, Data
from asrquant.jobs.models import Models
from asrquant.jobs.request import Work
from asrquant.measure.compare import Comparison, comparison_dict, this_machine
from asrquant.measure.report import Row, summarize
from asrquant.show.comparison import accuracy_figure, comparison_table
from asrquant.show.report import accuracy_columns, bad_table, lost_words, pareto, report_table, tradeoff_figure
from asrquant.show.report_files import about, summary_table, write_report
from asrquant.show.text import comparison_text
from asrquant.text.metrics import word_errors
from asrquant.ui import benchmark as tab
from asrquant.ui import figures, render


def cards(found: Comparison) -> str:
    """The three figures of the page."""
    return figures.answer(found, "", figures.Origin())


@pytest.fixture
def dots(examples, tmp_path: Path) -> Path:
    """A manifest with a row of dots beside one with words."""
    for name, clip in (("a", examples[0]), ("b", examples[1])):
        shutil.copy(clip.path, tmp_path / f"{name}.flac")
    (tmp_path / "m.csv").write_text(f"path,text\na.flac,...\nb.flac,{examples[1].reference}\n")
    return tmp_path / "m.csv"


def test_a_row_of_dots_is_a_row_without_words(greedy: Recognizer, dots: Path, examples) -> None:
    data = asrquant.read_dataset(dots)
    assert [(row.id, "has no words" in row.reason) for row in data.bad] == [("a.flac", True)]
    report = asrquant.benchmark([greedy], data)
    alone = asrquant.benchmark([greedy], [replace(examples[1], id="b.flac")])
    (summary,) = report.summaries
    assert report.clips == 1 and report.planned == 2 and summary.errors == alone.summaries[0].errors
    assert summary.wer_interval.low == summary.wer_interval.high == summary.errors.wer  # one clip, nothing over 100 %
    with pytest.raises(DatasetError, match=r"'a.flac' has no words"):
        asrquant.read_clips(dots)
    dots.write_text("path,text\na.flac,...\n")
    with pytest.raises(DatasetError, match=r"no row that can be used .*'a.flac' has no words"):
        asrquant.read_dataset(dots)


def test_and_in_the_terminal(dots: Path, capsys) -> None:
    out = dots.parent / "out"
    command = ["benchmark", "--data", str(dots), "--preset", "dynamic-int8", "--decoder", "greedy", "--no-deployment"]
    assert main([*command, "--out", str(out), "--normalize", "none"]) == 0
    said = capsys.readouterr()
    assert "not used: 'a.flac' has no words" in said.err and "1 clips" in said.out and "normalization none" in said.out
    report = json.loads((out / "report.json").read_text())
    assert report["normalization"] == {"name": "none", "vowel_points": True}
    assert report["bad"][0]["id"] == "a.flac" and report["rows"][0]["errors"]["reference_characters"] > 0
    assert main([*command, "--out", str(out), "--resume"]) == 2
    assert "other normalization" in capsys.readouterr().err
    assert main([*command, "--normalize", "english", "--no-vowel-points"]) == 2
    assert "cannot leave vowel points out" in capsys.readouterr().err


def test_and_on_the_page(dots: Path) -> None:
    shown: list[object] = []
    asked = BenchmarkRequest(
        data=Data(FOLDER, dots), presets=["dynamic-int8"], limit=9, deployed=False, model="an4", decoder="greedy"
    )
    report = asked.run(Work(Models(), lambda *_: None, shown.append))
    assert report.clips == 1 and len(shown) == 1
    assert "has no words" in render.table(bad_table(report), "Rows") and "1 row could not be used" in tab._numbers(
        report
    )
    assert "CER so far (%)" in tab._so_far(list(report.rows), shown[0])


def test_words_that_only_this_normalization_takes_away(greedy: Recognizer, examples) -> None:
    clips = [replace(examples[0], id="0", reference="uh, um"), examples[1]]
    report = asrquant.benchmark([greedy], clips, normalize="english")
    assert [(row.id, row.reason) for row in report.bad] == [
        ("0", "has no words once it is normalized (english); every row needs the words spoken")
    ]
    assert report.clips == 1 and report.normalization == Normalization("english")
    with pytest.raises(DatasetError, match="has no words once it is normalized"):
        asrquant.sensitivity(greedy, clips, normalize="english")
    foreign = [replace(examples[0], reference="नमस्ते")]
    for run in (asrquant.benchmark, lambda r, c, normalize: asrquant.sensitivity(r[0], c, normalize=normalize)):
        with pytest.raises(DatasetError, match="is in another script"):
            run([greedy], foreign, normalize="english")
        with pytest.raises(ValueError, match="no normalization 'whisper'"):
            run([greedy], foreign, normalize="whisper")


@pytest.fixture(scope="module")
def comparison(greedy: Recognizer, examples) -> Comparison:
    return asrquant.compare(greedy, greedy, examples[0].path, examples[0].reference.lower(), runs=1)


def test_a_comparison_says_how_words_were_compared(comparison: Comparison, greedy: Recognizer, examples) -> None:
    assert comparison.normalization == Normalization() and comparison.measure == "WER"
    assert "after the normalization basic" in comparison_text(comparison)
    assert "Words: compared after the normalization basic" in render.conditions(comparison, "a.flac", "original")
    said = json.loads(json.dumps(comparison_dict(comparison)))
    assert said["normalization"] == {"name": "basic", "vowel_points": True} and said["measure"] == "WER"
    assert said["original"]["cer"] == comparison.original.errors.cer
    raw = asrquant.compare(greedy, greedy, examples[0].path, examples[0].reference.lower(), 1, normalize="none")
    assert raw.original.errors.wer == 100 > comparison.original.errors.wer  # the model writes capitals
    with pytest.raises(DatasetError, match="another script"):
        asrquant.compare(greedy, greedy, examples[0].path, "नमस्ते", 1, normalize="english")
    gone = asrquant.compare(greedy, greedy, examples[0].path, "Um...", 1, normalize="english")
    assert gone.reference is None and gone.wers is None and gone.cers is None and gone.rates is None
    assert "no reference, so no WER" in cards(gone)


def heard(comparison: Comparison, said: str, first: str, second: str) -> Comparison:
    """The comparison, had other words been said and heard."""
    sides = (
        replace(side, text=text, errors=word_errors(said, text))
        for side, text in ((comparison.original, first), (comparison.quantized, second))
    )
    original, quantized = sides
    return replace(comparison, reference=said, original=original, quantized=quantized)


def test_chinese_is_compared_in_characters(comparison: Comparison) -> None:
    found = heard(comparison, "你好，世界", "你好世界", "你号世界")
    assert found.rates == (0, 25) and found.measure == "CER"
    table = comparison_table(found)
    assert list(table["Measure"])[-2:] == ["CER (%)", "WER (%)"] and list(table.iloc[-2])[1:3] == ["0.0", "25.0"]
    figure = accuracy_figure(found)
    assert [bar.y[0] for bar in figure.data] == [0, 25] and figure.layout.title.text == "Character error rate"
    assert "Characters kept" in cards(found) and "1 wrong character against" in render.transcripts(found)
    assert comparison_dict(found)["measure"] == "CER"
    unsaid = replace(
        found,
        reference=None,
        original=replace(found.original, errors=None),
        quantized=replace(found.quantized, errors=None),
    )
    assert unsaid.measure == "CER" and "Characters kept" in cards(unsaid)
    assert accuracy_figure(unsaid).layout.yaxis.title.text == "characters in common (%)"


def test_english_has_both_rates_and_wer_first(comparison: Comparison) -> None:
    found = heard(comparison, "one two", "one two", "one too")
    table = comparison_table(found)
    assert list(table["Measure"])[-2:] == ["WER (%)", "CER (%)"]
    assert found.rates == found.wers == (0, 50) and found.cers == (0, pytest.approx(100 / 7))
    assert "Words changed" in cards(found) and "CER 0.0 % → 14.3 %" in cards(found)


SAID = {
    "1": ("你好世界", "你好世界", "你好视界"),
    "2": ("今天天气很好", "今天天气好", "今天天气"),
    "3": ("谢谢", "谢谢", "谢谢"),
}


@pytest.fixture
def chinese() -> Report:
    rows = tuple(
        Row(clip, preset, said, text, word_errors(said, text), 1.0, 0.01, 0.01)
        for clip, (said, *texts) in SAID.items()
        for preset, text in zip(("original", "dynamic-int8"), texts, strict=True)
    )
    summaries = tuple(summarize(name, rows, "original", 1_000_000) for name in ("original", "dynamic-int8"))
    return Report("clips", "a model", "greedy", rows, summaries, this_machine())


def test_a_chinese_report_speaks_of_characters(chinese: Report, tmp_path: Path) -> None:
    first, second = chinese.summaries
    assert chinese.measure == "CER" and first.main == first.cer and first.main.name == "CER"
    assert (first.errors.cer, second.errors.cer) == (pytest.approx(100 / 12), 25)
    assert second.main.change == pytest.approx(25 - 100 / 12)
    assert second.main.change_interval.low <= second.main.change <= second.main.change_interval.high
    assert first.cer.change is None and second.wer.change == second.change
    table = report_table(chinese)
    assert accuracy_columns(chinese) == list(table.columns[:4]) == ["preset", "CER (%)", "WER (%)", "change (points)"]
    assert table["CER (%)"][1].startswith("25.0 (") and table["change (points)"][1].startswith("+16.7 (")
    assert [point.y[0] for point in tradeoff_figure(chinese).data[1:]] == [first.errors.cer, 25]
    assert [each.preset for each in pareto(chinese.summaries)] == ["original"]
    assert "12 characters" in about(chinese) and "the main figure is CER" in about(chinese)
    assert "CER (%)" in tab._numbers(chinese)
    write_report(chinese, tmp_path)
    (_, line) = csv.DictReader((tmp_path / "summary.csv").open())
    assert (line["measure"], float(line["cer"]), float(line["cer_change"])) == ("CER", 25, second.cer_change)
    rows = list(csv.DictReader((tmp_path / "rows.csv").open()))
    assert [int(row["character_errors"]) for row in rows] == [0, 1, 1, 2, 0, 0]
    assert (tmp_path / "report.html").read_text().count("CER (%)") >= 3


def test_an_english_report_leads_with_wer(greedy: Recognizer, examples) -> None:
    report = asrquant.benchmark([greedy], examples[:2])
    (summary,) = report.summaries
    assert report.measure == "WER" and summary.main == summary.wer
    assert accuracy_columns(report) == ["preset", "WER (%)", "CER (%)", "change (points)"]
    assert "words" in about(report) and "main figure" not in about(report) and "normalization basic" in about(report)
    assert summary.cer_interval.low <= summary.errors.cer <= summary.cer_interval.high
    assert summary_table(report.summaries)["cer"][0] == summary.errors.cer


def test_lost_words_are_those_of_the_reports_normalization(chinese: Report) -> None:
    said, first, second = "Mr. Smith won't", "mister smith will not", "mister smith will not"
    rows = tuple(
        replace(row, reference=said, hypothesis=text)
        for row, text in zip(chinese.rows[:2], (first, second), strict=True)
    )
    english = replace(chinese, rows=rows, normalization=Normalization("english"))
    assert len(lost_words(english, "dynamic-int8")) == 0
