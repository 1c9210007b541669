"""What a model hears of speakers it does not know, clean and as a stranger's microphone gives it: a table in Markdown.

``python examples/train_an4/evaluate.py --data AN4/train`` takes the six held-out speakers of the training set, by whom choices
are made. ``--eval AN4/eval`` and ``--digits digits8k`` are for the end: nothing may be chosen by them, and each look at them is
written down.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from conditions import under  # noqa: E402
from corpus import hold_out, read_corpus  # noqa: E402
from lone import lone_words  # noqa: E402
from measure import TELEPHONE, degraded, digits, rows, table  # noqa: E402

from asrquant.base import terminal  # noqa: E402
from asrquant.sources.loading import load  # noqa: E402


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="an4")
    parser.add_argument("--data", type=Path, help="the training set, whose held-out speakers are heard")
    parser.add_argument("--held-out-speakers", type=int, default=6)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--eval", type=Path, help="LibriSpeech-layout folder, in the held-out speakers' place")
    parser.add_argument("--digits", type=Path, help="folder of DIGIT_SPEAKER_NUMBER.wav")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.data is None and args.eval is None and args.digits is None:
        parser.error("nothing to hear: say --data, or at the end --eval or --digits")
    torch.set_num_threads(args.threads)
    recognizer = load(args.model)
    found = []
    if args.data:
        _, held_out = hold_out(read_corpus(args.data), args.held_out_speakers, args.seed)
        found += degraded(recognizer, "held-out", held_out)
        words = lone_words(held_out)
        found += rows(recognizer, "words alone, clean", words)
        found += rows(recognizer, "words alone, telephone", under(words, TELEPHONE))
    if args.eval:
        found += degraded(recognizer, "eval", read_corpus(args.eval))
    if args.digits:
        found += rows(recognizer, "digits8k", digits(args.digits))
    print(table(found))
    print(f"\nModel {recognizer.named}; 95 % intervals by bootstrap over the clips.")


if __name__ == "__main__":
    terminal.prepare()
    main()
