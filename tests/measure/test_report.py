"""Benchmarks: what is counted, with which intervals, and that a broken run ends as an unbroken one."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jiwer
import numpy as np
import pytest

import asrquant
from asrquant import Recognizer, Report, example_clips
from asrquant.base.errors import AudioError, Cancelled, DatasetError, ExportError, PresetError
from asrquant.cli import main
from asrquant.data.dataset import BadRow, Dataset, Utterance
from asrquant.measure.benchmark import benchmark
from asrquant.measure.journal import NAME
from asrquant.measure.report import Interval, bootstrap
from asrquant.show.comparison import comparison_table
from asrquant.show.comparison import speed_figure as comparison_speed
from asrquant.show.report import latency_table, lost_words, pareto, report_table, tradeoff_figure
from asrquant.show.report_files import FILES, about, write_report
from asrquant.text.metrics import normalize_text


@pytest.fixture(scope="module")
def pair(greedy: Recognizer) -> list[Recognizer]:
    return [greedy, asrquant.quantize(greedy, "dynamic-int8")]


@pytest.fixture(scope="module")
def report(pair: list[Recognizer]) -> Report:
    return benchmark(pair, example_clips(), name="examples")


def words(report: Report) -> list[tuple]:
    return [(row.utterance, row.preset, row.reference, row.hypothesis, row.errors) for row in report.rows]


def test_every_row_counts_as_jiwer_does(report: Report) -> None:
    for row in report.rows:
        theirs = jiwer.process_words(normalize_text(row.reference), normalize_text(row.hypothesis))
        assert (row.errors.errors, row.errors.wer) == (
            theirs.substitutions + theirs.deletions + theirs.insertions,
            pytest.approx(100 * theirs.wer),
        )


def test_an_interval_worked_by_hand() -> None:
    """Two clips of one word, one wrong: a resample is 0, 50 or 100 % with the chances 1/4, 1/2, 1/4."""
    assert bootstrap(np.array([0.0, 1.0]), np.array([1.0, 1.0])) == Interval(0.0, 100.0)
    # Every clip loses a tenth of its words: whatever is drawn, 10 %.
    assert bootstrap(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])) == Interval(10.0, 10.0)


def test_an_interval_is_as_wide_as_the_normal_approximation() -> None:
    """400 clips of ten words, each with one error in half of them: the mean is 5 %, its standard error 5 / sqrt(400)."""
    errors = np.tile([0.0, 1.0], 200)
    found = bootstrap(errors, np.full(400, 10.0))
    assert found.low == pytest.approx(5 - 1.96 * 0.25, abs=0.1) and found.high == pytest.approx(
        5 + 1.96 * 0.25, abs=0.1
    )


def test_the_change_is_paired(report: Report) -> None:
    first, second = report.summaries
    assert first.change is None and first.change_interval is None
    assert second.change == pytest.approx(second.errors.wer - first.errors.wer)
    assert second.change_interval.low <= second.change <= second.change_interval.high
    width = second.change_interval.high - second.change_interval.low
    assert width < second.wer_interval.high - second.wer_interval.low  # the same clips are hard for both


def test_latency_by_thirds_of_the_clips(report: Report) -> None:
    """Ten clips are four, four and two; the medians are those of the rows."""
    table = latency_table(report)
    columns = list(table.columns)
    assert [column.split(", ")[1] for column in columns[1:]] == ["4 clips", "4 clips", "2 clips"]
    rows = sorted(
        (row for row in report.rows if row.preset == "original"), key=lambda r: (r.audio_seconds, r.utterance)
    )
    assert table[columns[3]].iloc[0] == f"{1000 * np.median([row.seconds for row in rows[8:]]):.0f}"


def test_summaries(report: Report) -> None:
    for summary in report.summaries:
        rows = [row for row in report.rows if row.preset == summary.preset]
        assert summary.rtf_spread.low <= summary.encoder_rtf <= summary.rtf_spread.high
        assert min(row.seconds for row in rows) <= summary.p50 <= summary.p95 <= max(row.seconds for row in rows)
    assert report.summaries[0].build_seconds is None and 0 < report.summaries[1].build_seconds < 60
    assert report.clips == report.planned == len(example_clips())


def test_clips_that_cannot_be_used_are_listed(pair: list[Recognizer], tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF, but no sound")
    broken = Utterance("000-broken", tmp_path / "broken.wav", "HELLO")
    found = benchmark(pair, Dataset("some", (broken, *example_clips()[:2])))
    assert [row.id for row in found.bad] == ["000-broken"] and found.clips == 2 and found.planned == 3
    assert "1 row could not be used" in about(found) and "stopped" not in about(found)
    with pytest.raises(DatasetError, match=r"No clip of .* can be used"):
        benchmark(pair, Dataset("none", (broken,)))
    with pytest.raises(AudioError):
        broken.audio()


def test_cancel_keeps_what_is_done(pair: list[Recognizer]) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if done == 3:
            raise Cancelled("enough")

    seen = []
    found = benchmark(pair, example_clips(), stop, keep_partial=True, watch=seen.append)
    assert found.clips == 3 and len(seen) == 3 and "stopped after 3 of" in about(found)
    with pytest.raises(Cancelled):
        benchmark(pair, example_clips(), stop)


def test_a_journal_of_another_benchmark_is_refused(pair: list[Recognizer], tmp_path: Path) -> None:
    benchmark(pair[:1], example_clips()[:2], folder=tmp_path)
    with pytest.raises(DatasetError, match="holds a benchmark already"):
        benchmark(pair[:1], example_clips()[:2], folder=tmp_path)
    with pytest.raises(DatasetError, match=r"another benchmark .other clips"):
        benchmark(pair[:1], example_clips()[:3], folder=tmp_path, resume=True)
    with pytest.raises(DatasetError, match="other presets"):
        benchmark(pair, example_clips()[:2], folder=tmp_path, resume=True)


def test_a_line_that_a_crash_cut_is_done_again(pair: list[Recognizer], tmp_path: Path) -> None:
    whole = benchmark(pair, example_clips()[:4], folder=tmp_path)
    journal = tmp_path / NAME
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([*lines[:3], lines[3][:40]]))
    done = []
    again = benchmark(
        pair, example_clips()[:4], folder=tmp_path, resume=True, watch=lambda entry: done.append(entry.utterance)
    )
    assert words(again) == words(whole) and again.rows[:4] == whole.rows[:4]  # times too, of what was kept
    assert len(journal.read_text().splitlines()) == 5 and len(done) == 4


@pytest.mark.long
def test_killed_three_times_and_resumed(tmp_path: Path) -> None:
    """As a user would: the command, SIGKILL, ``--resume``; the rows are those of a run that nobody stopped."""
    command = [
        sys.executable,
        "-m",
        "asrquant",
        "benchmark",
        "--preset",
        "dynamic-int8",
        "--decoder",
        "greedy",
        "--no-deployment",
        "--out",
    ]
    journal, quiet = tmp_path / "broken" / NAME, {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for lines in (3, 5, 7):
        process = subprocess.Popen([*command, str(tmp_path / "broken"), "--resume"], **quiet)
        until = time.monotonic() + 60
        while time.monotonic() < until and not (journal.is_file() and len(journal.read_text().splitlines()) >= lines):
            time.sleep(0.005)
        process.kill()
        process.wait()
        done = len(journal.read_text().splitlines()) - 1
        assert lines - 1 <= done < len(example_clips()), "it was not killed half-way"
    for name, more in (("broken", ["--resume"]), ("whole", [])):
        assert main([*command[3:], str(tmp_path / name), *more]) == 0
    broken, whole = (list(csv.DictReader((tmp_path / name / "rows.csv").open())) for name in ("broken", "whole"))
    timeless = [
        [{k: v for k, v in row.items() if not k.endswith("coder_seconds")} for row in rows] for rows in (broken, whole)
    ]
    assert timeless[0] == timeless[1] and len(whole) == 2 * len(example_clips())


def test_presets_of_one_name_are_refused_before_anything_runs(greedy: Recognizer, tmp_path: Path) -> None:
    """Rows and summaries are found by the preset's name: the second would overwrite the first."""
    first, second = (asrquant.custom({"head": "dynamic"}, dynamic_dtype=dtype) for dtype in ("qint8", "float16"))
    pair = [asrquant.quantize(greedy, preset) for preset in (first, second)]
    with pytest.raises(PresetError, match=r"Two presets are called 'custom'.*name='mine'"):
        benchmark([greedy, *pair], example_clips()[:1], folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(PresetError, match="'original'"):
        benchmark([greedy, greedy], example_clips()[:1])
    with pytest.raises(PresetError, match="no recognizer"):
        benchmark([], example_clips()[:1])
    named = [asrquant.quantize(greedy, replace(preset, name=f"mine-{i}")) for i, preset in enumerate((first, second))]
    found = benchmark([greedy, *named], example_clips()[:1])
    assert [summary.preset for summary in found.summaries] == ["original", "mine-0", "mine-1"]
    assert [summary.size_bytes for summary in found.summaries[1:]] == [one.size_bytes() for one in named]
    assert [row.preset for row in found.rows] == ["original", "mine-0", "mine-1"]


@pytest.mark.long
def test_a_report_about_another_of_the_same_name_is_not_exported(greedy: Recognizer, tmp_path: Path) -> None:
    first, second = (
        asrquant.quantize(greedy, asrquant.custom({"head": "dynamic"}, dynamic_dtype=dtype))
        for dtype in ("qint8", "float16")
    )
    about_first = benchmark([greedy, first], example_clips()[:1])
    with pytest.raises(ExportError, match="not about this custom, which was made otherwise"):
        asrquant.export(second, "state-dict", tmp_path, about_first)
    other_clips = asrquant.quantize(greedy, "static-int8", calibration=example_clips()[:1])
    with pytest.raises(ExportError, match="made otherwise"):
        about = benchmark([greedy, asrquant.quantize(greedy, "static-int8")], example_clips()[:1])
        asrquant.export(other_clips, "state-dict", tmp_path, about)
    results = asrquant.export(first, "state-dict", tmp_path, about_first).manifest.measurement.results
    assert [result.preset for result in results] == ["original", "custom"]


def test_two_of_one_name_are_compared_side_by_side(greedy: Recognizer) -> None:
    comparison = asrquant.compare(greedy, greedy, example_clips()[0].path, runs=1)
    assert list(comparison_table(comparison).columns[1:3]) == ["original", "original (second)"]
    assert [bar.x[0] for bar in comparison_speed(comparison).data] == ["original", "original (second)"]


def test_files(report: Report, tmp_path: Path) -> None:
    paths = write_report(report, tmp_path)
    assert [path.name for path in paths] == list(FILES) and sorted(path.name for path in tmp_path.iterdir()) == sorted(
        FILES
    )
    assert json.loads((tmp_path / "report.json").read_text())["summaries"][1]["preset"] == "dynamic-int8"
    assert len(list(csv.DictReader((tmp_path / "rows.csv").open()))) == len(report.rows)
    page = (tmp_path / "report.html").read_text()
    assert page.count("plotly-graph-div") >= 4 and 'src="http' not in page


def test_what_a_data_set_says_cannot_become_html(report: Report, tmp_path: Path) -> None:
    nasty = "<SCRIPT>ALERT(1)</SCRIPT>"
    rows = tuple(replace(row, reference=nasty, hypothesis=nasty, utterance=nasty) for row in report.rows)
    write_report(replace(report, data=nasty, rows=rows, bad=(BadRow(nasty, nasty),)), tmp_path)
    assert nasty not in (tmp_path / "report.html").read_text()


def test_words_that_were_lost(report: Report) -> None:
    row, other = report.rows[0], report.rows[1]
    first = replace(row, reference="ONE TWO THREE TWO", hypothesis="ONE TWO FREE TWO")
    second = replace(other, reference="ONE TWO THREE TWO", hypothesis="WON TWO THREE")
    lost = lost_words(replace(report, rows=(first, second)), "dynamic-int8")
    assert sorted(lost.itertuples(index=False, name=None)) == [("ONE", "WON", 1), ("TWO", "nothing", 1)]


def test_pareto_front(report: Report) -> None:
    first, second = report.summaries
    slow_and_wrong = replace(first, preset="x", encoder_rtf=9.0, errors=first.errors + first.errors)
    worse = replace(slow_and_wrong, errors=replace(first.errors, substitutions=first.errors.reference_words))
    front = pareto((first, second, worse))
    assert worse not in front and min((first, second), key=lambda s: s.encoder_rtf) in front
    assert len(tradeoff_figure(report).data) == 3 and list(report_table(report)["preset"]) == [
        "original",
        "dynamic-int8",
    ]
