"""Train a small QuartzNet: ``python examples/train_quartznet/train.py --data AN4/train``.

One command, seeded. Stop it at any time; the same command goes on where it was. ``log.txt`` in ``--work`` has a line an epoch.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))
sys.path.append(str(HERE.parent / "train_an4"))  # corpus, n-gram and alignment are those of the other recipe

from corpus import Clip, hold_out, read_corpus  # noqa: E402
from learn import Plan, hear, train  # noqa: E402
from quartznet import build  # noqa: E402
from write_nemo import Result, write_card, write_language_model, write_manifest, write_nemo  # noqa: E402

from asrquant.audio.clip import from_samples  # noqa: E402
from asrquant.base import terminal  # noqa: E402
from asrquant.model.recognizer import Recognizer  # noqa: E402
from asrquant.sources.loading import load  # noqa: E402
from asrquant.text.decoders import make_decoder  # noqa: E402
from asrquant.text.metrics import total_errors, word_errors  # noqa: E402

GRID = {"alpha": (0.1, 0.2, 0.3, 0.5, 0.7), "beta": (0.5, 1.5, 2.5, 3.5)}
"""Weight of the n-gram and bonus a word, chosen on the held-out speakers."""
NAME = "an4-quartznet"


def main() -> None:
    """Run the stages one after the other; each leaves what it made in ``--work``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="LibriSpeech-layout folder to train on")
    parser.add_argument(
        "--eval", type=Path, help="LibriSpeech-layout folder to report on at the end; nothing is chosen by it"
    )
    parser.add_argument("--out", type=Path, default=Path("build") / NAME, help="the folder to write")
    parser.add_argument("--work", type=Path, default=Path("build/train_quartznet"), help="checkpoints and caches")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--held-out-speakers", type=int, default=6, help="speakers of --data never trained on")
    parser.add_argument("--copies", type=int, default=8, help="the clean copy and this many less one augmented ones")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--steps", type=int, help="after which each epoch is left, for a try")
    parser.add_argument("--clips", type=int, help="to train on, for a try")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    clips, held_out = hold_out(read_corpus(args.data), args.held_out_speakers, args.seed)
    clips = clips[: args.clips]
    model = build(args.seed)
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{count} parameters; {len(clips)} clips to train on, {len(held_out)} of held-out speakers", flush=True)
    cache = hear(model, clips, args.copies, args.seed, args.work / "heard")
    plan = Plan(args.epochs, steps=args.steps)
    model = train(model, plan, clips, cache, held_out, args.seed, args.work)
    publish(model, args, clips, held_out)


def publish(model: torch.nn.Module, args: argparse.Namespace, clips: list[Clip], held_out: list[Clip]) -> None:
    """Write ``--out``: the search is tuned on the held-out speakers with an n-gram that has not seen their texts."""
    write_nemo(model, args.out / f"{NAME}.nemo")
    write_language_model(args.out, [clip.text for clip in clips], {})
    if args.steps:  # a model that has learned nothing keeps a search busy for long
        return
    search = tune(load(str(args.out)), held_out)
    print(f"search: {search}")
    sets = [("held-out speakers of train", held_out, clips)]
    if args.eval:
        sets.append(("eval", read_corpus(args.eval), clips + held_out))
    results = []
    for name, data, read in sets:
        write_language_model(args.out, [clip.text for clip in read], search)
        recognizer = load(str(args.out))
        greedy, searched = (wer(recognizer.with_decoder(decoder), data) for decoder in ("greedy", "ngram"))
        print(f"{name}: WER {greedy:.1f} % greedy, {searched:.1f} % with the 3-gram", flush=True)
        speakers, words = {clip.speaker for clip in data}, sum(len(clip.text.split()) for clip in data)
        results.append(Result(name, len(speakers), len(data), words, greedy, searched))
    write_language_model(args.out, [clip.text for clip in clips + held_out], search)
    for place in (args.data, args.data.parent):
        if (place / "LICENSE").is_file():
            shutil.copyfile(place / "LICENSE", args.out / "LICENSE")
            break
    write_card(args.out, results)
    said = ("seed", "held_out_speakers", "copies", "epochs", "threads")
    write_manifest(args.out, {**{name: getattr(args, name) for name in said}, **search})


def wer(recognizer: Recognizer, clips: Sequence[Clip]) -> float:
    """Word error rate in percent."""
    texts = [recognizer.transcribe(from_samples(clip.wave, 16_000)).text for clip in clips]
    return _errors(clips, texts)


def tune(base: Recognizer, clips: Sequence[Clip]) -> dict[str, float]:
    """The settings of ``GRID`` with the fewest errors on held-out clips; the log-probs are computed once."""
    heard = [base.log_probs(from_samples(clip.wave, 16_000)) for clip in clips]
    scores: dict[tuple[float, ...], float] = {}
    for values in itertools.product(*GRID.values()):
        search = {**base.vocabulary.search, **dict(zip(GRID, values, strict=True))}
        decode = make_decoder("ngram", replace(base.vocabulary, search=search))
        scores[values] = _errors(clips, [decode(each) for each in heard])
    best = min(scores, key=lambda values: scores[values])
    return dict(zip(GRID, best, strict=True))


def _errors(clips: Sequence[Clip], texts: Sequence[str]) -> float:
    found = total_errors(word_errors(clip.text, text) for clip, text in zip(clips, texts, strict=True)).wer
    assert found is not None, "clips without words"
    return found


if __name__ == "__main__":
    terminal.prepare()
    main()
