"""How far the preset openvino-int8 is from what this processor's int8 units could do, with the arithmetic.

python examples/benchmark_peers/int8_peak.py --shape large [--seconds 5 15] [--rounds 5]
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time

import nncf
import numpy as np
import torch
from run import speech
from shapes import SHAPES
from torch.utils.flop_counter import FlopCounterMode

import asrquant
from asrquant.audio import SAMPLE_RATE
from asrquant.compare import this_machine
from asrquant.engines.openvino.encoder import OpenVinoEncoder, as_saved, convert

ROWS, OUTPUTS = 4096, 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=tuple(SHAPES), default="large")
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 15])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    original = SHAPES[args.shape]()
    fast = asrquant.quantize(original, "openvino-int8")
    product, operations = large_product()
    with torch.no_grad():
        for seconds, wave in speech(args.seconds).items():
            with FlopCounterMode(display=False) as counter:
                original.encoder(wave)
            needed = counter.get_total_flops()
            eager, ours, peak = in_turns(
                args.rounds, *((run, wave) for run in (original.encoder, fast.encoder)), product
            )
            best = operations / peak
            print(
                f"{args.shape}, {seconds:g} s: {needed / 1e9:.0f} GOP of products; one large int8 product runs at "
                f"{best / 1e12:.2f} TOP/s, so they take {needed / best * 1e3:.0f} ms at least; openvino-int8 takes "
                f"{ours * 1e3:.0f} ms ({needed / ours / 1e12:.2f} TOP/s, {needed / best / ours:.0%} of that), eager float32 "
                f"{eager * 1e3:.0f} ms: {eager / ours:.2f} x faster, of {eager / (needed / best):.2f} x at most."
            )
    print(this_machine(fast.backend))


def large_product() -> tuple:
    """A [ROWS, SAMPLE_RATE] x [SAMPLE_RATE, OUTPUTS] product in int8, and its number of operations."""
    nncf.set_log_level(logging.ERROR)
    noise = torch.randn(ROWS, SAMPLE_RATE)
    model = nncf.quantize(convert(torch.nn.Linear(SAMPLE_RATE, OUTPUTS)), nncf.Dataset([np.ascontiguousarray(noise)]))
    return (OpenVinoEncoder(as_saved(model), "auto"), noise), 2 * ROWS * SAMPLE_RATE * OUTPUTS


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
    main()
