"""Whether an engine changes another's figures: each preset in a process of its own against all of them clip by clip in one.

PYTHONPATH=. python examples/alone_and_together.py --out build/together

Alone, a preset has a process to itself, and the other presets' processes are stopped (SIGSTOP) while it is timed. Together is
what `asrquant benchmark` does: one process, all presets on each clip before the next one. Rounds of both alternate. Each figure
is a median over rounds; a ratio well below 1 in the last column says that this preset ran slower beside the others.
Writes table.md and results.json. Needs a system with SIGSTOP (Linux, macOS).
"""

from __future__ import annotations

import argparse
import datetime
import multiprocessing
import os
import signal
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pandas as pd
from results import write_results

import asrquant
from asrquant.base import terminal
from asrquant.base.turns import in_turn
from asrquant.data.bundled import validation_clips
from asrquant.jobs.threads import cpus
from asrquant.measure.conditions import here
from asrquant.measure.race import left_out_because
from asrquant.measure.winner import ORIGINAL
from asrquant.model.presets import PRESETS
from asrquant.model.recognizer import Recognizer


@dataclass(frozen=True)
class Timed:
    """Seconds of the encoder over the clips, a figure a preset."""

    seconds: dict[str, float]


@dataclass(frozen=True)
class Found:
    """A preset's seconds, a figure a round, in a process of its own and in one with all others."""

    preset: str
    alone: tuple[float, ...]
    together: tuple[float, ...]


class Runner:
    """A process with some presets, which stands still unless it is asked to run them.

    Raises:
        RuntimeError: from any method; the process failed, and how.
    """

    def __init__(self, model: str, presets: Sequence[str], clips: int, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=serve, args=(model, presets, clips, threads, theirs), daemon=True
        )
        self._process.start()
        theirs.close()
        self._heard()  # warm
        self._send(signal.SIGSTOP)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.join()

    def run(self, turn: int) -> Timed:
        """Wake up, run the presets once over the clips, and stop again."""
        self._send(signal.SIGCONT)
        self._pipe.send(turn)
        timed = self._heard()
        self._send(signal.SIGSTOP)
        return timed

    def _send(self, what: signal.Signals) -> None:
        assert self._process.pid
        os.kill(self._process.pid, what)

    def _heard(self) -> Timed:
        try:
            said = self._pipe.recv()
        except EOFError:
            raise RuntimeError("a process ended by itself") from None
        if not isinstance(said, Timed):
            raise RuntimeError(said)
        return said


def serve(model: str, presets: Sequence[str], clips: int, threads: int, pipe: Connection) -> None:
    """The process: as `asrquant benchmark` runs them, clip by clip, each preset before the next clip."""
    try:
        import torch

        torch.set_num_threads(threads)
        original = asrquant.load(model).with_decoder("greedy")
        ready = [original if name == ORIGINAL else asrquant.quantize(original, name) for name in presets]
        heard = validation_clips()[:clips]

        def once(recognizers: Sequence[Recognizer]) -> Timed:
            rows = asrquant.benchmark(recognizers, heard).rows
            seconds = dict.fromkeys((each.preset.name for each in ready), 0.0)
            for row in rows:
                seconds[row.preset] += row.encoder_seconds
            return Timed(seconds)

        once(ready)
        pipe.send(Timed({}))
        while True:
            pipe.send(once(in_turn(ready, pipe.recv())))
    except EOFError:  # whoever asked is gone
        return
    except Exception as error:  # whatever is raised is what is reported
        pipe.send(f"{type(error).__name__}: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="an4")
    parser.add_argument(
        "--preset", action="append", metavar="P", help="may be repeated (default: all that can run and build quickly)"
    )
    parser.add_argument("--clips", type=int, default=12, help="of the validation clips (default 12)")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--threads", type=int, default=cpus(), help="of each process (default: all cores)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    original = asrquant.load(args.model)
    chosen = args.preset or [
        each.name for each in PRESETS.values() if each.engine and not left_out_because(each, original)
    ]
    names = [ORIGINAL, *(name for name in chosen if name != ORIGINAL)]
    found = measure(args.model, names, args.clips, args.rounds, args.threads)
    held = (
        f"Model {original.named}, {args.clips} clips, {args.rounds} rounds, {args.threads} threads, "
        f"{datetime.date.today().isoformat()}, {here()}; {', '.join(here().libraries)}."
    )
    write_results(args.out, table(found), held, found)


def measure(model: str, names: Sequence[str], clips: int, rounds: int, threads: int) -> list[Found]:
    """Rounds of each preset alone and of all together, in changing order."""
    runners: dict[str, Runner] = {}
    alone: dict[str, list[float]] = {name: [] for name in names}
    together: dict[str, list[float]] = {name: [] for name in names}
    try:
        for name in names:
            print(f"building {name}", flush=True)
            runners[name] = Runner(model, [name], clips, threads)
        print("building all in one process", flush=True)
        runners[""] = Runner(model, names, clips, threads)
        for turn in range(rounds):
            for name in in_turn([*names, ""], turn * (len(names) // rounds + 1)):
                time.sleep(0.2)  # what was woken up last has stopped for good
                seconds = runners[name].run(turn).seconds
                for preset, took in seconds.items():
                    (alone if name else together)[preset].append(took)
            print(f"round {turn + 1} of {rounds}", flush=True)
    finally:
        for runner in runners.values():
            runner.close()
    return [Found(name, tuple(alone[name]), tuple(together[name])) for name in names]


def table(found: Sequence[Found]) -> pd.DataFrame:
    """A row a preset: speed-up over the original both ways, and the preset's own time alone by that together."""
    first = found[0]
    rows = []
    for each in found:
        rows.append(
            {
                "preset": each.preset,
                "alone, speed": f"{_ratio(first.alone, each.alone):.2f} x",
                "together, speed": f"{_ratio(first.together, each.together):.2f} x",
                "its own time, alone / together": f"{_ratio(each.alone, each.together):.2f}",
            }
        )
    return pd.DataFrame(rows)


def _ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Median over rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(numerators, denominators, strict=True))


if __name__ == "__main__":
    terminal.prepare()
    main()
