"""Encoders of the same shape in different engines: one run, one machine, the same threads and clips, in turns.

python examples/benchmark_peers/run.py --shape large --out build/peers [--seconds 2 5 15 30 60] [--only NAME ...]

Writes results.json, table.md and chart.html. A peer that does not run is listed with the reason that it gave.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from shapes import embedded, large

import asrquant
from asrquant import Recognizer
from asrquant.audio import SAMPLE_RATE
from asrquant.compare import this_machine
from asrquant.text import markdown

Run = Callable[[torch.Tensor], object]
FIRST = "EncoderASR float32, eager"


def preset(name: str, **openvino: object) -> Callable[[Recognizer], tuple[Run, int]]:
    def make(original: Recognizer) -> tuple[Run, int]:
        chosen = asrquant.PRESETS[name]
        if openvino:
            chosen = replace(chosen, openvino=replace(chosen.openvino, **openvino))
        quantized = asrquant.quantize(original, chosen)
        return quantized.encoder, quantized.size_bytes()

    return make


def eager(original: Recognizer) -> tuple[Run, int]:
    return original.encoder, original.size_bytes()


def eager_bf16(original: Recognizer) -> tuple[Run, int]:
    import copy

    encoder = copy.deepcopy(original.encoder).bfloat16()
    return lambda wave: encoder(wave.bfloat16()), original.size_bytes() // 2


def compiled(original: Recognizer) -> tuple[Run, int]:
    return torch.compile(original.encoder, dynamic=True), original.size_bytes()


@contextmanager
def layer_norm_written_out() -> Iterator[None]:
    """ONNX's exporter refuses a layer norm over a length that is not fixed; mean and variance written out it takes."""
    functional = torch.nn.functional
    original = functional.layer_norm

    def norm(x: torch.Tensor, shape: list[int], weight=None, bias=None, eps: float = 1e-5) -> torch.Tensor:
        if weight is not None:
            return original(x, shape, weight, bias, eps)
        dims = tuple(range(-len(shape), 0))
        centred = x - x.mean(dims, keepdim=True)
        return centred / (centred.square().mean(dims, keepdim=True) + eps).sqrt()

    functional.layer_norm = norm
    try:
        yield
    finally:
        functional.layer_norm = original


def onnx_runtime(int8: bool) -> Callable[[Recognizer], tuple[Run, int]]:
    def make(original: Recognizer) -> tuple[Run, int]:
        import tempfile

        import onnxruntime as ort

        folder = Path(tempfile.mkdtemp())
        path = folder / "encoder.onnx"
        with layer_norm_written_out():
            torch.onnx.export(
                original.encoder, (torch.randn(1, SAMPLE_RATE),), path, input_names=["wave"], output_names=["log_probs"],
                dynamic_axes={"wave": {0: "batch", 1: "time"}}, dynamo=False,
            )  # fmt: skip
        if int8:
            from onnxruntime.quantization import quantize_dynamic

            quantize_dynamic(path, folder / "int8.onnx", op_types_to_quantize=["MatMul"])
            path = folder / "int8.onnx"
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return lambda wave: session.run(None, {"wave": wave.numpy()}), path.stat().st_size

    return make


def torchao_int8(original: Recognizer) -> tuple[Run, int]:
    import copy

    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    encoder = copy.deepcopy(original.encoder)
    quantize_(encoder, Int8DynamicActivationInt8WeightConfig())
    return encoder, 0


PEERS: dict[str, Callable[[Recognizer], tuple[Run, int]]] = {
    FIRST: eager,
    "SpeechBrain's recipe (speechbrain-int8)": preset("speechbrain-int8"),
    "asrquant dynamic-int8": preset("dynamic-int8"),
    "eager bfloat16": eager_bf16,
    "torch.compile float32": compiled,
    "torchao int8 dynamic": torchao_int8,
    "ONNX Runtime float32": onnx_runtime(int8=False),
    "ONNX Runtime int8 dynamic": onnx_runtime(int8=True),
    "asrquant openvino-fp32": preset("openvino-fp32"),
    "asrquant openvino-bf16": preset("openvino-bf16"),
    "asrquant openvino-int8": preset("openvino-int8"),
    "asrquant openvino-int8, float parts in bf16": preset("openvino-int8", precision="bf16"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=("embedded", "large"), default="embedded")
    parser.add_argument("--seconds", type=float, nargs="+", default=[2, 5, 15, 30, 60])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=tuple(PEERS))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    original = (large if args.shape == "large" else embedded)()
    clips = speech(args.seconds)
    runs, facts, refused = build(original, [FIRST, *(name for name in args.only or PEERS if name != FIRST)])
    times = measure(runs, clips, args.rounds)
    args.out.mkdir(parents=True, exist_ok=True)
    write(args, facts, refused, times)


def speech(lengths: list[float]) -> dict[float, torch.Tensor]:
    """Waves [1, T] of the bundled examples one after the other."""
    samples = np.concatenate([utterance.audio().samples for utterance in asrquant.example_clips()])
    samples = np.tile(samples, -(-int(max(lengths) * SAMPLE_RATE) // len(samples)))
    return {seconds: torch.from_numpy(samples[None, : int(seconds * SAMPLE_RATE)].copy()) for seconds in lengths}


def build(original: Recognizer, names: list[str]) -> tuple[dict[str, Run], dict[str, dict], dict[str, str]]:
    runs, facts, refused = {}, {}, {}
    for name in names:
        start = time.perf_counter()
        try:
            with torch.inference_mode(False), torch.no_grad():
                run, size = PEERS[name](original)
            with torch.no_grad():
                run(torch.randn(1, 2 * SAMPLE_RATE))
        except Exception as error:  # whatever a peer raises is what is reported of it
            refused[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200] if str(error) else ''}"
            print("refused", name, refused[name], flush=True)
            continue
        runs[name], facts[name] = run, {"MB": size / 1e6, "build_seconds": time.perf_counter() - start}
        print(f"built {name} in {facts[name]['build_seconds']:.1f} s", flush=True)
        gc.collect()
    return runs, facts, refused


def measure(runs: dict[str, Run], clips: dict[float, torch.Tensor], rounds: int) -> dict[str, dict[float, list[float]]]:
    """Seconds of each run; in every round each peer has its turn, and the order is turned by one."""
    times: dict[str, dict[float, list[float]]] = {name: {seconds: [] for seconds in clips} for name in runs}
    names = list(runs)
    with torch.no_grad():
        for seconds, wave in clips.items():
            for name in names:
                runs[name](wave)
            for turn in range(rounds):
                for name in (*names[turn % len(names) :], *names[: turn % len(names)]):
                    start = time.perf_counter()
                    runs[name](wave)
                    times[name][seconds].append(time.perf_counter() - start)
            print(f"measured {seconds:g} s", flush=True)
    return times


def write(args: argparse.Namespace, facts: dict, refused: dict[str, str], times: dict) -> None:
    rows = []
    for name, by_length in times.items():
        row = {"engine": name, "MB": f"{facts[name]['MB']:.0f}" if facts[name]["MB"] else "n/a",
               "build (s)": f"{facts[name]['build_seconds']:.1f}"}  # fmt: skip
        for seconds, taken in by_length.items():
            ratio = statistics.median(a / b for a, b in zip(times[FIRST][seconds], taken, strict=True))
            rtf = statistics.median(taken) / seconds
            row[f"RTF at {seconds:g} s"] = f"{rtf:.4f} ({ratio:.2f} x)"
        rows.append(row)
    table = markdown(pd.DataFrame(rows))
    held = (
        f"Shape {args.shape}; {this_machine()}; the encoder alone, batch 1, bundled speech; each engine once before it "
        f"counts, then {args.rounds} rounds in turns, median; in brackets the median ratio to the first row, round by round."
    )
    reasons = "".join(f"- {name} did not run: {reason}\n" for name, reason in refused.items())
    (args.out / "table.md").write_text(f"{table}\n\n{held}\n\n{reasons}")
    (args.out / "results.json").write_text(json.dumps({"facts": facts, "refused": refused, "seconds": times}, indent=1))
    figure = go.Figure(
        [
            go.Scatter(
                x=list(by_length), y=[statistics.median(t) / s for s, t in by_length.items()], name=name,
                mode="lines+markers",
            )
            for name, by_length in times.items()
        ]
    )  # fmt: skip
    figure.update_layout(
        title=f"Encoder RTF by clip length, {args.shape} shape", xaxis_title="clip length (s)",
        yaxis_title="RTF (seconds of work a second of audio)", yaxis_type="log",
    )  # fmt: skip
    figure.write_html(args.out / "chart.html")
    print(f"\n{table}\n\n{held}\n{reasons}")


if __name__ == "__main__":
    main()
