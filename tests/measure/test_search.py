"""A search for mixtures: what it tries, that it resumes to the same front, and that what it names is what it measured."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

import asrquant
from asrquant.audio.clip import Audio
from asrquant.base.errors import Cancelled, DatasetError, PresetError, SearchError
from asrquant.cli import main
from asrquant.engines.workshop import Workshop
from asrquant.measure.divergence import kl_divergence
from asrquant.measure.intervals import Interval, Speedup
from asrquant.measure.search.bench import Paired
from asrquant.measure.search.checking import recommended
from asrquant.measure.search.found import Checked, Found, Limits, Point, named_point, read_found, write_found
from asrquant.measure.search.plan import Budget, Plan
from asrquant.measure.search.searching import search
from asrquant.measure.search.seeds import chosen
from asrquant.measure.search.space import Space, space_of
from asrquant.measure.search.study import Study
from asrquant.measure.search.trial import Measured, Trial, front
from asrquant.model.engine_settings import OnnxRuntime, OpenVino, TorchEager
from asrquant.model.presets import PRESETS, Calibration, Preset, custom
from asrquant.model.recognizer import Recognizer
from asrquant.show.search import about_search, points_figure, recommendation, search_table

ROOT = Path(__file__).parents[2]
TRIALS, STOPPED = 20, 18


def recorded(original: Recognizer, mixture: Recognizer, clips: Sequence[Audio], step: Callable[[], None]) -> Paired:
    """A clock that always says the same of the same mixture."""
    digest = hashlib.sha256(repr(mixture.preset.settings).encode()).digest()
    return Paired((1.0,) * 5, (0.3 + digest[0] / 256,) * 5)


QUICK = Plan(
    Budget(trials=TRIALS), clips=2, engines=("torch_eager",), draw=Calibration(1), limits=Limits(max_nats=0.0003)
)


@pytest.fixture(scope="module")
def clips() -> tuple[asrquant.Utterance, ...]:
    return asrquant.example_clips()[:5]


@dataclass(frozen=True)
class Unbroken:
    found: Found
    store: Path
    trials: tuple[Trial, ...]


@pytest.fixture(scope="module")
def unbroken(greedy, clips, tmp_path_factory) -> Unbroken:
    store, seen = tmp_path_factory.mktemp("search") / "found.db", []
    found = search(greedy, clips, QUICK, store, clock=recorded, watch=seen.append)
    return Unbroken(found, store, seen[-1])


def without_times(found: Found) -> Found:
    return replace(found, minutes=0.0)


def test_one_that_was_stopped_goes_on_to_the_same_front(greedy, clips, unbroken, tmp_path) -> None:
    store, done = tmp_path / "found.db", 0

    def count(seen: tuple[Trial, ...]) -> None:
        nonlocal done
        done = len(seen)

    def stop(stage: str, at: int, of: int) -> None:
        if done >= STOPPED:  # in the midst of a trial that was sampled
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        search(greedy, clips, QUICK, store, clock=recorded, progress=stop, watch=count)

    def never(*_: object) -> Paired:
        measured.append(_)
        return recorded(*_)  # type: ignore[arg-type]

    measured: list[object] = []
    found = search(greedy, clips, QUICK, store, resume=True, clock=never)
    assert without_times(found) == without_times(unbroken.found)
    again = len(measured)
    search(greedy, clips, QUICK, store, resume=True, clock=never)
    checks = sum(point.checked is not None for point in found.points)
    assert (
        again == TRIALS - STOPPED + 2 * checks and len(measured) - again == 2 * checks
    )  # what is stored is not measured again


def test_what_is_proposed_follows_from_what_was_measured(greedy, clips, unbroken) -> None:
    """Each sampled trial is what a study proposes that has nothing but the trials before it."""
    done = unbroken.trials
    space = space_of(greedy, engines=QUICK.engines)
    sampled = [trial for trial in done if trial.origin == "sampled"]
    assert len(sampled) >= 2
    for trial in sampled:
        study = Study(space, QUICK.seed, {}, None, False)
        for before in done[: trial.number]:
            study.add(before)
        proposed = study.propose()
        assert proposed and proposed.choices == trial.choices and proposed.preset.settings == trial.preset.settings


def test_it_begins_with_each_part_alone_and_the_presets(greedy, clips, unbroken) -> None:
    done = unbroken.trials
    origins = [trial.origin for trial in done]
    assert origins[0] == "original" and origins[1] == "alone: feature_extractor, static"
    assert [origin.startswith("alone") for origin in origins[:9]] == [False, *[True] * 7, False]
    assert {"dynamic-int8", "mixed-int8-first-float"} <= set(origins) and origins[-1] == "sampled"
    assert len({trial.preset.settings for trial in done}) == len(done)


def test_a_point_is_the_preset_that_was_measured(greedy, clips, unbroken) -> None:
    quantized = [each for each in unbroken.trials if each.preset.engine and "static" in each.preset.summary]
    tried = quantized[-1]
    made = asrquant.quantize(greedy, tried.preset)
    assert tried.measured and made.size_bytes() == tried.measured.bytes
    step = len(clips) / QUICK.clips
    seen = [clips[round(index * step)].audio() for index in range(QUICK.clips)]
    nats = torch.cat([kl_divergence(greedy.log_probs(c), made.log_probs(c)) for c in seen])
    assert float(nats.mean()) == tried.measured.nats


def test_the_parts_of_a_workshop_are_those_of_the_engine(greedy, clips) -> None:
    audio = clips[0].audio()
    mixtures = [
        {"head": "dynamic", "ctc_output": "static"},
        {"ctc_output": "static"},  # with other ranges, as nothing before it is quantized
    ]
    with Workshop() as workshop:
        for schemes in mixtures:
            preset = custom(schemes, calibration_clips=1)
            shared = asrquant.quantize(greedy, preset, shelf=workshop)
            assert torch.equal(shared.log_probs(audio), asrquant.quantize(greedy, preset).log_probs(audio))


@pytest.mark.long
@pytest.mark.parametrize("name", ["onnx-int8", "openvino-int8", "mixed-int8-first-float", "everything-int8"])
def test_each_engine_answers_as_without_a_workshop(greedy, clips, name: str) -> None:
    audio, preset = clips[0].audio(), PRESETS[name]
    expected = asrquant.quantize(greedy, preset).log_probs(audio)
    with Workshop() as workshop:
        for _ in range(2):
            assert torch.equal(asrquant.quantize(greedy, preset, shelf=workshop).log_probs(audio), expected)


def test_named_presets_are_mixtures_too(greedy) -> None:
    space = space_of(greedy)
    for name, preset in PRESETS.items():
        choices = space.as_chosen(preset.settings) if preset.settings and not preset.needs_validation else None
        if choices is None:
            continue
        made = chosen(space, "", choices).preset.settings
        if isinstance(preset.settings, TorchEager):
            assert isinstance(made, TorchEager), name
            same = ("observer", "per_channel", "dynamic_dtype", "ignored")
            assert all(getattr(made, each) == getattr(preset.settings, each) for each in same), name
            assert set(made.dynamic) == set(preset.settings.dynamic) and set(made.static) == set(preset.settings.static)
        if isinstance(preset.settings, OpenVino | OnnxRuntime):
            assert isinstance(made, type(preset.settings)) and made.int8 == preset.settings.int8, name
            assert made.int8 in ("none", False) or set(made.ignored) == set(preset.settings.ignored), name


def test_all_layers_are_called_by_their_role(greedy) -> None:
    space = space_of(greedy, layers=True, engines=["torch_eager"])
    everything = space.preset(lambda name, there: "dynamic" if "dynamic" in there else there[0])
    assert "transformer_layers" in everything.dynamic and not [each for each in everything.dynamic if "layers." in each]
    first = space.preset(lambda name, there: "dynamic" if name.endswith("layers.0") else there[0])
    assert first.dynamic == (f"{greedy.roles.transformer_layers}.0",)


def trial(number: int, nats: float, share: float, size: int) -> Trial:
    return Trial(number, "", (), Preset(f"{number}", ""), Measured(nats, 0.0, (1.0,), (share,), size))


def test_the_front_is_what_no_other_beats() -> None:
    tried = [
        trial(0, 0.0, 1.0, 10), trial(1, 0.1, 0.5, 5), trial(2, 0.2, 0.5, 5), trial(3, 0.2, 0.4, 9), trial(4, 0.1, 0.5, 5),
        replace(trial(5, 0.0, 0.1, 1), measured=None),
    ]  # fmt: skip
    assert [each.number for each in front(tried)] == [3, 1, 0]


def checked(nats: float, speed: float, size: int, worse: float | None = 0.0) -> Checked:
    change = None if worse is None else Interval(min(0.0, worse), worse)
    return Checked(
        nats, Interval(nats, nats), worse, change, Speedup(speed, Interval(speed - 0.01, speed + 0.01)), size
    )


def test_the_smallest_of_the_fastest_that_hold_is_recommended() -> None:
    def point(found: Checked | None) -> Point:
        return Point(1, "", Preset("p", ""), Measured(0.0, 0.0, (1.0,), (1.0,), 1), found)

    points = [
        point(checked(0.02, 4.0, 1)), point(checked(0.001, 3.0, 9)), point(checked(0.001, 2.8, 5, 1.0)),
        point(checked(0.001, 2.0, 2)), point(None),
    ]  # fmt: skip
    assert recommended(points, Limits(max_nats=0.01)) == 3  # nine tenths of the fastest one's speed, and smaller
    assert recommended(points, Limits(max_nats=0.01, max_drop=0.5)) == 2
    assert recommended(points, Limits(max_nats=1e-6)) is None
    assert recommended([point(checked(0.001, 2.0, 2, None))], Limits(max_drop=0.5)) is None  # no words, no promise


def test_what_was_found_is_a_file_of_presets(unbroken, tmp_path) -> None:
    found, path = unbroken.found, tmp_path / "mine.json"
    write_found(found, path)
    assert read_found(path) == found
    for number, each in enumerate(found.points, start=1):
        preset = named_point(f"{path}#{number}")
        assert preset == replace(each.preset, name=f"mine-{number}")
    assert named_point("dynamic-int8") is None
    if found.recommended:
        assert named_point(f"{path}#") == found.preset(name="mine")
    with pytest.raises(PresetError, match=f"has no point 99; it has 1 to {len(found.points)}"):
        named_point(f"{path}#99")
    with pytest.raises(SearchError, match="cannot be read"):
        named_point(f"{tmp_path / 'other.json'}#1")
    said = json.loads(path.read_text())
    for wrong in ({**said, "points": 3}, {**said, "recommended": 99}, [], {**said, "format_version": "1"}):
        path.write_text(json.dumps(wrong))
        with pytest.raises(SearchError, match="no result of 'asrquant search'"):
            read_found(path)


def test_table_chart_and_sentences_say_the_same(unbroken) -> None:
    found = unbroken.found
    table, figure = search_table(found), points_figure(found)
    assert len(table) == len(found.points) == sum(len(trace.x) for trace in figure.data)
    assert f"{found.trials} trials" in about_search(found)
    if found.recommended:
        assert f"point {found.recommended}," in recommendation(found) and table["#"][found.recommended - 1].endswith(
            "*"
        )
    nothing = replace(found, recommended=None)
    assert recommendation(nothing).startswith("Nothing is recommended")


def test_what_cannot_be_searched_is_said(greedy, clips, unbroken, tmp_path) -> None:
    with pytest.raises(SearchError, match="needs an end"):
        Budget()
    with pytest.raises(DatasetError, match="has 5 clips"):
        search(greedy, clips, Plan(Budget(trials=1)))
    with pytest.raises(SearchError, match="holds a search already"):
        search(greedy, clips, QUICK, unbroken.store, clock=recorded)
    with pytest.raises(SearchError, match=r"another one \(seed: '1337' there, '7' here\)"):
        search(greedy, clips, replace(QUICK, seed=7), unbroken.store, resume=True, clock=recorded)
    with pytest.raises(SearchError, match="no search in none"):
        search(greedy, clips, QUICK, tmp_path / "none.db", resume=True)
    (tmp_path / "text.db").write_text("no database at all, but long enough to be looked at")
    with pytest.raises(SearchError, match="cannot be used"):
        search(greedy, clips, QUICK, tmp_path / "text.db", resume=True)
    with pytest.raises(PresetError, match="no engine 'abacus'"):
        space_of(greedy, engines=["abacus"])


def test_an_exhausted_space_ends_the_search(greedy) -> None:
    space = Space(("torch_eager",), space_of(greedy, engines=["torch_eager"]).parts[-1:], ("auto",))
    study = Study(space, 1, {}, None, False)
    for number in range(100):
        if (asked := study.propose()) is None:
            break
        measured = Measured(0.1, 0.0, (1.0,), (1.0,), 1)
        study.add(Trial(number, asked.origin, asked.choices, asked.preset, measured))
    ways = {each.preset.settings for each in study.trials}
    assert study.propose() is None and 8 <= len(ways) == len(study.trials) < 20


@pytest.mark.long
def test_one_that_was_killed_goes_on(tmp_path) -> None:
    """With this machine's clock: what was measured stays, and what follows from it is what would have followed."""
    out = tmp_path / "found.json"
    command = [
        sys.executable,
        "-m",
        "asrquant",
        "search",
        "--decoder",
        "greedy",
        "--engine",
        "torch_eager",
        "--out",
        str(out),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, "--trials", "16"], env=environment)
    import sqlite3

    def stored() -> int:
        try:
            with sqlite3.connect(f"file:{out.with_suffix('.db')}?mode=ro", uri=True) as base:
                return int(base.execute("select count(*) from trials").fetchone()[0])
        except sqlite3.Error:
            return 0

    while stored() < 12:
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(0.7)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = stored()
    assert subprocess.run([*command, "--trials", "16", "--resume"], env=environment).returncode == 0
    assert before < 16 == read_found(out).trials == stored()


@pytest.mark.long
def test_from_the_terminal(tmp_path, capsys, examples) -> None:
    out = tmp_path / "found.json"
    asked = ["search", "--decoder", "greedy", "--engine", "torch_eager", "--trials", "3", "--out", str(out)]
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert "3 trials" in said and out.with_suffix(".html").is_file()
    assert main(asked) == 2 and "--resume" in capsys.readouterr().err
    assert main(["compare", "--decoder", "greedy", "--preset", f"{out}#1", "--runs", "1", str(examples[0].path)]) == 0
    assert "found-1" in capsys.readouterr().out
    assert main(["compare", "--preset", f"{out}#77", str(examples[0].path)]) == 2
    assert "no point 77" in capsys.readouterr().err
