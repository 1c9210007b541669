"""What it costs to read clips as one recording: WER clip by clip, in one pass, in windows, and cut in the pauses.

PYTHONPATH=. python examples/long_recordings.py --data AN4/eval

The clips of a data set follow each other with pauses of quiet noise between them. Cut in the pauses is what asrquant does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import asrquant
from asrquant.audio.clip import Audio
from asrquant.audio.speech import Part
from asrquant.audio.windows import encode_in_windows, measured_frame
from asrquant.base import terminal
from asrquant.base.tables import markdown
from asrquant.data.bundled import validation_clips
from asrquant.data.dataset import Utterance
from asrquant.model.recognizer import Recognizer
from asrquant.text.metrics import total_errors, word_errors

NOISE = 3e-4
"""Deviation of the samples in a pause, as in a quiet room."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="an4")
    parser.add_argument("--data", type=Path, help="data set (default: the bundled validation clips)")
    parser.add_argument(
        "--pause", type=float, action="append", help="seconds; may be repeated (default 0, 0.7 and 1.5)"
    )
    args = parser.parse_args()
    clips = asrquant.read_clips(args.data) if args.data else validation_clips()
    recognizer = asrquant.load(args.model)
    rows = [
        {"decoder": name, "pauses (s)": "", "read": "clip by clip", "WER (%)": f"{clip_by_clip(each, clips):.1f}"}
        for name, each in decoders(recognizer).items()
    ]
    for pause in args.pause or (0.0, 0.7, 1.5):
        sound = joined([clip.audio().samples for clip in clips], pause)
        for way, read in WAYS.items():
            for name, each in decoders(recognizer).items():
                found = word_errors(" ".join(clip.reference for clip in clips), read(each, sound)).wer
                rows.append({"decoder": name, "pauses (s)": f"{pause:g}", "read": way, "WER (%)": f"{found:.1f}"})
    print(markdown(pd.DataFrame(rows)))
    print(f"\nModel {recognizer.named}, {len(clips)} clips, noise {NOISE:g} in the pauses.")


def decoders(recognizer: Recognizer) -> dict[str, Recognizer]:
    """The model's own decoder, and greedy."""
    return {name: recognizer.with_decoder(name) for name in dict.fromkeys((recognizer.decoder.name, "greedy"))}


def clip_by_clip(recognizer: Recognizer, clips: tuple[Utterance, ...]) -> float:
    """WER in percent."""
    errors = [word_errors(clip.reference, recognizer.transcribe(clip.audio()).text) for clip in clips]
    return total_errors(errors).wer or 0.0


def joined(clips: list[np.ndarray], pause: float) -> np.ndarray:
    """The clips with a pause after each."""
    rng = np.random.default_rng(1)
    silence = [(NOISE * rng.standard_normal(int(pause * 16_000))).astype(np.float32) for _ in clips]
    return np.concatenate([part for pair in zip(clips, silence, strict=True) for part in pair])


def in_one_pass(recognizer: Recognizer, sound: np.ndarray) -> str:
    """As if it were a clip."""
    with torch.inference_mode():
        return recognizer.decoder(recognizer.encoder(torch.from_numpy(sound)[None])[0])


def in_windows(recognizer: Recognizer, sound: np.ndarray) -> str:
    """Windows of 20 s with 4 s of context, wherever they begin, decoded as one."""
    with torch.inference_mode():
        frame = measured_frame(recognizer.encoder)
        return recognizer.decoder(
            encode_in_windows(recognizer.encoder, [sound], [Part(0, len(sound))], 0, frame).log_probs
        )


def in_pauses(recognizer: Recognizer, sound: np.ndarray) -> str:
    """As asrquant reads what is longer than 60 s."""
    return recognizer.transcribe(Audio(sound)).text


WAYS: dict[str, Callable[[Recognizer, np.ndarray], str]] = {
    "in one pass": in_one_pass,
    "in windows": in_windows,
    "cut in the pauses": in_pauses,
}

if __name__ == "__main__":
    terminal.prepare()
    main()
