"""Transcribe a clip with the model in this folder: ``python transcribe.py clip.wav``. Needs torch and soundfile only."""

import hashlib
import io
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import soundfile
import torch

FOLDER = Path(__file__).resolve().parent
RATE = 16_000


def load() -> tuple[torch.jit.ScriptModule, dict[str, Any]]:
    """The model, and what its outputs mean, once their sha256 are right."""
    manifest = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    for name, entry in manifest["files"].items():
        if hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() != entry["sha256"]:
            sys.exit(f"{name} is not the file that manifest.json describes; download the artifact again.")
    decoder = json.loads((FOLDER / "decoder.json").read_text(encoding="utf-8"))
    if manifest["backend"]:
        if manifest["backend"] not in torch.backends.quantized.supported_engines:
            sys.exit(f"This PyTorch lacks the backend {manifest['backend']!r} that the model was quantized for.")
        torch.backends.quantized.engine = manifest["backend"]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # deprecation notices; that of quantized tensors comes once, so it is made to come here
        torch.quantize_per_tensor(torch.zeros(1), 1.0, 0, torch.quint8)
        model = torch.jit.load(FOLDER / manifest["model_file"])
    return model.eval(), decoder


def main(clip: str) -> None:
    """Print what is said in the clip: the best output of every frame, repeats and blanks removed (greedy CTC)."""
    model, decoder = load()
    texts, blank = decoder["texts"], decoder["blank_index"]
    samples, rate = soundfile.read(clip, dtype="float32", always_2d=True)
    wave = torch.from_numpy(samples).mean(1)
    if rate != RATE:  # band-limited: the spectrum cut or padded to the new rate
        length = round(len(wave) * RATE / rate)
        wave = torch.fft.irfft(torch.fft.rfft(wave), n=length) * (length / len(wave))
    with torch.inference_mode():
        best = model(wave[None])[0].argmax(-1).unique_consecutive()
    text = "".join(texts[index] for index in best.tolist() if index != blank)
    for mark in decoder.get("punctuation", ""):  # one space before it goes away
        text = text.replace(" " + mark, mark)
    print(" ".join(text.split()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python transcribe.py clip.wav")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal without the model's letters shows their codes
        sys.stdout.reconfigure(errors="backslashreplace")
    main(sys.argv[1])
