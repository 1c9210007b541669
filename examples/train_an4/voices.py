"""More speakers, from synthesizers that Debian ships.

``python examples/train_an4/voices.py --data AN4/train --out build/voices`` writes a folder in LibriSpeech's layout, for
``train.py --voices``. ``apt-get install espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k`` brings the synthesizers;
those that are not there are left out, and said so.

The sentences are of the training texts' kind: their words in classes (letters, digits, tens, months ...), each word replaced
by any of its class, so that seldom ones are heard as often as the others. A fifth is one word alone.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile as sf
from tqdm import tqdm

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from corpus import SAMPLE_RATE, hold_out, read_corpus  # noqa: E402
from degrade import resampled  # noqa: E402

CLASSES = (
    tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("ZERO", "OH", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"),
    ("TEN", "ELEVEN", "TWELVE", "THIRTEEN", "FOURTEEN", "FIFTEEN", "SIXTEEN", "SEVENTEEN", "EIGHTEEN", "NINETEEN"),
    ("TWENTY", "THIRTY", "FORTY", "FIFTY", "SIXTY", "SEVENTY", "EIGHTY", "NINETY"),
    (
        "JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER",
        "DECEMBER",
    ),
    (
        "FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH", "SEVENTH", "EIGHTH", "NINTH", "TENTH", "ELEVENTH",
        "TWELFTH", "THIRTEENTH", "FOURTEENTH", "FIFTEENTH", "SIXTEENTH", "SEVENTEENTH", "EIGHTEENTH", "NINETEENTH",
        "TWENTIETH", "THIRTIETH",
    ),
    ("ENTER", "ERASE", "RUBOUT", "REPEAT", "STOP", "START", "GO", "HELP", "YES", "NO"),
)  # fmt: skip
ESPEAK = tuple(
    f"{accent}+{variant}"
    for accent, variants in (
        ("en-us", ("m1", "m3", "m5", "m7", "f1", "f2", "f3", "f4", "f5")),
        ("en-gb", ("m2", "f2")),
        ("en-gb-scotland", ("m4",)),
        ("en-gb-x-rp", ("f5",)),
        ("en-029", ("m6", "f4")),
    )
    for variant in variants
)
FLITE = ("kal16", "awb", "rms", "slt")
FESTIVAL = ("ked_diphone", "kal_diphone")


@dataclass(frozen=True)
class Voice:
    """A synthesizer's voice at a pitch and a pace (1: its own)."""

    synthesizer: str
    name: str
    pitch: float
    pace: float

    @property
    def speaker(self) -> str:
        """A name without what separates names in LibriSpeech's layout."""
        plain = "".join(c for c in self.name if c.isalnum())
        return f"synth{self.synthesizer.replace('-', '')}{plain}{round(self.pitch * 100)}"


def sentences(texts: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """Of the texts' kind, with any word of the same class in each one's place."""
    kinds = {word: kind for kind in CLASSES for word in kind}
    words = sorted({word for text in texts for word in text.split()} | set(kinds))
    made = []
    for _ in range(count):
        if rng.random() < 0.2:
            made.append(words[int(rng.integers(len(words)))])
            continue
        like = texts[int(rng.integers(len(texts)))].split()
        picked = [kinds.get(word, (word,)) for word in like]
        made.append(" ".join(kind[int(rng.integers(len(kind)))] for kind in picked))
    return made


def voices() -> list[Voice]:
    """Those of the synthesizers that are installed."""
    found: list[Voice] = []
    for program, names in (("flite", FLITE), ("text2wave", FESTIVAL), ("espeak-ng", ESPEAK)):
        if shutil.which(program) is None:
            print(f"{program} is not installed, its voices are left out")
            continue
        pitches = (1.0,) if program == "espeak-ng" else (0.88, 1.0, 1.15)
        for number, name in enumerate(names):
            found += [
                Voice(program, name, pitch, (0.9, 1.05, 1.2)[(number + k) % 3]) for k, pitch in enumerate(pitches)
            ]
    return found


def speak(voice: Voice, text: str, folder: Path) -> np.ndarray:
    """16 kHz, mono."""
    out = folder / "spoken.wav"
    said = spelled(text, "[[eI]]" if voice.synthesizer == "espeak-ng" else "ay")
    if voice.synthesizer == "flite":
        settings = ["--setf", f"duration_stretch={1 / voice.pace:.2f}"]
        run = ["flite", "-voice", voice.name, *settings, "-t", said, str(out)]
        subprocess.run(run, check=True, capture_output=True)
    elif voice.synthesizer == "text2wave":
        (folder / "said.txt").write_text(said, encoding="utf-8")
        settings = [
            "-eval",
            f"(voice_{voice.name})",
            "-eval",
            f"(Parameter.set 'Duration_Stretch {1 / voice.pace:.2f})",
        ]
        run = ["text2wave", *settings, "-o", str(out), str(folder / "said.txt")]
        subprocess.run(run, check=True, capture_output=True)
    else:
        run = ["espeak-ng", "-v", voice.name, "-s", str(round(140 * voice.pace)), "-w", str(out), said]
        subprocess.run(run, check=True, capture_output=True)
    wave, rate = sf.read(out, dtype="float32")
    # Another pitch by another speed: the vocal tract's length goes with it.
    ratio = Fraction(SAMPLE_RATE, rate) / Fraction(round(voice.pitch * 100), 100)
    return resampled(wave, ratio)


def spelled(text: str, letter: str) -> str:
    """So that a lone A is the letter and not the article, which takes the synthesizer's own spelling of it."""
    known = {"A": letter, "RUBOUT": "rub out"}
    return " ".join(known.get(word, word if len(word) == 1 else word.lower()) for word in text.split())


def main() -> None:
    """Write ``--clips`` clips of each voice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="whose texts the sentences are like")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=20, help="of each voice")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--held-out-speakers", type=int, default=6, help="speakers of --data whose texts are not read")
    args = parser.parse_args()
    clips, _ = hold_out(read_corpus(args.data), args.held_out_speakers, args.seed)
    texts = [clip.text for clip in clips]
    with tempfile.TemporaryDirectory() as scratch:
        for number, voice in enumerate(tqdm(voices(), "voices")):
            folder = args.out / voice.speaker / "1"
            folder.mkdir(parents=True, exist_ok=True)
            lines = []
            for index, text in enumerate(sentences(texts, args.clips, np.random.default_rng([args.seed, 6, number]))):
                name = f"{voice.speaker}-1-{index:03d}"
                sf.write(folder / f"{name}.flac", speak(voice, text, Path(scratch)), SAMPLE_RATE)
                lines.append(f"{name} {text}\n")
            (folder / f"{voice.speaker}-1.trans.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
