"""Train the embedded model: ``python examples/train_an4/train.py --data FOLDER``.

Two CPU cores, under three hours. Stop it at any time; the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from corpus import Clip, hold_out, read_corpus  # noqa: E402
from ctc import Plan, train_ctc  # noqa: E402
from ears import hear, train_ears  # noqa: E402
from model import CtcModel, pool_dropout  # noqa: E402
from publish import copy_license, measure, tune, words, write_card, write_manifest, write_model  # noqa: E402

from asrquant.base import terminal  # noqa: E402
from asrquant.sources.loading import load  # noqa: E402


def main() -> None:
    """Run the stages one after the other; each leaves a checkpoint in ``--work``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="LibriSpeech-layout folder to train on")
    parser.add_argument(
        "--eval", type=Path, help="LibriSpeech-layout folder to report on at the end; nothing is chosen by it"
    )
    parser.add_argument("--out", type=Path, default=Path("build/an4-wav2vec2-ctc"), help="the folder to write")
    parser.add_argument("--work", type=Path, default=Path("build/train_an4"), help="checkpoints and caches")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--held-out-speakers", type=int, default=6, help="speakers of --data never trained on")
    parser.add_argument("--ears-steps", type=int, default=2000)
    parser.add_argument("--copies", type=int, default=8, help="the clean copy and this many less one augmented ones")
    parser.add_argument("--epochs", type=int, default=130)
    parser.add_argument("--joint-epochs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    clips, held_out = hold_out(read_corpus(args.data), args.held_out_speakers, args.seed)
    print(f"{len(clips)} clips to train on, {len(held_out)} clips of {args.held_out_speakers} held-out speakers")

    torch.manual_seed(args.seed)
    model = CtcModel()
    pool_dropout(model)
    train_ears(model, clips, args.ears_steps, args.seed, args.work / "ears.pt")
    cache = hear(model, clips, args.copies, args.seed, args.work / "heard")
    behind = Plan("CTC", args.epochs, peak=1.5e-3, splice_from=args.epochs * 3 // 10)
    model = train_ctc(model, behind, clips, cache, held_out, args.seed, args.work / "ctc.pt")
    together = Plan("all together", args.joint_epochs, peak=2e-4, warmup=100, average=0.995)
    model = train_ctc(model, together, clips, None, held_out, args.seed, args.work / "joint.pt")
    publish(model, args, clips, held_out)


def publish(model: CtcModel, args: argparse.Namespace, clips: list[Clip], held_out: list[Clip]) -> None:
    """Write ``--out``: the decoder is tuned on the held-out speakers with an n-gram that has not seen their texts."""
    write_model(model, args.out, [c.text for c in clips])
    search = tune(args.out, held_out)
    rows = []
    sets = [("held-out speakers of train", held_out, [c.text for c in clips])]
    if args.eval:
        sets.append(("eval", read_corpus(args.eval), [c.text for c in clips + held_out]))
    for name, data, texts in sets:
        write_model(model, args.out, texts, search)
        recognizer = load(str(args.out))
        wer = [measure(recognizer.with_decoder(decoder), data) for decoder in ("greedy", "ngram")]
        rows.append((name, len({c.speaker for c in data}), len(data), words(data), *wer))
        print(f"{name}: WER {wer[0]:.1f} % greedy, {wer[1]:.1f} % with the 3-gram")
    write_model(model, args.out, [c.text for c in clips + held_out], search)
    settings = {k: v for k, v in vars(args).items() if not isinstance(v, Path)} | search
    copy_license(args.data, args.out)
    write_card(args.out, rows)
    write_manifest(args.out, settings)


if __name__ == "__main__":
    terminal.prepare()
    main()
