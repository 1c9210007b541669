"""Jobs of the page: one at a time in the worker process, stopped when asked, errors fit to be read; models kept."""

from __future__ import annotations

import logging
import os
import re
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from asrquant import PRESETS, example_clips
from asrquant.base import settings
from asrquant.base.errors import AudioError, Cancelled
from asrquant.base.policy import PUBLIC, policy
from asrquant.base.settings import Settings
from asrquant.jobs import supervisor, threads, worker
from asrquant.jobs.compare import CompareRequest
from asrquant.jobs.events import Done, Failed
from asrquant.jobs.models import Wanted
from asrquant.jobs.request import Work
from asrquant.ui import session

TAB = "Compare"

# What the worker is given: functions of this module, which it imports.


def counting(models, progress, show):
    progress("counting", 1, 2)
    show("half")
    return "whole"


def ours(models, progress, show):
    raise AudioError("The clip is silent.")


def theirs(models, progress, show):
    raise OSError("/secret/path is gone")


def without_form(models, progress, show):
    return lambda: "does not pickle"


def itself(models, progress, show):
    return os.getpid(), torch.get_num_threads(), tempfile.gettempdir()


def what_it_was_given(models, progress, show):
    return settings.settings(), policy(), torch.get_num_threads()


def endless(models, progress, show):
    while True:
        progress("working", 0, 1)
        time.sleep(0.01)


def keeping(models, progress, show):
    try:
        endless(models, progress, show)
    except Cancelled:
        return "what is done"


class Layer(nn.Module):
    def forward(self, wave):
        time.sleep(0.05)
        return wave


def large_model(models, progress, show):
    progress("measuring", 0, 1)
    nn.Sequential(*(Layer() for _ in range(2_000)))(torch.zeros(1))


def deaf(models, progress, show, folder):
    """Leaves a file behind, starts a process, and looks at no flag."""
    _, name = tempfile.mkstemp()
    child = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "600")
    show((name, child, os.getpid()))
    time.sleep(600)


def interval(models, progress, show):
    begun = time.monotonic()
    time.sleep(0.05)
    return begun, time.monotonic()


def identity(models, progress, show):
    return id(models.quantized("an4", PRESETS["dynamic-int8"], progress))


MODEL = Wanted("an4", PRESETS["openvino-int8"])


def building(models, progress, show, seconds=600.0, mark=None):
    """Builds ``MODEL``, as far as anybody can see, and then works for as long as it is let."""
    models.watch(MODEL)
    show("building")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        progress("working", 0, 1)
        time.sleep(0.01)
    models.watch(None)
    if mark:
        Path(mark).touch()
        endless(models, progress, show)
    return "built"


@dataclass(frozen=True)
class Call:
    """A request to call a function of this module."""

    function: Callable[..., object]
    arguments: tuple = ()
    wanted: tuple = ()

    def wants(self) -> tuple:
        return self.wanted

    def facts(self) -> dict[str, str]:
        return {"tab": "calls"}

    def run(self, work: Work) -> object:
        return self.function(work.models, work.progress, work.show, *self.arguments)


def run(visitor: str | None, tab: str, function, *arguments, wanted: tuple = ()):
    return session.run(visitor, tab, lambda: Call(function, arguments, wanted))


def last(*job):
    return list(run(uuid.uuid4().hex, TAB, *job))[-1]


def together(count: int, job) -> list:
    """The results of a job for several visitors at once."""
    results = []
    visitors = [
        threading.Thread(target=lambda i=i: results.append(list(run(str(i), TAB, job))[-1].value)) for i in range(count)
    ]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    return results


def until(events, *stages: str) -> None:
    """Hear a job up to one of these stages."""
    while getattr(next(events), "stage", "") not in stages:
        pass


def gone(process: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet is a zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_progress_partial_results_and_the_result_in_order() -> None:
    begun, *events = run("a", TAB, counting)
    assert isinstance(begun, session.Begun)
    events = [event for event in events if getattr(event, "stage", "counting") == "counting"]
    assert list(dict.fromkeys(events)) == [
        session.Step("counting", 1, 2),
        session.Partial("half"),
        session.Done("whole"),
    ]


def test_our_errors_are_shown_and_others_are_not() -> None:
    assert last(ours) == session.Failed("The clip is silent.", "AudioError")
    for job, kind in ((theirs, "OSError"), (without_form, "AttributeError")):
        failed = last(job)
        assert "secret" not in failed.message and "reference" in failed.message and failed.kind == kind
    failed = last(lambda models, progress, show: "no function of a module")
    assert "reference" in failed.message


def test_the_worker_has_its_threads_and_a_folder_for_each_job() -> None:
    process, count, folder = last(itself).value
    assert process != os.getpid() and count == threads.threads() and not Path(folder).exists()
    again = last(itself).value
    assert again[0] == process and again[2] != folder


def test_the_worker_has_the_servers_settings_whatever_the_environment_says(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASRQUANT_THREADS", "many")  # which would be an error, were it read there
    monkeypatch.setattr(settings, "_given", given := Settings(threads=2, exports=tmp_path, public=True))
    process = worker.Worker()
    try:
        while process.hear(60) is not True:
            pass
        process.give("1", str(tmp_path), Call(what_it_was_given))
        while not isinstance(event := process.hear(60), Done | Failed):
            pass
        assert event == Done((given, PUBLIC, 2))
    finally:
        process.kill()


def test_cancel_stops_the_work_and_leaves_the_worker_as_it_is(monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    caplog.set_level(logging.INFO, logger="asrquant")  # what is printed where this fails
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 20)  # a busy machine may need longer than 1.5 s for a step
    process = last(itself).value[0]
    for job in (endless, large_model):  # the second reports nothing while a forward pass goes on
        events = run("b", TAB, job)
        until(events, "working", "measuring")
        session.cancel("b")
        assert list(events)[-1] == session.Failed("Cancelled.", "Cancelled")
    assert last(itself).value[0] == process


def test_leaving_stops_the_work() -> None:
    events = run("c", TAB, endless)
    until(events, "working")
    events.close()
    started = time.monotonic()
    assert last(counting) == session.Done("whole")
    assert time.monotonic() - started < 5


def heard_in_a_thread(events) -> tuple[threading.Thread, list]:
    """Whoever listens to a job that has begun to work, and what is heard from then on."""
    until(events, "working")
    rest: list = []
    listener = threading.Thread(target=lambda: rest.extend(events))
    listener.start()
    return listener, rest


def test_a_newer_job_on_the_same_tab_has_the_screen_to_itself() -> None:
    first, rest = heard_in_a_thread(run("d", TAB, endless))
    second = run("d", TAB, counting)
    assert next(second) == session.Begun(session.running("d", TAB).id)
    assert list(second)[-1] == session.Done("whole")
    first.join()
    assert rest[-1] == session.Replaced() and not any(isinstance(event, session.Failed) for event in rest)
    assert session.running("d", TAB) is None


def test_what_a_newer_job_says_comes_after_what_is_on_its_way_already(monkeypatch) -> None:
    """Gradio fetches the next message once the one before is on its way, and prepares those of two jobs side by side."""
    monkeypatch.setattr(session, "_PATIENCE", 2.0)  # as here nobody fetches what the second says next
    first, second = run("a", TAB, counting), run("a", TAB, itself)
    assert isinstance(next(first), session.Begun)
    said: list[object] = []
    newer = threading.Thread(target=lambda: said.append(next(second)))
    newer.start()
    while session.running("a", TAB).request.function is not itself:
        time.sleep(0.01)
    newer.join(0.3)
    assert said == []
    assert [type(event) for event in first] == [session.Replaced]
    newer.join(60)
    assert isinstance(said[0], session.Begun)
    second.close()


def test_a_job_that_is_stopped_by_one_on_another_tab_says_so() -> None:
    first, rest = heard_in_a_thread(run("d", TAB, endless))
    assert list(run("d", "Modules", counting))[-1] == session.Done("whole")
    first.join()
    assert "on the tab Modules" in rest[-1].message and rest[-1].kind == "Cancelled"
    kept, rest = heard_in_a_thread(run("d", "Benchmark", keeping))
    assert list(run("d", TAB, counting))[-1] == session.Done("whole")
    kept.join()
    assert rest[-1].value == "what is done" and "on the tab Compare" in rest[-1].note


def test_a_second_click_is_none_but_a_click_after_cancel_is_one(monkeypatch) -> None:
    monkeypatch.setattr(session, "_PATIENCE", 0.2)  # as here one thread fetches for several screens
    first, rest = heard_in_a_thread(run("d", TAB, endless))
    assert list(run("d", TAB, endless)) == [session.Replaced()]
    session.cancel("d")
    again = run("d", TAB, endless)
    until(again, "working")
    first.join()
    assert rest[-1] == session.Replaced()  # nor does it say "Cancelled." over the newer one
    session.cancel("d")
    assert list(again)[-1] == session.Failed("Cancelled.", "Cancelled")
    assert list(run("d", TAB, counting))[-1] == session.Done("whole")
    assert list(run("d", TAB, counting)) == [session.Replaced()]  # a second click on what was done at once
    monkeypatch.setattr(session, "_SECOND_CLICK", 0.0)
    for event in run("d", TAB, counting):
        if isinstance(event, session.Done):  # whoever sees the result may ask again
            assert list(run("d", TAB, counting))[-1] == session.Done("whole")


def test_a_job_is_stopped_for_the_first_reason() -> None:
    events = run("d", TAB, endless)
    until(events, "working")
    session.stop(session.running("d", TAB), "The clip is gone.")
    session.cancel("d")
    assert list(events)[-1].message == "The clip is gone."


def test_a_programs_jobs_wait_for_each_other() -> None:
    ends: list = []
    jobs = [threading.Thread(target=lambda: ends.append(list(run(None, TAB, interval))[-1].value)) for _ in range(3)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    ends.sort()
    assert len(ends) == 3 and all(end <= begun for (_, end), (begun, _) in pairwise(ends))


def test_never_two_jobs_at_once_and_one_model_for_equal_requests() -> None:
    intervals = sorted(together(5, interval))
    assert all(end <= begun for (_, end), (begun, _) in pairwise(intervals))
    assert len(set(together(2, identity))) == 1


def test_a_time_limit_keeps_what_is_done_and_says_so(monkeypatch) -> None:
    monkeypatch.setattr(supervisor, "policy", lambda: replace(PUBLIC, seconds_per_request=0.2))
    failed, done = last(endless), last(keeping)
    assert "longer than the 0 s" in failed.message and done == session.Done("what is done", failed.message)


def test_building_has_a_limit_of_its_own_and_work_another(monkeypatch) -> None:
    limits = replace(PUBLIC, seconds_per_request=2.0, seconds_per_build=None)  # also for a machine that is busy
    monkeypatch.setattr(supervisor, "policy", lambda: limits)
    assert last(building, 2.5) == session.Done("built")
    monkeypatch.setattr(supervisor, "policy", lambda: replace(limits, seconds_per_build=0.2))
    failed = last(building)
    assert "Loading and building this model took longer than the 0 s" in failed.message and "are kept" in failed.message
    monkeypatch.setattr(supervisor, "policy", lambda: replace(limits, seconds_per_build=60.0))
    assert "that a request has" in last(endless).message


def test_a_build_that_another_visitor_waits_for_goes_on_and_no_further(tmp_path) -> None:
    mark = tmp_path / "built"
    first, rest = heard_in_a_thread(run("i", TAB, building, 2.0, str(mark)))
    second = run("j", TAB, itself, wanted=(MODEL,))
    until(second, "waiting for a turn, 1 before you")
    asked_at = time.monotonic()
    session.cancel("i")
    first.join()
    assert (
        rest[-1] == session.Failed("Cancelled.", "Cancelled") and time.monotonic() - asked_at < 1 and not mark.exists()
    )
    assert isinstance(list(second)[-1], session.Done) and mark.exists()  # by the worker that went on, and then stopped


def test_a_build_stops_once_nobody_waits_for_it(tmp_path) -> None:
    first, _ = heard_in_a_thread(run("i", TAB, building))
    waiting = [run(name, TAB, itself, wanted=(wanted,)) for name, wanted in (("j", MODEL), ("k", Wanted("an4")))]
    for each in waiting:
        next(each)
        next(each)
    session.cancel("i")
    first.join()
    time.sleep(0.5)
    assert session.supervisor.health()["worker"] == "busy"
    left_at = time.monotonic()
    waiting[0].close()  # who else is in the line wants another model
    assert isinstance(list(waiting[1])[-1], session.Done) and time.monotonic() - left_at < supervisor.GRACE_SECONDS + 2


def test_who_waits_is_told_and_a_full_line_refuses(monkeypatch) -> None:
    monkeypatch.setattr(session.supervisor, "places", 1)
    first, second = run("e", TAB, endless), run("f", TAB, endless)
    until(first, "waiting for a turn", "starting", "working")
    next(second)
    assert "1 before you" in next(second).stage
    refused = last(counting)
    assert "busy" in refused.message and "try again" in refused.message
    session.cancel("f")
    assert list(second)[-1].message == "Cancelled."
    first.close()


def test_the_log_tells_of_each_request_but_not_what_was_said(caplog, examples) -> None:
    clip = str(examples[0].path)

    def ask(**values) -> CompareRequest:
        asked = {"clip": clip, "preset": PRESETS["original"], "model": "an4", "decoder": "ngram", "runs": 1}
        return CompareRequest(**{**asked, **values})

    with caplog.at_level(logging.INFO, logger="asrquant"):
        for values in ({"reference": "NGRAM IS A SECRET"}, {"decoder": "a secret"}, {"clip": "/secret/clip.wav"}):
            assert isinstance(
                list(session.run("l", TAB, lambda values=values: ask(**values)))[-1], session.Done | session.Failed
            )
        last(ours)
    lines = [record.getMessage() for record in caplog.records if record.name == "asrquant.jobs.log"]
    begun, done, refused, _, gone, _, failed = lines[-7:]  # a former test may have left one
    assert re.fullmatch("start request=[0-9a-f]{8} tab=compare model=an4 preset=original decoder=ngram", begun)
    assert re.search(r"decoder=ngram outcome=done waited=\d+\.\d{3} worked=\d+\.\d{3} audio=\d+\.\d{3}$", done)
    assert re.fullmatch("refused request=[0-9a-f]{8} error=DecoderError", refused)
    assert "outcome=failed" in gone and "error=AudioError" in gone and "error=AudioError" in failed
    assert "secret" not in "".join(lines).lower()


def test_what_is_refused_says_so_at_once_and_has_the_screen() -> None:
    first, rest = heard_in_a_thread(run("d", TAB, endless))
    asked = {"clip": None, "preset": PRESETS["original"], "model": "an4", "decoder": "greedy", "runs": 1}
    begun, failed = session.run("d", TAB, lambda: CompareRequest(**asked))
    assert isinstance(begun, session.Begun) and failed.kind == "AudioError" and "no clip yet" in failed.message
    first.join()
    assert rest[-1] == session.Replaced()


def test_cancel_in_nncf_where_nothing_is_reported() -> None:
    clip = example_clips()[0]
    request = CompareRequest(
        clip=clip.path,
        preset=PRESETS["openvino-int8-accurate"],
        reference=clip.reference,
        model="an4",
        decoder="greedy",
        runs=1,
    )
    events = session.run("h", TAB, lambda: request)
    before = None
    for event in events:  # a step that is said again: NNCF is at work on its own
        if event == before and event.stage == "calibrating":
            break
        before = event
    asked_at = time.monotonic()
    session.cancel("h")
    assert list(events)[-1].message == "Cancelled."
    assert time.monotonic() - asked_at < supervisor.GRACE_SECONDS + 2
    assert session.supervisor.health()["worker"] != "busy"


def test_a_job_that_does_not_listen_is_killed_with_all_that_is_its() -> None:
    events = run("g", TAB, deaf, "somewhere")
    name, child, worker = next(event for event in events if isinstance(event, session.Partial)).value
    assert Path(name).exists() and not gone(child)
    asked_at = time.monotonic()
    session.cancel("g")
    assert list(events)[-1].message == "Cancelled."
    assert time.monotonic() - asked_at < supervisor.GRACE_SECONDS + 2
    assert gone(child) and gone(worker) and not Path(name).exists()
