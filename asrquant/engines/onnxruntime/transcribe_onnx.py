"""Transcribe a clip with the model in this folder: ``python transcribe.py clip.wav``. Needs onnxruntime and soundfile only."""

import hashlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # nothing phones home
import onnxruntime

FOLDER = Path(__file__).resolve().parent
RATE = 16_000
SEARCH = {"beam_size": "beam_width", "beam_prune_logp": "beam_prune_logp", "token_prune_min_logp": "token_min_logp"}
LANGUAGE = {
    "score_boundary": "lm_score_boundary",
    **{name: name for name in ("unigrams", "alpha", "beta", "unk_score_offset")},
}


def load() -> tuple[onnxruntime.InferenceSession, dict[str, Any]]:
    """The model, and what its outputs mean, once their sha256 are right."""
    manifest = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    for name, entry in manifest["files"].items():
        if hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() != entry["sha256"]:
            sys.exit(f"{name} is not the file that manifest.json describes; download the artifact again.")
    decoder = json.loads((FOLDER / "decoder.json").read_text(encoding="utf-8"))
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = str(FOLDER / manifest["model_file"])
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]), decoder


def text_of(log_probs: np.ndarray, decoder: dict[str, Any]) -> str:
    """The words, by the decoder that the model was exported with; greedily where ctc-beam-decoder is not installed."""
    labels, blank, search = decoder["labels"], decoder["blank_index"], decoder["search"]
    if decoder["decoder"] != "greedy":
        try:
            from ctc_beam_decoder import build_ctcdecoder
        except ImportError:
            print("decoder: greedy, as ctc-beam-decoder is not installed", file=sys.stderr)
        else:
            ngram = decoder["ngram"] if decoder["decoder"] != "beam" else None
            print(
                f"decoder: beam search {f'with the n-gram {ngram}' if ngram else 'without an n-gram'}", file=sys.stderr
            )
            language = {} if ngram is None else {"kenlm_model_path": FOLDER / ngram, **named(search, LANGUAGE)}
            searcher = build_ctcdecoder(
                ["" if index == blank else label for index, label in enumerate(labels)], **language
            )
            return " ".join(searcher.decode(log_probs, **named(search, SEARCH)).split())
    else:
        print("decoder: greedy", file=sys.stderr)
    best = log_probs.argmax(-1)
    best = best[np.insert(best[1:] != best[:-1], 0, True)]  # the best output of every frame, without repeats
    text = "".join(decoder["texts"][index] for index in best if index != blank)
    for mark in decoder.get("punctuation", ""):  # one space before it goes away
        text = text.replace(" " + mark, mark)
    return " ".join(text.split())


def named(search: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Settings of the search under the names that ctc-beam-decoder has for them."""
    return {there: search[here] for here, there in names.items() if search.get(here) is not None}


def main(clip: str) -> None:
    """Print what is said in the clip, and to standard error which decoder found it."""
    model, decoder = load()
    samples, rate = soundfile.read(clip, dtype="float32", always_2d=True)
    wave = samples.mean(1)
    if rate != RATE:  # band-limited: the spectrum cut or padded to the new rate
        length = round(len(wave) * RATE / rate)
        wave = (np.fft.irfft(np.fft.rfft(wave), n=length) * (length / len(wave))).astype(np.float32)
    print(text_of(model.run(["log_probs"], {"wave": wave[None]})[0][0], decoder))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python transcribe.py clip.wav")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal without the model's letters shows their codes
        sys.stdout.reconfigure(errors="backslashreplace")
    main(sys.argv[1])
