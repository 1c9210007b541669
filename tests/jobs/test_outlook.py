"""What is said of the time that a build still takes: measured steps, at the speed of this machine."""

from __future__ import annotations

from asrquant import PRESETS, custom
from asrquant.jobs.outlook import Outlook, steps
from asrquant.ui.render import progress_bar

EXPECTED = {"converting": 40.0, "calibrating": 100.0, "compiling": 10.0}


def said(*reports: tuple[float, str, int, int], expected=EXPECTED) -> list[str]:
    """What is handed on of (time, stage, done, total)."""
    heard: list[str] = []
    now = [0.0]
    outlook = Outlook(expected, lambda stage, done, total: heard.append(stage), lambda: now[0])
    for when, *report in reports:
        now[0] = when
        outlook(*report)
    return heard


def test_before_anything_is_known_the_measured_times_hold() -> None:
    assert said((0, "converting", 0, 1)) == ["converting, about 2 min left"]
    assert said((0, "converting", 0, 1), expected={"converting": 40.0}) == ["converting, about 40 s left"]


def test_a_machine_of_half_the_speed_takes_twice_as_long() -> None:
    heard = said(
        (0, "converting", 0, 1), (80, "calibrating", 0, 10), (180, "calibrating", 5, 10), (281, "compiling", 0, 1)
    )
    assert heard[1:] == ["calibrating, about 4 min left", "calibrating, about 2 min left", "compiling, about 20 s left"]


def test_steps_that_were_finished_another_time_do_not_count_as_speed() -> None:
    assert said((0, "calibrating", 0, 10), (50, "calibrating", 5, 10))[1] == "calibrating, about 60 s left"


def test_of_a_few_seconds_and_of_what_nobody_expects_nothing_is_said() -> None:
    assert said((0, "compiling", 0, 1), (0, "validating, trial 1", 3, 36), (1, "calibrating", 0, 0))[:2] == [
        "compiling", "validating, trial 1"
    ]  # fmt: skip


def test_the_page_says_it_after_the_count() -> None:
    assert "<span>calibrating 3/10, about 2 min left</span>" in progress_bar("calibrating, about 2 min left", 3, 10)


def test_every_step_of_a_build_is_known(an4) -> None:
    """A step that is called otherwise one day would be one that nobody expects."""
    from asrquant import quantize

    for preset in (
        PRESETS["dynamic-int8"],
        custom({}, base="mixed-int8", calibration_clips=1),
        PRESETS["openvino-fp32"],
        custom({}, base="onnx-int8", calibration_clips=1),
    ):
        stages: list[str] = []
        quantize(an4, preset, progress=lambda stage, done, total, stages=stages: stages.append(stage))
        assert [stage for stage in dict.fromkeys(stages) if stage in steps(preset)] == list(steps(preset))
    assert list(steps(PRESETS["openvino-int8"])) == [
        "converting to OpenVINO", "checking what was converted", "preparing to calibrate", "calibrating",
        "correcting biases, layer", "compiling",
    ]  # fmt: skip
    assert steps(PRESETS["openvino-int8-accurate"]) == {} == steps(PRESETS["original"])
