"""Which preset is chosen, from recorded times of several processors; nothing is timed here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from asrquant.measure.conditions import Conditions
from asrquant.measure.report import Interval
from asrquant.measure.winner import Race, Ran, choose, int8_worth, ranked, rivals, to_begin_with, verdict
from asrquant.show.race import mark, race_line, race_table

RACES = Path(__file__).parents[1] / "races"
ZEN3 = Conditions("AMD EPYC (Zen 3)", "x86_64", ("avx2", "fma"), "AVX2", ("FP32", "INT8"), 2, ())
ONCE = (0.98, 1.01, 1.0, 0.99, 1.02, 1.0, 1.0)
"""How the rounds of the table's ratios are spread here: it has medians alone."""


def ran(preset: str, ratio: float, nats: float = 0.0, spread: tuple[float, ...] = ONCE, worse: float = -0.5) -> Ran:
    """A preset that ran ``ratio`` times as fast as an original that takes a second."""
    return Ran(preset, tuple(each / ratio for each in spread), nats, 0.0, Interval(worse, worse + 1))


def a_race(conditions: Conditions, *others: Ran) -> Race:
    first = Ran("original", (1.0,) * len(ONCE), 0.0, 0.0, Interval(0, 0))
    return Race("an4", "2026-11-26", conditions, 10, 30.0, 36, (first, *others), (), 60.0)


def recorded(name: str) -> Race:
    """A record that ``asrquant machine --race`` wrote."""
    return TypeAdapter(Race).validate_json((RACES / f"{name}.json").read_bytes(), strict=True)


def test_ratios_of_a_zen_3_with_avx2() -> None:
    """Two threads, the embedded model, × eager and divergence, as another run on such a processor printed them."""
    presets = (
        ran("openvino-fp32", 1.5), ran("openvino-int8", 1.2, 0.0064), ran("onnx-fp32", 1.3),
        ran("onnx-dynamic-int8", 1.7, 0.0001), ran("onnx-int8", 2.1, 0.0009), ran("speechbrain-int8", 1.02, 0.9),
    )  # fmt: skip
    found = a_race(ZEN3, *presets)
    winner = choose(found)
    assert winner and winner.preset == "onnx-int8" and winner.speedup.median == pytest.approx(2.1, rel=0.01)
    assert mark(found) == "fastest here: 2.1 x"
    assert int8_worth(found).startswith("int8 pays in time here: onnx-int8 reached 1.40 x")
    assert "no instruction that multiplies and adds int8 (VNNI)" in int8_worth(found)
    without = a_race(ZEN3, *(each for each in presets if not each.preset.startswith("onnx")))
    assert choose(without) and choose(without).preset == "openvino-fp32"
    assert int8_worth(without).startswith("int8 does not pay in time here: openvino-int8 reached 0.80 x")


def test_what_a_page_on_quantization_begins_with() -> None:
    """The fastest int8 preset of equal accuracy, though float is faster; without one the winner; else nothing."""
    float_first = a_race(ZEN3, ran("openvino-fp32", 1.5), ran("openvino-int8", 1.2), ran("speechbrain-int8", 3.0, 0.9))
    assert choose(float_first) and choose(float_first).preset == "openvino-fp32"
    assert to_begin_with(float_first) == "openvino-int8"
    assert to_begin_with(a_race(ZEN3, ran("openvino-fp32", 1.5), ran("speechbrain-int8", 3.0, 0.9))) == "openvino-fp32"
    assert to_begin_with(a_race(ZEN3, ran("openvino-fp32", 0.9))) == ""
    assert to_begin_with(recorded("amx-1-thread")) == "openvino-int8"


def test_a_recorded_race_on_amx() -> None:
    """bfloat16 was ahead of int8, and their intervals overlapped."""
    found = recorded("amx-1-thread")
    assert found.steady and [each.preset for each in rivals(found)] == ["openvino-bf16", "openvino-int8"]
    assert choose(found) is None and verdict(found).startswith(
        "No clear winner here: the intervals of openvino-bf16 3.62 x"
    )
    assert {each.preset for each in ranked(found)} == {
        "original", "dynamic-int8", "dynamic-float16", "openvino-fp32", "openvino-bf16", "openvino-int8",
    }  # fmt: skip
    assert int8_worth(found) == (
        "int8 does not pay in time here: openvino-int8 reached 0.89 x (0.78 to 0.93) the speed of openvino-bf16, the first in "
        "float; this processor multiplies and adds int8 in one instruction (avx512_vnni, avx_vnni, amx_int8), and bfloat16 too "
        "(avx512_bf16, amx_bf16)."
    )
    without = replace(found, ran=tuple(each for each in found.ran if each.preset != "openvino-bf16"))
    winner = choose(without)
    assert winner and winner.preset == "openvino-int8" and mark(without) == "fastest here: 3.0 x"
    assert int8_worth(without).startswith("int8 pays in time here: openvino-int8 reached")


def test_a_recorded_race_with_avx2() -> None:
    """On the same machine, its libraries limited, int8 was slower than float."""
    found = recorded("avx2-1-thread")
    assert found.steady and found.conditions.int8_products == ()
    assert [each.preset for each in rivals(found)] == ["openvino-fp32", "openvino-int8"] and choose(found) is None
    assert int8_worth(found).startswith("int8 does not pay in time here: openvino-int8 reached 0.77 x (0.52 to 0.89)")
    assert int8_worth(found).endswith(
        "has no instruction that multiplies and adds int8 (VNNI), so a product takes three."
    )


def test_one_that_answers_otherwise_cannot_win() -> None:
    """The first convolution in int8 costs accuracy and makes it faster."""
    fast, near = ran("onnx-all-int8", 2.2, nats=0.057), ran("onnx-int8", 2.1, nats=0.0009)
    assert choose(a_race(ZEN3, fast, near)).preset == "onnx-int8"
    assert [each.preset for each in ranked(a_race(ZEN3, fast, near))] == ["onnx-int8", "original"]
    assert choose(a_race(ZEN3, ran("mine-int8", 3.0, worse=0.1))) is None  # its words are worse beyond chance
    unknown = replace(ran("mine-int8", 3.0), worse=None)  # the clips' words say nothing of the model
    assert choose(a_race(ZEN3, unknown)).preset == "mine-int8"


def test_intervals_that_overlap_have_no_winner() -> None:
    wide = (0.8, 1.2, 1.0, 0.9, 1.1, 0.85, 1.15)
    found = a_race(ZEN3, ran("openvino-int8", 2.2, spread=wide), ran("onnx-int8", 2.1), ran("dynamic-int8", 1.3))
    assert choose(found) is None and mark(found) == ""
    assert {each.preset for each in rivals(found)} == {"openvino-int8", "onnx-int8"}
    assert verdict(found).startswith("No clear winner here: the intervals of openvino-int8 2.2")
    assert "dynamic-int8" not in verdict(found)


def test_a_busy_machine_has_no_winner() -> None:
    found = a_race(ZEN3, ran("openvino-int8", 2.2))
    busy = replace(found.ran[0], seconds=(1.0, 1.0, 1.9, 2.4, 1.1, 3.0, 1.0))
    unsteady = replace(found, ran=(busy, *found.ran[1:]))
    assert found.steady and choose(found) and not unsteady.steady and choose(unsteady) is None
    assert "something else kept the machine busy, as the original's rounds took 1.00 to 3.00 s" in verdict(unsteady)
    one_slow_moment = replace(found, ran=(replace(busy, seconds=(1.0, 1.0, 1.0, 9.0, 1.0, 1.0, 1.0)), *found.ran[1:]))
    assert one_slow_moment.steady


def test_the_original_may_be_first() -> None:
    found = a_race(ZEN3, ran("dynamic-int8", 0.8), ran("openvino-fp32", 0.9))
    assert choose(found) is None and verdict(found) == "No preset of equal accuracy was faster here than the original."
    assert "dynamic-int8 reached 0.80 x" in int8_worth(found) and "speed of original" in int8_worth(found)
    assert int8_worth(a_race(ZEN3, ran("openvino-fp32", 2.0))) == "No int8 preset was as accurate as the original here."


def test_what_no_race_gives_is_refused() -> None:
    race = a_race(ZEN3, ran("dynamic-int8", 2.0))
    for wrong in (
        {"ran": race.ran[1:]},
        {"ran": (*race.ran, race.ran[1])},
        {"ran": (race.ran[0], replace(race.ran[1], seconds=(1.0,)))},
        {"ran": ()},
    ):
        with pytest.raises(ValueError):
            replace(race, **wrong)
    for seconds in ((), (0.0,), (-1.0,), (float("nan"),), (float("inf"),)):
        with pytest.raises(ValueError, match="the seconds of"):
            Ran("original", seconds, 0.0, 0.0, None)
    with pytest.raises(ValueError, match="divergence"):
        Ran("original", (1.0,), float("nan"), 0.0, None)
    as_json = TypeAdapter(Race)
    with pytest.raises(ValidationError):
        as_json.validate_json(as_json.dump_json(race).replace(b'"original"', b'"dynamic-int8"'))


def test_words_of_it() -> None:
    found = a_race(ZEN3, ran("onnx-int8", 2.1, 0.0009), ran("mixed-int8", 2.5, 0.04))
    assert race_line(found).endswith("A race on this machine with the model an4, 2026-11-26.")
    rows = race_table(found).to_dict("records")
    assert [row["preset"] for row in rows] == ["mixed-int8", "onnx-int8", "original"]  # by speed
    assert [row["equally accurate"] for row in rows] == ["no", "yes", "yes"]
    assert rows[2]["encoder speed-up"] == "1.00 x (1.00 to 1.00)"
