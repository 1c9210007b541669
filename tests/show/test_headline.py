"""What a comparison comes to, in plain words: true to its figures, and silent where they say nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

import asrquant
from asrquant import quantize
from asrquant.measure.compare import Comparison
from asrquant.measure.intervals import Interval, Speedup
from asrquant.show.comparison import nothing_wrong
from asrquant.show.comparison_file import page
from asrquant.show.headline import headline
from asrquant.text.metrics import Spread, align_words


@pytest.fixture(scope="module")
def measured(greedy, examples) -> Comparison:
    return asrquant.compare(greedy, quantize(greedy, "dynamic-int8"), examples[1].path, examples[1].reference, runs=1)


def made(measured: Comparison, before: float, after: float, **others) -> Comparison:
    """The same with other times, in seconds, and a speed-up's interval of a tenth around it."""
    ratio = before / after
    first, second = (
        replace(side, encoder_seconds=Spread(seconds, 0.9 * seconds, 1.1 * seconds))
        for side, seconds in ((measured.original, before), (measured.quantized, after))
    )
    paired = Speedup(ratio, Interval(0.9 * ratio, 1.1 * ratio))
    return replace(
        measured, **{"original": first, "quantized": second, "runs": 11, "paired": paired, "steady": True, **others}
    )


@pytest.mark.parametrize(
    ("before", "after", "said", "value"),
    [
        (0.020, 0.010, "2.0 times as fast on this machine", "2.0 × as fast"),
        (0.010, 0.020, "slower on this machine, taking 2.0 times as long", "2.0 × as slow"),
        (0.010, 0.0099, "not clearly faster or slower on this machine", "no clear change"),
    ],
)
def test_speed(measured: Comparison, before: float, after: float, said: str, value: str) -> None:
    found = headline(made(measured, before, after))
    assert said in found.sentence and found.speed.value == value
    assert "MB in the place of 17.7 MB" in found.size.sentence and found.size.value == "2.3 × smaller"


def test_a_busy_machine_has_no_speed(measured: Comparison) -> None:
    found = headline(made(measured, 0.7, 0.02, steady=False))
    assert (
        "too busy to tell its speed" in found.sentence
        and "35" not in found.sentence
        and found.speed.value == "not known"
    )


def test_few_runs_that_overlap_say_nothing(measured: Comparison) -> None:
    near = made(measured, 0.010, 0.009, paired=None, runs=3)
    assert not near.clear and headline(near).speed.value == "no clear change"
    assert headline(made(measured, 0.020, 0.010, paired=None, runs=3)).speed.value == "2.0 × as fast"


@pytest.mark.parametrize(
    ("second", "said", "value", "sentence"),
    [
        ("ONE THREE SEVEN", "hears the same words", "0 of 3", "Both heard the very same words."),
        ("ONE TREE SEVEN", "hears 1 of 3 words differently", "1 of 3", "THREE became TREE."),
        ("ONE", "hears 2 of 3 words differently", "2 of 3", "THREE was lost, SEVEN was lost."),
        ("A B C D ONE THREE SEVEN", "hears 4 words differently", "4", "A was added, B was added, and 2 more."),
    ],
)
def test_words(measured: Comparison, second: str, said: str, value: str, sentence: str) -> None:
    found = headline(made(measured, 0.02, 0.01, changes=align_words("ONE THREE SEVEN", second)))
    assert said in found.sentence and (found.words.value, found.words.sentence) == (value, sentence)


def test_sizes_and_engines(measured: Comparison) -> None:
    alike = replace(measured.quantized, size_bytes=measured.original.size_bytes, preset="onnx-fp32")
    found = headline(replace(measured, quantized=alike))
    assert found.sentence.startswith("With onnx-fp32, ") and "as large as before" in found.sentence
    larger = replace(measured.quantized, size_bytes=2 * measured.original.size_bytes)
    assert headline(replace(measured, quantized=larger)).size.value == "2.0 × larger"


def test_the_file_needs_nothing_else_and_is_escaped(measured: Comparison) -> None:
    nasty = replace(measured, reference="<script>x</script>")
    text = page(nasty, "today & here", "<b>.wav")
    assert "<script" not in text and "&lt;b&gt;.wav" in text and "today &amp; here" in text
    assert "http" not in text and "src=" not in text and headline(measured).size.value in text


def test_a_chart_of_zeros_is_said_in_words(measured: Comparison) -> None:
    right = replace(measured.original.errors, substitutions=0, deletions=0, insertions=0, character_errors=0)
    both = replace(
        measured, original=replace(measured.original, errors=right), quantized=replace(measured.quantized, errors=right)
    )
    assert "0 % for both" in nothing_wrong(both)
    assert nothing_wrong(replace(measured, original=replace(measured.original, errors=None))) == ""
