"""Jobs of the page: one at a time, stopped when asked, errors fit to be read; models built once and bounded."""

from __future__ import annotations

import threading
import time

import pytest

from asrquant import PRESETS
from asrquant.errors import AudioError, PresetError
from asrquant.presets import custom
from asrquant.ui import session


def test_progress_partial_results_and_the_result_in_order() -> None:
    def work(progress, show):
        progress("counting", 1, 2)
        show("half")
        return "whole"

    events = list(session.run("a", work))
    assert events[1:] == [session.Step("counting", 1, 2), session.Partial("half"), session.Done("whole")]


def test_our_errors_are_shown_and_others_are_not() -> None:
    def ours(progress, show):
        raise AudioError("The clip is silent.")

    def theirs(progress, show):
        raise OSError("/secret/path is gone")

    assert list(session.run("a", ours))[-1] == session.Failed("The clip is silent.")
    message = list(session.run("a", theirs))[-1].message
    assert "secret" not in message and "reference" in message


def endless(progress, show):
    while True:
        progress("working", 0, 1)
        time.sleep(0.01)


def test_cancel_stops_the_work() -> None:
    events = session.run("b", endless)
    next(events)
    session.cancel("b")
    assert list(events)[-1] == session.Failed("Cancelled.")


def test_leaving_stops_the_work() -> None:
    events = session.run("c", endless)
    next(events)
    events.close()
    started = time.monotonic()
    assert list(session.run("d", lambda progress, show: "next"))[-1] == session.Done("next")
    assert time.monotonic() - started < 5


def test_never_two_jobs_at_once() -> None:
    busy, most = [], []

    def work(progress, show):
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.05)
        busy.pop()

    threads = [threading.Thread(target=lambda i=i: list(session.run(str(i), work))) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5


def test_models_are_built_once_and_bounded() -> None:
    models = session.Models()
    dynamic = PRESETS["dynamic-int8"]
    first = models.quantized("an4", dynamic)
    assert models.quantized("an4", dynamic) is first
    assert models.quantized("an4", PRESETS["original"]) is models.original("an4")
    assert models.quantized("an4", custom({}, base=dynamic, backend="fbgemm")) is not first
    small = session.Models(bound=1)
    original = small.original("an4")
    assert small.original("an4") is original
    small.quantized("an4", dynamic)
    assert small.original("an4") is not original


def test_a_preset_that_does_not_fit_is_not_kept() -> None:
    models = session.Models()
    with pytest.raises(PresetError):
        models.quantized("an4", custom({"head": "static"}))
    assert models.quantized("an4", custom({"head": "dynamic"})).preset.name == "custom"
