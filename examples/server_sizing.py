"""For who sizes a server: each preset's speed by threads, its throughput with several streams at once, and its memory a stream.

PYTHONPATH=. python examples/server_sizing.py --out build/sizing

Each preset is exported once, and every process loads the artifact, as a server would. Streams are processes with one thread
each, or threads of one process, each with an encoder of its own and one thread. The bundled clips go round. Writes table.md,
results.json and chart.html. Memory is read from /proc, so it is Linux that tells it.
"""

from __future__ import annotations

import argparse
import datetime
import multiprocessing
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from results import write_results

import asrquant
from asrquant.base import terminal
from asrquant.jobs.threads import cpus
from asrquant.measure.conditions import here
from asrquant.measure.deployment import peak_starts_anew, resident_bytes

PRESETS = ("original", "dynamic-int8", "openvino-fp32", "openvino-int8")
ALONE, PROCESSES, THREADS = "one stream", "processes", "threads of one process"
_POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "ASRQUANT_THREADS")
"""Read when a process starts."""


@dataclass(frozen=True)
class Plan:
    """An arrangement of streams.

    Attributes:
        kind: one of the three.
        processes: at once.
        streams: in each of them.
        threads: of each stream.
    """

    kind: str
    processes: int
    streams: int
    threads: int


@dataclass(frozen=True)
class Told:
    """What one process did: seconds of audio, seconds that it took, memory at its peak and its share of it."""

    audio: float
    took: float
    peak_bytes: int
    own_bytes: int


@dataclass(frozen=True)
class Found:
    """An arrangement, measured.

    Attributes:
        preset: its name.
        plan: the arrangement.
        speed: seconds of audio a second, of all streams together.
        memory_a_stream: bytes, Python and its libraries included; shared pages are divided among those who share them.
    """

    preset: str
    plan: Plan
    speed: float
    memory_a_stream: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="an4")
    parser.add_argument(
        "--preset", action="append", metavar="P", help=f"may be repeated (default: {', '.join(PRESETS)})"
    )
    parser.add_argument("--decoder", default="greedy", help="default greedy")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each arrangement (default 10)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    cores, names = cpus(), args.preset or PRESETS
    plans = [Plan(ALONE, 1, 1, threads) for threads in sorted({1, min(2, cores), cores})]
    plans += [Plan(PROCESSES, cores, 1, 1), Plan(THREADS, 1, cores, 1)] if cores > 1 else []
    found: list[Found] = []
    original = asrquant.load(args.model)
    with tempfile.TemporaryDirectory() as room:
        for name in names:
            artifact = asrquant.export(asrquant.quantize(original, name), folder=room)
            for plan in plans:
                found.append(measure(name, artifact.folder, plan, args.decoder, args.seconds))
                print(
                    f"{name}: {found[-1].plan.kind}, {plan.threads} thread(s) a stream: {found[-1].speed:.0f} x",
                    flush=True,
                )
    held = (
        f"Model {original.named}, decoder {args.decoder}, {datetime.date.today().isoformat()}, {here()}, {cores} cores; "
        f"{', '.join(here().libraries)}; {args.seconds:g} s an arrangement, the bundled clips in turns."
    )
    chart(found).write_html(args.out / "chart.html")
    write_results(args.out, table(found, cores), held, found)


def measure(preset: str, folder: Path, plan: Plan, decoder: str, seconds: float) -> Found:
    """Start the processes of an arrangement, let all begin at once, and sum up what they did.

    Raises:
        RuntimeError: a process failed; says how.
    """
    context = multiprocessing.get_context("spawn")
    before = {name: os.environ.get(name) for name in _POOLS}
    os.environ.update(dict.fromkeys(_POOLS, str(plan.threads)))
    workers, pipes = [], []
    try:
        for _ in range(plan.processes):
            ours, theirs = context.Pipe()
            workers.append(context.Process(target=serve, args=(folder, plan, decoder, seconds, theirs), daemon=True))
            workers[-1].start()
            theirs.close()
            pipes.append(ours)
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    for pipe in pipes:
        _heard(pipe)  # warm
    for pipe in pipes:
        pipe.send("go")
    told = [_heard(pipe) for pipe in pipes]
    for pipe, worker in zip(pipes, workers, strict=True):
        pipe.send("end")  # once all have looked at their memory
        worker.join()
    speed = sum(each.audio / each.took for each in told)
    return Found(preset, plan, speed, sum(each.own_bytes for each in told) / (plan.processes * plan.streams))


def _heard(pipe: Connection) -> Told:
    try:
        said = pipe.recv()
    except EOFError:
        raise RuntimeError("a process ended by itself") from None
    if not isinstance(said, Told):
        raise RuntimeError(said)
    return said


def serve(folder: Path, plan: Plan, decoder: str, seconds: float, pipe: Connection) -> None:
    """A process: its streams, each with a recognizer of its own."""
    try:
        import torch

        torch.set_num_threads(plan.threads)
        clips = [clip.audio() for clip in asrquant.example_clips()]
        recognizers = [asrquant.load_artifact(folder).with_decoder(decoder) for _ in range(plan.streams)]
        for recognizer in recognizers:
            for clip in clips:  # engines prepare themselves for each length
                recognizer.transcribe(clip)
        pipe.send(Told(0, 0, 0, 0))
        pipe.recv()
        peak_starts_anew()
        done = [0.0] * plan.streams
        begun = time.perf_counter()

        def stream(index: int) -> None:
            turn = index
            while time.perf_counter() - begun < seconds:
                clip = clips[turn % len(clips)]
                recognizers[index].transcribe(clip)
                done[index] += clip.seconds
                turn += 1

        streams = [threading.Thread(target=stream, args=(index,)) for index in range(plan.streams)]
        for each in streams:
            each.start()
        for each in streams:
            each.join()
        took = time.perf_counter() - begun
        pipe.send(Told(sum(done), took, resident_bytes("VmHWM") or 0, _proportional_bytes()))
        pipe.recv()
    except Exception as error:  # whatever is raised is what is reported
        pipe.send(f"{type(error).__name__}: {error}")


def _proportional_bytes() -> int:
    """Resident memory, of which pages that several processes share count in part (PSS)."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def table(found: list[Found], cores: int) -> pd.DataFrame:
    """A row a preset: speeds, hours of audio a core and hour where all cores are at work, memory a stream."""
    rows = []
    for name in dict.fromkeys(each.preset for each in found):
        mine = [each for each in found if each.preset == name]
        together = [
            each for each in mine if each.plan.threads == 1 and each.plan.processes * each.plan.streams == cores
        ]
        # Nothing but what takes all cores: several streams, or one with all threads.
        busy = [each for each in mine if each.plan.threads * each.plan.processes * each.plan.streams == cores]
        best = max(busy, key=lambda each: each.speed)
        rows.append(
            {
                "preset": name,
                **{_column(each.plan): f"{each.speed:.0f}" for each in mine},
                "hours of audio a core and hour": f"{best.speed / cores:.0f}",
                **{f"MB a stream, {each.plan.kind}": f"{each.memory_a_stream / 1e6:.0f}" for each in together},
            }
        )
    return pd.DataFrame(rows)


def _column(plan: Plan) -> str:
    if plan.kind == ALONE:
        return f"one stream, {plan.threads} thread{'s' * (plan.threads > 1)}"
    return f"{plan.processes * plan.streams} {plan.kind}"


def chart(found: list[Found]) -> go.Figure:
    """Seconds of audio a second, a group a preset, a bar an arrangement."""
    columns = list(dict.fromkeys(_column(each.plan) for each in found))
    figure = go.Figure(
        [
            go.Bar(
                name=column,
                x=[each.preset for each in found if _column(each.plan) == column],
                y=[each.speed for each in found if _column(each.plan) == column],
            )
            for column in columns
        ]
    )
    return figure.update_layout(
        title="Throughput by arrangement of streams", yaxis_title="seconds of audio a second, all streams", barmode="group",
        template="plotly_white", height=560, legend={"orientation": "h", "y": -0.15},
    )  # fmt: skip


if __name__ == "__main__":
    terminal.prepare()
    main()
