"""Transcribe a clip with the model in this folder: ``python transcribe.py clip.wav``. Needs asrquant."""

import io
import sys
from pathlib import Path

import asrquant

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python transcribe.py clip.wav")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal without the model's letters shows their codes
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        recognizer = asrquant.load_artifact(Path(__file__).resolve().parent)
        print(f"decoder: {recognizer.decoder.name}", file=sys.stderr)
        print(recognizer.transcribe(sys.argv[1]).text)
    except asrquant.AsrQuantError as error:
        sys.exit(str(error))
