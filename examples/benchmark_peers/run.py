"""Encoders of the same shape in different engines: one run, one machine, the same threads and clips, in turns.

python examples/benchmark_peers/run.py --shape large --out build/peers-large [--seconds 2 5 15 30 60] [--only NAME ...]

Each engine has a process of its own, so that none pays for another's memory or threads; one works at a time. Where they do
not fit into memory together, --groups 2 runs them in two groups, the first row in each of them. Writes
results.json, table.md and chart.html. A peer that does not run is listed with the reason that it gave. The peers' own
packages: pip install onnx onnxruntime torchao ctranslate2
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import multiprocessing
import time
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from peers import FIRST, PEERS
from shapes import SHAPES
from tables import Measured, Times, write

import asrquant
from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base import terminal
from asrquant.base.turns import in_turn
from asrquant.measure.deployment import peak_starts_anew, resident_bytes

SHORT = 15.0
"""Seconds; longer clips take a round less."""
PAUSE = 0.2
"""Seconds between turns, in which threads that wait for work by spinning give up."""


@dataclass
class Peer:
    """An engine at work in its own process."""

    name: str
    process: multiprocessing.Process
    pipe: Connection

    def ask(self, question: object) -> object:
        """Send a question and wait for its answer.

        Raises:
            RuntimeError: the engine failed, or its process ended.
        """
        time.sleep(PAUSE)
        self.pipe.send(question)
        try:
            answer = self.pipe.recv()
        except EOFError:
            self.process.join()
            raise RuntimeError(f"its process ended with status {self.process.exitcode}") from None
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=tuple(SHAPES), default="embedded")
    parser.add_argument("--seconds", type=float, nargs="+", default=[2, 5, 15, 30, 60])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--groups", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=tuple(PEERS))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    SHAPES[args.shape]()  # made once, before anybody needs it
    others = [name for name in args.only or PEERS if name != FIRST]
    facts, refused, times, ratios = {}, {}, {}, {}
    for group in range(args.groups):
        peers, its_facts, its_refused = start([FIRST, *others[group :: args.groups]], args.shape, args.seconds)
        found = measure(peers, args.seconds, args.rounds, its_refused)
        for name, peer in peers.items():
            if name not in its_refused:
                its_facts[name]["peak_MB"] = peer.ask(("peak", 15.0))
                ratios[name] = against(found[FIRST], found[name])
                times.setdefault(name, found[name])
            peer.pipe.close()
        facts, refused = {**its_facts, **facts}, {**refused, **its_refused}
        args.out.mkdir(parents=True, exist_ok=True)  # after each group, so that nothing is lost
        order = [name for name in PEERS if name in times]
        measured = Measured(facts, refused, {n: times[n] for n in order}, {n: ratios[n] for n in order})
        write(args.out, args.shape, measured)


def against(slow: Times, fast: Times) -> Times:
    """How many times faster, round by round; in its group the first row ran in the same rounds."""
    return {seconds: [a / b for a, b in zip(slow[seconds], taken, strict=True)] for seconds, taken in fast.items()}


def start(
    names: list[str], shape: str, seconds: list[float]
) -> tuple[dict[str, Peer], dict[str, dict], dict[str, str]]:
    """Start one after the other; what does not start is refused with its reason."""
    context = multiprocessing.get_context("spawn")
    peers, facts, refused = {}, {}, {}
    for name in names:
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(name, shape, seconds, theirs), daemon=True)
        process.start()
        theirs.close()
        peer = Peer(name, process, ours)
        try:
            facts[name] = peer.ask("ready?")
        except RuntimeError as reason:
            refused[name] = str(reason)
            print(f"refused: {name}: {reason}", flush=True)
            continue
        peers[name] = peer
        print(f"built {name} in {facts[name]['build_seconds']:.1f} s", flush=True)
    return peers, facts, refused


def measure(peers: dict[str, Peer], lengths: list[float], rounds: int, refused: dict[str, str]) -> dict:
    """Seconds of each run; in every round each peer has its turn, and the order is turned by one. The first round warms up."""
    times: dict[str, dict[float, list[float]]] = {name: {seconds: [] for seconds in lengths} for name in peers}
    names = list(peers)
    for seconds in lengths:
        for turn in range(-1, rounds if seconds <= SHORT else max(2, rounds - 1)):
            for name in in_turn(names, turn):
                if name in refused:
                    continue
                try:
                    taken = peers[name].ask(("run", seconds))
                except RuntimeError as reason:
                    refused[name] = f"at {seconds:g} s: {reason}"
                    continue
                if turn >= 0:
                    times[name][seconds].append(taken)
        print(f"measured {seconds:g} s", flush=True)
    return times


def serve(name: str, shape: str, lengths: list[float], pipe: Connection) -> None:
    """The process of one engine: build it, then answer."""
    warnings.simplefilter("ignore")
    try:
        with torch.no_grad():
            clips = speech([*lengths, 15.0])
            original = SHAPES[shape]()
            begun = time.perf_counter()
            run, size = PEERS[name](original)
            run(torch.randn(1, 2 * SAMPLE_RATE))
            facts = {"MB": size / 1e6, "build_seconds": time.perf_counter() - begun}
            del original
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)
            pipe.recv()
            pipe.send(facts)
            while True:
                kind, seconds = pipe.recv()
                if kind == "peak":
                    peak_starts_anew()
                begun = time.perf_counter()
                run(clips[seconds])
                taken = time.perf_counter() - begun
                pipe.send((resident_bytes("VmHWM") or 0) / 1e6 if kind == "peak" else taken)
    except (EOFError, KeyboardInterrupt):
        return
    except Exception as error:  # whatever a peer raises is what is reported of it
        first = (str(error).strip() or "no message").splitlines()[0][:200]
        pipe.send(f"{type(error).__name__}: {first}")


def speech(lengths: list[float]) -> dict[float, torch.Tensor]:
    """Waves [1, T] of the bundled examples one after the other."""
    samples = np.concatenate([utterance.audio().samples for utterance in asrquant.example_clips()])
    samples = np.tile(samples, -(-int(max(lengths) * SAMPLE_RATE) // len(samples)))
    return {seconds: torch.from_numpy(samples[None, : int(seconds * SAMPLE_RATE)].copy()) for seconds in lengths}


if __name__ == "__main__":
    terminal.prepare()
    main()
