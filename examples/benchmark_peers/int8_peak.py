"""How far the preset openvino-int8 is from what this processor's int8 units could do, with the arithmetic.

python examples/benchmark_peers/int8_peak.py --shape large [--seconds 5 15] [--rounds 5]
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time

import numpy as np
import torch
from run import speech
from shapes import SHAPES
from torch.utils.flop_counter import FlopCounterMode

import asrquant
from asrquant.base import terminal
from asrquant.engines.openvino.encoder import OpenVinoEncoder, as_saved, openvino
from asrquant.measure.compare import this_machine

PRODUCTS = ((512, 1024, 4096), (512, 4096, 1024), (2048, 2048, 2048))
"""Rows, inputs, outputs: those of the feed-forward layers at 10 s, and a square one."""
REPEATS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=tuple(SHAPES), default="large")
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 15])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    original = SHAPES[args.shape]()
    fast = asrquant.quantize(original, "openvino-int8")
    products = [product(*shape) for shape in PRODUCTS]
    with torch.no_grad():
        for seconds, wave in speech(args.seconds).items():
            with FlopCounterMode(display=False) as counter:
                original.encoder(wave)
            needed = counter.get_total_flops()
            eager, ours = in_turns(args.rounds, (original.encoder, wave), (fast.encoder, wave))
            best = max(speed(*each) for each in products)
            print(
                f"{args.shape}, {seconds:g} s: {needed / 1e9:.0f} GOP of products; an int8 product alone runs at up to "
                f"{best / 1e12:.2f} TOP/s, so they take {needed / best * 1e3:.0f} ms at least; openvino-int8 takes "
                f"{ours * 1e3:.0f} ms ({needed / ours / 1e12:.2f} TOP/s, {needed / best / ours:.0%} of that), eager float32 "
                f"{eager * 1e3:.0f} ms: {eager / ours:.2f} x faster, of {eager / (needed / best):.2f} x at most."
            )
    print(this_machine(fast.backend))


def product(rows: int, inputs: int, outputs: int) -> tuple[OpenVinoEncoder, torch.Tensor, int]:
    """A product in int8, its input, and its number of operations."""
    import nncf  # after asrquant, as it asks for a home folder when it is imported

    nncf.set_log_level(logging.ERROR)
    noise = torch.randn(rows, inputs)
    model = openvino().convert_model(torch.nn.Linear(inputs, outputs), example_input=noise)
    quantized = nncf.quantize(model, nncf.Dataset([np.ascontiguousarray(noise)]))
    return OpenVinoEncoder(as_saved(quantized), "auto"), noise, 2 * rows * inputs * outputs


def speed(run: OpenVinoEncoder, noise: torch.Tensor, operations: int) -> float:
    """Operations a second in the fastest of some runs, copies of input and output included."""
    taken = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        run(noise)
        taken.append(time.perf_counter() - begun)
    return operations / min(taken)


def in_turns(rounds: int, *runs: tuple) -> list[float]:
    """Median seconds of each (function, input); one round before they count."""
    taken: list[list[float]] = [[] for _ in runs]
    for turn in range(-1, rounds):
        for (run, wave), times in zip(runs, taken, strict=True):
            begun = time.perf_counter()
            run(wave)
            if turn >= 0:
                times.append(time.perf_counter() - begun)
    return [statistics.median(times) for times in taken]


if __name__ == "__main__":
    terminal.prepare()
    main()
