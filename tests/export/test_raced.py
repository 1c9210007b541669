"""Records of races: kept whole, found again on the same machine for the same model, and not believed where they are damaged."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

import asrquant
from asrquant import Recognizer
from asrquant.base.errors import Cancelled
from asrquant.cli import main
from asrquant.export import raced
from asrquant.measure import conditions
from asrquant.measure import race as racing
from asrquant.measure.conditions import here
from asrquant.measure.report import Interval
from asrquant.measure.winner import Race, Ran

FAST = "openvino-fp32"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASRQUANT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def found_here(name: str = FAST) -> Race:
    """A record as it would be of this machine, its times made up: no test races."""
    ran = (Ran("original", (1.0, 1.0), 0.0, 0.0, Interval(0, 0)), Ran(name, (0.5, 0.49), 0.001, 0.0, Interval(0, 0)))
    return Race("an4", "2026-11-26", here(), 10, 30.0, 36, ran, (), 50.0)


def test_kept_and_found(an4: Recognizer) -> None:
    assert raced.find(an4) is None and not raced.forget(an4) and raced.in_a_line(an4) == ""
    assert raced.keep(an4, found_here())
    assert raced.find(an4) == found_here()
    assert raced.keep(an4, found_here("dynamic-int8")) and raced.find(an4) == found_here("dynamic-int8")
    assert raced.in_a_line(an4).startswith("Fastest here, at equal accuracy: dynamic-int8, 2.0")
    assert raced.forget(an4) and raced.find(an4) is None


def test_of_another_model_or_machine(an4: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    raced.keep(an4, found_here())
    changed = asrquant.load("an4")
    with_other = next(changed.encoder.parameters())
    with_other.data = with_other.data + 1
    assert raced.find(changed) is None
    monkeypatch.setattr(conditions, "cpu_name", lambda: "another processor")
    assert raced.find(an4) is None


@pytest.mark.parametrize("damage", ["cut", "empty", "number", "key", "field", "kind", "binary", "folder"])
def test_a_damaged_one_is_not_believed(an4: Recognizer, damage: str, caplog) -> None:
    path = raced.keep(an4, found_here())
    assert path
    text = path.read_text()
    said = json.loads(text)
    if damage == "number":
        said["race"]["ran"][1]["seconds"][0] = 0.1
    elif damage == "key":
        said["key"] = "0" * 64
    elif damage == "field":
        del said["race"]["date"]
    elif damage == "kind":
        said["race"]["clips"] = "10"
    broken = {"cut": text[: len(text) // 2], "empty": "", "binary": "\0\1"}.get(damage, json.dumps(said))
    path.write_text(broken)
    if damage == "folder":
        path.unlink()
        path.mkdir()
    with caplog.at_level(logging.WARNING):
        assert raced.find(an4) is None
    assert damage == "folder" or "is not believed" in caplog.text
    if damage != "folder":
        assert raced.keep(an4, found_here()) and raced.find(an4) == found_here()


def test_one_of_another_machine_under_this_name(an4: Recognizer) -> None:
    """As if the digest of the conditions had lied."""
    other = replace(found_here(), conditions=replace(here(), processor="another"))
    raced.keep(an4, other)
    assert raced.find(an4) is None


def test_nowhere_to_keep_it(an4: Recognizer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ASRQUANT_CACHE", str(tmp_path / "file" / "cache"))
    assert raced.keep(an4, found_here()) is None and raced.find(an4) is None


def test_a_race_goes_on_where_it_was_stopped(an4: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it measured is not looked at: no test races."""
    monkeypatch.setattr(racing, "LEAST_ROUNDS", 3)
    monkeypatch.setattr(racing, "SECONDS", 0.0)
    monkeypatch.setattr(racing, "example_clips", lambda: asrquant.example_clips()[:1])
    monkeypatch.setattr(racing, "validation_clips", lambda: tuple(asrquant.data.bundled.validation_clips()[:2]))
    presets = [
        asrquant.PRESETS[name] for name in ("original", "dynamic-int8", "fused-static-int8", "openvino-int8-accurate")
    ]
    state, built = racing.Racing(), []

    def build(preset: asrquant.Preset) -> Recognizer:
        built.append(preset.name)
        return asrquant.quantize(an4, preset)

    def stop_in_the_second_round(stage: str, done: int, total: int) -> None:
        if stage == "timing, round" and done == 1:
            raise Cancelled("somebody waits")

    with pytest.raises(Cancelled):
        racing.race(an4, build, presets, stop_in_the_second_round, state)
    assert len(state.rounds) == 1
    found = racing.race(an4, build, presets, racing=state)
    assert built == ["dynamic-int8"] and [each.preset for each in found.ran] == ["original", "dynamic-int8"]
    assert {len(each.seconds) for each in found.ran} == {3} and found.ran[0].seconds[0] == state.rounds[0]["original"]
    original, dynamic = found.ran
    assert original.nats == 0 and original.flips == 0 and 0 < dynamic.nats < 0.001 and dynamic.equal
    assert {each.preset for each in found.left_out} == {"fused-static-int8", "openvino-int8-accurate"}
    assert "takes minutes" in next(each.reason for each in found.left_out if each.preset == "openvino-int8-accurate")


def test_the_command(an4: Recognizer, capsys) -> None:
    assert main(["machine"]) == 0
    out = capsys.readouterr().out
    assert "No race was run with an4 on this machine as it is now; --race runs one." in out
    assert here().processor in out and "threads       " in out and "openvino-int8" in out
    assert "not here      fused-static-int8" in out
    raced.keep(an4, found_here())
    assert main(["machine"]) == 0
    out = capsys.readouterr().out
    assert "openvino-fp32  2.02 x" in out and "Fastest here, at equal accuracy: openvino-fp32" in " ".join(out.split())
    assert main(["machine", "--forget"]) == 0 and "is removed" in capsys.readouterr().out
    assert raced.find(an4) is None


def test_compare_takes_the_winner_where_nobody_asks(an4: Recognizer, examples, capsys) -> None:
    clip = ["compare", str(examples[0].path), "--runs", "1", "--decoder", "greedy"]
    raced.keep(an4, found_here())
    assert main(clip) == 0
    printed = capsys.readouterr()
    assert "preset openvino-fp32, fastest here: 2.0 x (2026-11-26; --preset takes another)" in printed.err
    assert "\nopenvino-fp32 " in printed.out
    for asked in (["--preset", "dynamic-int8"], ["--set", "encoder.enc=float"]):
        assert main([*clip, *asked]) == 0
        assert "\ndynamic-int8" in (printed := capsys.readouterr()).out and "preset openvino" not in printed.err


def test_a_benchmark_shows_it_beside_its_own_figures(an4: Recognizer, tmp_path: Path, capsys) -> None:
    raced.keep(an4, found_here())
    command = ["benchmark", "--limit", "1", "--preset", "dynamic-int8", "--decoder", "greedy", "--no-deployment"]
    assert main([*command, "--out", str(tmp_path / "report")]) == 0
    said = "Fastest here, at equal accuracy: openvino-fp32, 2.02 x (2.00 to 2.04) the original"
    assert said in capsys.readouterr().out
    for name in ("report.html", "report.json"):
        assert said in (tmp_path / "report" / name).read_text()
