from __future__ import annotations

import json

import pytest

import asrquant
from asrquant import quantize
from asrquant.base.errors import Cancelled, DatasetError
from asrquant.measure.compare import comparison_dict
from asrquant.show.comparison import accuracy_figure, comparison_table, speed_figure
from asrquant.show.report import report_table
from asrquant.text.metrics import word_errors


@pytest.fixture(scope="module")
def pair(greedy):
    return greedy, quantize(greedy, "dynamic-int8")


@pytest.fixture(scope="module")
def comparison(pair, examples):
    return asrquant.compare(*pair, examples[0].path, examples[0].reference.lower() + "!", runs=3)


@pytest.fixture(scope="module")
def without_reference(pair, examples):
    return asrquant.compare(*pair, examples[0].path, runs=1)


def test_both_sides_are_measured(pair, examples, comparison) -> None:
    assert comparison.original.text == pair[0].transcribe(examples[0].path).text
    assert comparison.quantized.text == pair[1].transcribe(examples[0].path).text
    assert (comparison.original.preset, comparison.quantized.preset) == ("original", "dynamic-int8")
    for side in (comparison.original, comparison.quantized):
        assert 0 < side.encoder_seconds.low <= side.encoder_seconds.median <= side.encoder_seconds.high
        assert side.encoder_rtf == pytest.approx(side.encoder_seconds.median / comparison.audio_seconds)
        assert side.rtf > side.encoder_rtf
    assert comparison.size_ratio == pytest.approx(pair[1].size_bytes() / pair[0].size_bytes())
    assert comparison.speedup == pytest.approx(
        comparison.original.encoder_seconds.median / comparison.quantized.encoder_seconds.median
    )
    assert comparison.machine.backend == pair[1].backend
    assert comparison.received.endswith("16 kHz mono")


def test_a_reference_gives_wer(comparison, examples) -> None:
    expected = word_errors(examples[0].reference, comparison.original.text)
    assert comparison.original.errors == expected
    assert list(comparison_table(comparison)["Measure"])[-2:] == ["WER (%)", "CER (%)"]


def test_without_a_reference_nothing_is_called_wer(pair, examples, without_reference) -> None:
    assert without_reference.original.errors is None
    assert list(comparison_table(without_reference)["Measure"])[-1] == "Agreement with the original (%)"
    assert "WER (%)" not in str(accuracy_figure(without_reference).to_dict())
    blank = asrquant.compare(*pair, examples[0].path, " ... ", runs=1)
    assert blank.reference is None and blank.quantized.errors is None


def test_a_model_against_itself_changes_nothing(greedy, examples) -> None:
    same = asrquant.compare(greedy, greedy, examples[1].path, runs=1)
    assert same.agreement == 100 and same.size_ratio == 1
    assert {edit.operation for edit in same.changes} <= {"="}


def test_transcripts_are_shown_as_they_come(pair, examples) -> None:
    heard, steps = [], []
    asrquant.compare(
        *pair, examples[0].path, runs=2,
        progress=lambda *step: steps.append(step), heard=lambda name, text: heard.append((name, text)),
    )  # fmt: skip
    assert [name for name, _ in heard] == ["original", "dynamic-int8"] and all(text for _, text in heard)
    assert [done for stage, done, _ in steps if stage == "measuring"] == [0, 1, 2, 3]


def test_stops_when_asked(pair, examples) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if stage == "measuring" and done == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        asrquant.compare(*pair, examples[0].path, runs=5, progress=stop)


def test_needs_a_run(pair, examples) -> None:
    with pytest.raises(ValueError, match="runs is 0"):
        asrquant.compare(*pair, examples[0].path, runs=0)


def test_the_numbers_are_json(comparison) -> None:
    data = json.loads(json.dumps(comparison_dict(comparison)))
    assert data["original"]["wer"] == comparison.original.errors.wer
    assert data["speedup"] == comparison.speedup
    assert data["machine"]["threads"] >= 1


def test_charts_show_the_numbers_with_units(comparison) -> None:
    speed, accuracy = speed_figure(comparison), accuracy_figure(comparison)
    assert [bar.y[0] for bar in speed.data] == [comparison.original.encoder_rtf, comparison.quantized.encoder_rtf]
    assert [bar.y[0] for bar in accuracy.data] == [comparison.original.errors.wer, comparison.quantized.errors.wer]
    for figure in (speed, accuracy):
        assert figure.layout.title.text and figure.layout.yaxis.title.text
        assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"


def test_benchmark_has_a_row_a_clip_and_preset(pair, examples) -> None:
    report = asrquant.benchmark(pair, examples[:3])
    assert [(row.utterance, row.preset) for row in report.rows] == [
        (clip.id, recognizer.preset.name) for clip in examples[:3] for recognizer in pair
    ]
    for summary, recognizer in zip(report.summaries, pair, strict=True):
        rows = [row for row in report.rows if row.preset == recognizer.preset.name]
        assert [row.hypothesis for row in rows] == [recognizer.transcribe(clip.path).text for clip in examples[:3]]
        assert summary.errors.errors == sum(row.errors.errors for row in rows)
        assert summary.encoder_rtf == pytest.approx(
            sum(row.encoder_seconds for row in rows) / sum(row.audio_seconds for row in rows)
        )
    assert report.summaries[0].speedup == 1
    assert list(report_table(report)["preset"]) == ["original", "dynamic-int8"]


def test_benchmark_needs_clips(greedy) -> None:
    with pytest.raises(DatasetError, match="no clips"):
        asrquant.benchmark([greedy], [])


def test_word_error_rates_on_the_whole_of_eval(an4, an4_eval) -> None:
    """The aims that the embedded model was made for."""
    utterances = asrquant.read_clips(an4_eval)
    for decoder, limit in (("greedy", 25.0), ("ngram", 12.0)):
        summary = asrquant.benchmark([an4.with_decoder(decoder)], utterances).summaries[0]
        assert summary.errors.reference_words == 388
        assert summary.errors.wer <= limit
