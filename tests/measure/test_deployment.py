"""A saved model in a process of its own: load time, memory, and what happens when that fails."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import asrquant
from asrquant.base.errors import Cancelled, ExportError, FreshProcessError
from asrquant.base.fresh import run_fresh
from asrquant.measure.benchmark import benchmark
from asrquant.measure.deployment import deploy
from asrquant.show.report import report_table


def test_what_the_process_says(greedy, examples) -> None:
    found = deploy(greedy, examples[0].audio())
    assert found.format == "torchscript" and found.load_seconds > 0
    assert found.audio_seconds == pytest.approx(examples[0].audio().seconds)
    assert found.peak_bytes > found.base_bytes > 50e6
    assert found.own_bytes > 0.5 * greedy.size_bytes()  # the weights are in memory at least


@pytest.mark.long
def test_more_audio_takes_more_memory(greedy, examples) -> None:
    clip = examples[0].audio()
    longer = replace(clip, samples=np.tile(clip.samples, 12))
    assert deploy(greedy, longer).own_bytes > deploy(greedy, clip).own_bytes + 20e6


@pytest.mark.long
def test_a_report_has_it(greedy, examples) -> None:
    pair = [greedy, asrquant.quantize(greedy, "openvino-int8")]
    report = benchmark(pair, examples[:2], deployed=True)
    assert [s.deployment.format for s in report.summaries] == ["torchscript", "openvino-ir"]
    longest = max(row.audio_seconds for row in report.rows)
    assert all(s.deployment.audio_seconds == pytest.approx(longest) for s in report.summaries)
    assert "(" in report_table(report)["peak (MB)"].iloc[1]
    without = benchmark(pair, examples[:1])
    assert without.summaries[0].deployment is None and report_table(without)["peak (MB)"].iloc[0] == "n/a"


def test_cancelling_leaves_the_rows_and_no_files(greedy, examples, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "load time and memory" and list(tmp_path.rglob("wave.npy")):
            raise Cancelled("Cancelled.")

    report = benchmark([greedy], examples[:1], stop, deployed=True, keep_partial=True)
    assert len(report.rows) == 1 and report.summaries[0].deployment is None
    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_one_sentence(greedy) -> None:
    with pytest.raises(FreshProcessError, match="No module named"):
        run_fresh("asrquant.nothing_here", [], lambda: None)
    missing = str(Path(tempfile.gettempdir()) / "not there")
    with pytest.raises((FreshProcessError, ExportError), match="No such file"):
        run_fresh("asrquant.measure.deployment", [missing, "torchscript", "1"], lambda: None)
