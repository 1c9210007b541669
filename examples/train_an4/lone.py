"""Words alone of the held-out speakers, to choose by: ``lone.tsv`` says where each lies in its clip.

``python examples/train_an4/lone.py --data AN4/train`` wrote the list, with the model that was embedded when it was made. It is
kept, so that all models are measured on the same cuts.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from corpus import SAMPLE_RATE, Clip, hold_out, read_corpus  # noqa: E402
from splice import CONFIDENT, align, cut  # noqa: E402

LIST = HERE / "lone.tsv"
EACH = 4
"""Of one word, at most."""


def lone_words(clips: Sequence[Clip]) -> list[Clip]:
    """The words of ``lone.tsv`` that lie in these clips, cut out."""
    known = {clip.id: clip for clip in clips}
    found = []
    for line in LIST.read_text(encoding="utf-8").splitlines()[1:]:
        clip, word, start, end = line.split("\t")
        if clip in known:
            wave = known[clip].wave[int(start) : int(end)]
            found.append(replace(known[clip], id=f"{clip}-{start}", wave=wave, text=word))
    return found


def main() -> None:
    """Write ``lone.tsv``."""
    from asrquant.audio.clip import from_samples
    from asrquant.sources.loading import load

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="an4")
    args = parser.parse_args()
    _, held_out = hold_out(read_corpus(args.data), 6, 7)
    model = load(args.model)
    seen: Counter[tuple[str, str]] = Counter()
    lines = ["clip\tword\tfirst sample\tlast sample"]
    for index, clip in enumerate(held_out):
        log_probs = model.log_probs(from_samples(clip.wave, SAMPLE_RATE)).numpy()
        labels = [model.vocabulary.labels.index(character) for character in clip.text]
        for word in cut(index, clip, align(log_probs, labels), log_probs, labels):
            if seen[clip.speaker, word.text] < EACH:
                seen[clip.speaker, word.text] += 1
                lines.append(f"{clip.id}\t{word.text}\t{word.start}\t{word.end}")
    LIST.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines) - 1} words, cut where each letter had a mean log-probability of {CONFIDENT:g} or more")


if __name__ == "__main__":
    main()
