"""All presets on one clip: each beside the original, who won, and what is not named a winner."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asrquant import PRESETS, quantize
from asrquant.base.errors import Cancelled, PresetError
from asrquant.measure.lineup import ROUNDS, LineUp, Timed, line_up, winner
from asrquant.measure.machine import this_machine
from asrquant.show.lineup import lineup_figure, lineup_table, pareto, verdict


def timed(preset: str, seconds: float, changed: int = 0, size: int = 10_000_000) -> Timed:
    times = tuple(seconds * (1 + 0.002 * turn) for turn in range(ROUNDS))
    beside = tuple(0.1 * (1 + 0.002 * turn) for turn in range(ROUNDS))
    return Timed(preset, "A B", beside if preset == "original" else times, beside, changed, 2, None, size)


def made(*presets: Timed, **others) -> LineUp:
    every = (timed("original", 0.1, size=17_000_000), *presets)
    return replace(LineUp("an4", "greedy", "16 kHz", 2.0, None, "WER", every, (), this_machine()), **others)


def test_the_fastest_that_changed_no_word_wins() -> None:
    found = made(timed("fast", 0.02, changed=1), timed("good", 0.04, size=5_000_000), timed("fair", 0.06))
    first = winner(found)
    assert first and first.preset == "good" and first.speedup.median == pytest.approx(2.5)
    assert (
        verdict(found)
        == "good wins on this clip: 3.4 times smaller and 2.5 times as fast as the original, and no word changed."
    )
    assert [each.preset for each in pareto(found)] == ["fast", "good"]
    assert list(lineup_table(found)["preset"]) == ["fast", "good", "fair", "original"]
    assert len(lineup_figure(found).data) == 5


def test_no_winner_where_none_is_clear() -> None:
    near = made(timed("one", 0.05), timed("other", 0.05))
    assert winner(near) is None and "one and other are too near" in verdict(near)
    assert "was clearly faster here" in verdict(made(timed("slow", 0.2)))
    assert "was clearly faster here" in verdict(made(timed("wrong", 0.01, changed=2)))
    busy = made(timed("good", 0.04), undisturbed=False)
    assert winner(busy) is None and "kept the machine busy" in verdict(busy)


def test_it_runs_shows_each_turn_and_can_be_stopped(greedy, examples) -> None:
    shown: list[Timed] = []
    dynamic, failing = PRESETS["dynamic-int8"], PRESETS["static-int8"]

    def build(preset):
        if preset is failing:
            raise PresetError("It cannot be built.")
        return quantize(greedy, preset)

    found = line_up(greedy, [dynamic, failing], build, examples[1].audio(), examples[1].reference, watch=shown.append)
    assert [each.preset for each in found.timed] == ["original", "dynamic-int8"]
    assert [len(each.seconds) for each in shown] == [*range(1, ROUNDS + 1)] * 2
    assert (
        found.timed[0].speedup.median == 1
        and found.timed[1].text == quantize(greedy, dynamic).transcribe(examples[1].path).text
    )
    assert [each.reason for each in found.left_out] == ["It cannot be built."] and found.timed[1].errors

    def stop(stage: str, done: int, total: int) -> None:
        if "dynamic" in stage:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        line_up(greedy, [dynamic], build, examples[1].audio(), progress=stop)
