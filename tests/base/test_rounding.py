"""Numbers as people read them: nothing that rounds to zero has a sign."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import asrquant
from asrquant import Recognizer
from asrquant.audio.clip import read_audio
from asrquant.base.errors import AudioError
from asrquant.base.tables import rounded
from asrquant.measure.report import Interval
from asrquant.show.comparison import comparison_table
from asrquant.show.report import report_table
from asrquant.ui.figures import Origin, answer

PACKAGE = Path(__file__).parents[2] / "asrquant"


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (-0.04, "+.1f", "0.0"), (0.04, "+.1f", "0.0"), (-0.0, ".1e", "0.0e+00"), (-0.0, "g", "0"), (-0.4, "+.0f", "0"),
        (-0.06, "+.1f", "-0.1"), (0.06, "+.1f", "+0.1"), (-10.0, "+.0f", "-10"), (100.0, "+.0f", "+100"),
        (float("nan"), "+.1f", "+nan"),
    ],
)  # fmt: skip
def test_what_rounds_to_zero_has_no_sign(value: float, form: str, text: str) -> None:
    assert rounded(value, form) == text


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_clip_of_nothing_has_a_peak_without_a_sign(tmp_path: Path, zero: float) -> None:
    soundfile.write(tmp_path / "nothing.wav", np.full(16_000, zero, np.float32), 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"is silent \(peak 0\.0e\+00 of full scale\)"):
        read_audio(tmp_path / "nothing.wav")


def test_tables_and_cards(greedy: Recognizer, examples) -> None:
    """Of a change of nothing, or of so little that it rounds to nothing, in either direction."""
    comparison = asrquant.compare(greedy, greedy, examples[0].path, examples[0].reference, runs=1)
    fewer = replace(comparison.quantized, size_bytes=comparison.original.size_bytes - 1)
    comparison = replace(comparison, quantized=fewer)
    change = dict(zip(comparison_table(comparison)["Measure"], comparison_table(comparison)["Change"], strict=True))
    assert change["Size (MB)"] == "0 %" and change["WER (%)"] == "0.0 points"
    said = answer(comparison, "", Origin())
    assert "<b>the same</b>" in said and "-0" not in said
    report = asrquant.benchmark([greedy], examples[:1])
    barely = replace(report.summaries[0], change=-0.01, change_interval=Interval(-0.02, 0.01))
    assert report_table(replace(report, summaries=(barely,)))["change (points)"][0] == "0.0 (0.0 to 0.0)"


def test_signs_come_from_one_place() -> None:
    """No number is formatted with a sign but by ``rounded``."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
                form = "".join(str(part.value) for part in node.format_spec.values if isinstance(part, ast.Constant))
                assert not form.startswith("+"), f"{path}:{node.lineno} formats with {form!r}"
