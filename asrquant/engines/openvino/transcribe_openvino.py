"""Transcribe a clip with the model in this folder: ``python transcribe.py clip.wav``. Needs openvino and soundfile only."""

import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

sys.modules["openvino_telemetry"] = None  # nothing phones home, nor is a home folder needed, which an account may lack
import openvino

FOLDER = Path(__file__).resolve().parent
RATE = 16_000


def load() -> tuple[openvino.CompiledModel, dict[str, Any]]:
    """The model, and what its outputs mean, once their sha256 are right."""
    manifest = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    for name, entry in manifest["files"].items():
        if hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() != entry["sha256"]:
            sys.exit(f"{name} is not the file that manifest.json describes; download the artifact again.")
    decoder = json.loads((FOLDER / "decoder.json").read_text(encoding="utf-8"))
    hints = {"PERFORMANCE_HINT": "LATENCY"}
    if (precision := manifest["preset"]["settings"]["precision"]) != "auto":
        hints["INFERENCE_PRECISION_HINT"] = precision
    model = openvino.Core().compile_model(FOLDER / manifest["model_file"], "CPU", hints)
    return model, decoder


def main(clip: str) -> None:
    """Print what is said in the clip: the best output of every frame, repeats and blanks removed (greedy CTC)."""
    model, decoder = load()
    texts, blank = decoder["texts"], decoder["blank_index"]
    samples, rate = soundfile.read(clip, dtype="float32", always_2d=True)
    wave = samples.mean(1)
    if rate != RATE:  # band-limited: the spectrum cut or padded to the new rate
        length = round(len(wave) * RATE / rate)
        wave = (np.fft.irfft(np.fft.rfft(wave), n=length) * (length / len(wave))).astype(np.float32)
    best = model(wave[None])[0][0].argmax(-1)
    best = best[np.insert(best[1:] != best[:-1], 0, True)]
    text = "".join(texts[index] for index in best if index != blank)
    for mark in decoder.get("punctuation", ""):  # one space before it goes away
        text = text.replace(" " + mark, mark)
    print(" ".join(text.split()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python transcribe.py clip.wav")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal without the model's letters shows their codes
        sys.stdout.reconfigure(errors="backslashreplace")
    main(sys.argv[1])
