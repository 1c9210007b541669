"""What must stay float where ONNX Runtime quantizes statically: divergence, changed labels, bytes and speed of each choice.

PYTHONPATH=. python examples/onnx_float_layers.py [--model an4] [--calibration PATH] [--data PATH] [--rounds 15] > TABLE.md
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

import asrquant
from asrquant import PRESETS, OnnxRuntime, Recognizer
from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base import terminal
from asrquant.base.tables import markdown
from asrquant.base.turns import in_turn
from asrquant.data.bundled import validation_clips
from asrquant.engines.onnxruntime import int8
from asrquant.measure.compare import this_machine
from asrquant.measure.divergence import kl_divergence
from asrquant.model.engine_settings import FIRST_CONVOLUTION
from asrquant.model.presets import Preset

LEFT_FLOAT: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "first convolution": (FIRST_CONVOLUTION,),
    "feature extractor": ("feature_extractor",),
    "CTC output": ("ctc_output",),
    "first convolution, CTC output": (FIRST_CONVOLUTION, "ctc_output"),
    "first convolution, feature projection": (FIRST_CONVOLUTION, "feature_projection"),
    "first convolution, head": (FIRST_CONVOLUTION, "head"),
}
SECONDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="an4")
    parser.add_argument("--calibration", type=Path, help="clips of the model's own kind; the bundled ones are for an4")
    parser.add_argument("--data", type=Path, help="clips to measure on (default: the bundled ones for validation)")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    original = asrquant.load(args.model, decoder="greedy")
    clips = asrquant.read_clips(args.data) if args.data else validation_clips()
    made = {"float32, eager": original, "float32": asrquant.quantize(original, "onnx-fp32")}
    for bits in (7, 8):
        with weights_of(bits):
            made["dynamic", "", bits] = asrquant.quantize(original, "onnx-dynamic-int8")
            for left, ignored in LEFT_FLOAT.items():
                preset = statically(ignored)
                made["static", left, bits] = asrquant.quantize(original, preset, args.calibration)
    times = measure(made, args.rounds)
    print(f"Processor: {this_machine('ONNX Runtime')}. Made on {datetime.date.today()}.\n")
    print(markdown(pd.DataFrame([row(name, made[name], original, clips, times) for name in made])))
    print(
        f"\nModel {original.source}; divergence and labels on {len(clips)} clips; speed: the encoder on {SECONDS} s of noise, "
        f"{args.rounds} rounds in turns, median of the ratio to eager float32 (more is faster)."
    )


def statically(ignored: tuple[str, ...]) -> Preset:
    return replace(PRESETS["onnx-int8"], settings=OnnxRuntime(int8="static", ignored=ignored))


@contextmanager
def weights_of(bits: int) -> Iterator[None]:
    before, int8.REDUCE_RANGE = int8.REDUCE_RANGE, bits == 7
    try:
        yield
    finally:
        int8.REDUCE_RANGE = before


def measure(made: dict, rounds: int) -> dict[object, list[float]]:
    wave = torch.randn(1, SECONDS * SAMPLE_RATE)
    times: dict[object, list[float]] = {name: [] for name in made}
    with torch.inference_mode():
        for turn in range(-1, rounds):
            for name in in_turn(list(made), turn):
                begun = time.perf_counter()
                made[name].encoder(wave)
                if turn >= 0:
                    times[name].append(time.perf_counter() - begun)
    return times


def row(name, made: Recognizer, original: Recognizer, clips, times: dict[object, list[float]]) -> dict[str, str]:
    kind, left, bits = name if isinstance(name, tuple) else (name, "", "")
    nats, changed = [], []
    for clip in clips:
        expected, found = (recognizer.log_probs(clip.audio()) for recognizer in (original, made))
        nats.append(kl_divergence(expected, found))
        changed.append(expected.argmax(-1) != found.argmax(-1))
    first = next(iter(times.values()))
    return {
        "int8": kind,
        "left float": left,
        "bits of weights": str(bits),
        "KL divergence (nats a frame)": f"{torch.cat(nats).mean():.5f}",
        "other label": f"{torch.cat(changed).float().mean():.2%}",
        "MB": f"{made.size_bytes() / 1e6:.2f}",
        "RTF": f"{statistics.median(times[name]) / SECONDS:.4f}",
        "speed": f"{statistics.median(a / b for a, b in zip(first, times[name], strict=True)):.2f} x",
    }


if __name__ == "__main__":
    terminal.prepare()
    main()
