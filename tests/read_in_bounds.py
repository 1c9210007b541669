"""A process that reads audio files for a test, so that a crash of the decoder is seen and memory and time are its own.

``python read_in_bounds.py FOLDER MEGABYTES``: it may take so many more than it has at the start. On its standard input come
files, each as four bytes of length and its bytes; for each it answers a line of JSON: ``{"outcome", "problem", "seconds",
"megabytes"}``.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

import av  # noqa: F401  (as what is below: what reading imports when it first needs it is no part of a case)
import numpy as np
import scipy.signal  # noqa: F401

from asrquant.audio.clip import MAX_SECONDS, MIN_SECONDS, SAMPLE_RATE, Audio, read_audio
from asrquant.base.errors import AudioError


def megabytes(name: str) -> float:
    """A line of the kernel's account of this process."""
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) / 1024


def wrong_with(audio: Audio) -> str:
    """Which invariant does not hold."""
    samples = audio.samples
    if samples.dtype != np.float32 or samples.ndim != 1 or not samples.flags.c_contiguous:
        return f"{samples.dtype} {samples.shape}"
    if not np.isfinite(samples).all() or np.abs(samples).max() > 1:
        return f"samples up to {np.abs(samples).max()}"
    if not MIN_SECONDS * SAMPLE_RATE <= len(samples) <= MAX_SECONDS * SAMPLE_RATE * 1.0001 + 1:
        return f"{audio.seconds} s"
    return ""


def wrong_with_sentence(error: AudioError, path: Path) -> str:
    """What makes it no sentence for visitors, or hides that memory was not enough."""
    text = str(error)
    if not text.endswith(".") or not text.isprintable() or len(text) > 300 or str(path.parent) in text:
        return f"no sentence: {text!r}"
    bounded = "asks for more memory than sound needs" in text  # by asrquant, before any was taken
    if not bounded and (isinstance(error.__cause__, MemoryError) or "malloc" in str(error.__cause__)):
        return f"asked for too much memory: {error.__cause__!r}"
    return ""


def read(path: Path) -> dict[str, object]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
    before, start = megabytes("VmRSS"), time.process_time()
    try:
        audio = read_audio(path)
        outcome, problem = "audio", wrong_with(audio)
    except AudioError as error:
        outcome, problem = str(error), wrong_with_sentence(error, path)
    except BaseException as error:
        outcome, problem = "no AudioError", repr(error)
    seconds, peak = time.process_time() - start, megabytes("VmHWM") - before
    return {"outcome": outcome, "problem": problem, "seconds": seconds, "megabytes": peak}


def main(folder: Path, most_megabytes: int) -> None:
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # where the decoders complain
    os.dup2(nowhere, 2)
    most = int((megabytes("VmSize") + most_megabytes) * 1024**2)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    path = folder / "case.wav"
    while length := sys.stdin.buffer.read(4):
        path.write_bytes(sys.stdin.buffer.read(int.from_bytes(length, "little")))
        print(json.dumps(read(path)), file=answers, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
