"""What each setting of the preset openvino-int8 does, measured one at a time: divergence, WER, speed; and what the cache saves.

python examples/openvino_settings.py --data AN4/eval [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

import asrquant
import asrquant.engines.openvino.engine as engine
from asrquant import PRESETS, Recognizer
from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base import terminal
from asrquant.base.progress import silent
from asrquant.base.tables import markdown
from asrquant.base.turns import in_turn
from asrquant.data.reading import read_clips
from asrquant.engines.openvino.encoder import OpenVinoEncoder, convert, core
from asrquant.engines.openvino.int8 import quantize_model
from asrquant.measure.compare import this_machine
from asrquant.text.metrics import total_errors, word_errors

BASE = PRESETS["openvino-int8"]
CHANGES: dict[str, dict] = {
    "as it is": {},
    "SmoothQuant": {"smooth_quant": True},
    "ranges: mean of quantiles": {"ranges": "mean-quantile"},
    "CTC output in int8 too": {"ignored": ()},
    "positional convolution in float": {"ignored": ("ctc_output", "encoder.wav2vec2.model.encoder.pos_conv_embed")},
    "float parts in float32": {"precision": "f32"},
    "float parts in bfloat16": {"precision": "bf16"},
}
SEEDS = (1337, 1, 2)
SECONDS = (2, 5, 15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    greedy, ngram = asrquant.load("an4", decoder="greedy"), asrquant.load("an4")
    variants = {
        name: [asrquant.quantize(greedy, setting(change, seed)) for seed in SEEDS] for name, change in CHANGES.items()
    }
    encoders: dict[str, Callable] = {name: made[0].encoder for name, made in variants.items()}
    encoders["feature extractor not rewritten"] = not_rewritten(greedy)
    encoders["2 streams"] = streams(variants["as it is"][0].encoder.model, 2)
    first = next(iter(encoders))
    times = measure(encoders, args.rounds)
    quality = {name: accuracy(made, greedy, ngram, args.data) for name, made in variants.items()}
    rows = [
        {
            "openvino-int8": name,
            **quality.get(name, dict.fromkeys(quality[first], "not measured")),
            **ratios(times, name, first),
        }
        for name in encoders
    ]
    print(markdown(pd.DataFrame(rows)))
    print(
        f"\n{this_machine(variants[first][0].backend)}. Divergence and WER on {args.data.name}: means over calibrations with "
        f"the seeds {', '.join(map(str, SEEDS))}. Speed: the encoder on noise, {args.rounds} rounds in turns, median of the "
        "ratio to the first row (more is faster)."
    )
    print(f"\n{cache_gain(variants[first][0])}")


def setting(change: dict, seed: int) -> asrquant.Preset:
    return replace(BASE, settings=replace(BASE.settings, **change), calibration=replace(BASE.calibration, seed=seed))


def not_rewritten(original: Recognizer) -> OpenVinoEncoder:
    clips = [clip.audio() for clip in asrquant.calibration_clips(BASE.calibration.clips, BASE.calibration.seed)]
    model = quantize_model(convert(original.encoder), original, BASE.settings, clips, silent)
    return OpenVinoEncoder(engine.as_saved(model), "auto")


def streams(model: object, count: int) -> Callable:
    hints = {"NUM_STREAMS": count, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    request = core().compile_model(model, "CPU", hints).create_infer_request()
    return lambda wave: request.infer({0: wave.numpy()})


def measure(encoders: dict[str, Callable], rounds: int) -> dict[str, dict[int, list[float]]]:
    times: dict[str, dict[int, list[float]]] = {name: {seconds: [] for seconds in SECONDS} for name in encoders}
    names = list(encoders)
    for seconds in SECONDS:
        wave = torch.randn(1, seconds * SAMPLE_RATE)
        for turn in range(-1, rounds):
            for name in in_turn(names, turn):
                begun = time.perf_counter()
                encoders[name](wave)
                if turn >= 0:
                    times[name][seconds].append(time.perf_counter() - begun)
    return times


def ratios(times: dict[str, dict[int, list[float]]], name: str, first: str) -> dict[str, str]:
    def ratio(seconds: int) -> float:
        return statistics.median(a / b for a, b in zip(times[first][seconds], times[name][seconds], strict=True))

    return {f"speed at {seconds} s": f"{ratio(seconds):.2f} x" for seconds in SECONDS}


def accuracy(made: list[Recognizer], greedy: Recognizer, ngram: Recognizer, data: Path) -> dict[str, str]:
    divergences, greedy_wer, ngram_wer = [], [], []
    utterances = read_clips(data)
    for recognizer in made:
        errors, better = [], []
        for utterance in utterances:
            audio = utterance.audio()
            expected, found = greedy.log_probs(audio), recognizer.log_probs(audio)
            divergences.append(float((expected.exp() * (expected - found)).sum(-1).mean()))
            errors.append(word_errors(utterance.reference, greedy.decoder(found)))
            better.append(word_errors(utterance.reference, ngram.decoder(found)))
        greedy_wer.append(total_errors(errors).wer or 0.0)
        ngram_wer.append(total_errors(better).wer or 0.0)
    return {
        "KL divergence (nats a frame)": f"{statistics.mean(divergences):.4f}",
        "WER greedy (%)": f"{statistics.mean(greedy_wer):.1f}",
        "WER 3-gram (%)": f"{statistics.mean(ngram_wer):.1f}",
    }


def cache_gain(recognizer: Recognizer) -> str:
    """Compiling without and with the compiled model on disk, in turns."""
    model, plain, cached = recognizer.encoder.model, [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(6):
            for where, taken in (("", plain), (folder, cached)):
                begun = time.perf_counter()
                core().compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY", "CACHE_DIR": where})
                taken.append(time.perf_counter() - begun)
    return (
        f"Compiling: {statistics.median(plain):.2f} s; read back from the cache: {statistics.median(cached[1:]):.2f} s."
    )


if __name__ == "__main__":
    terminal.prepare()
    main()
