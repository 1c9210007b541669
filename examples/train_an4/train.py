"""Train the embedded model: ``python examples/train_an4/train.py --data FOLDER``.

Two CPU cores. Stop it at any time; the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from augment import Augmenter  # noqa: E402
from corpus import Clip, hold_out, read_corpus  # noqa: E402
from ctc import train_ctc  # noqa: E402
from degrade import rooms  # noqa: E402
from ears import train_ears  # noqa: E402
from items import Plan  # noqa: E402
from model import CtcModel, pool_dropout  # noqa: E402
from pool import Pool  # noqa: E402
from publish import publish  # noqa: E402

from asrquant.base import terminal  # noqa: E402


def arguments() -> argparse.Namespace:
    """What the command takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="LibriSpeech-layout folder to train on")
    parser.add_argument("--voices", type=Path, help="folder that voices.py wrote: synthesizers as more speakers")
    parser.add_argument(
        "--eval", type=Path, help="LibriSpeech-layout folder to report on at the end; nothing is chosen by it"
    )
    parser.add_argument("--out", type=Path, default=Path("build/an4-wav2vec2-ctc"), help="the folder to write")
    parser.add_argument("--work", type=Path, default=Path("build/train_an4"), help="checkpoints and caches")
    parser.add_argument("--ears", type=Path, help="ears.pt of another run, to begin with its feature extractor")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--held-out-speakers", type=int, default=6, help="speakers of --data never trained on")
    parser.add_argument("--ears-steps", type=int, default=4000)
    parser.add_argument("--copies", type=int, default=13, help="the clean copy and this many less one changed ones")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--joint-epochs", type=int, default=40)
    parser.add_argument("--consistency", type=float, default=0.2, help="weight; 0 for none")
    parser.add_argument("--rooms", type=int, default=200)
    parser.add_argument(
        "--mild", action="store_true", help="augmentation of the recipe's first version, to compare with"
    )
    parser.add_argument("--until", choices=("ears", "ctc", "joint"), help="stop after this stage, for a comparison")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Run the stages one after the other; each leaves a checkpoint in ``--work``."""
    args = arguments()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    clips, held_out = hold_out(read_corpus(args.data), args.held_out_speakers, args.seed)
    print(f"{len(clips)} clips to train on, {len(held_out)} clips of {args.held_out_speakers} held-out speakers")
    spoken: list[Clip] = read_corpus(args.voices) if args.voices else []
    print(f"{len(spoken)} clips of {len({clip.speaker for clip in spoken})} synthesizers' voices", flush=True)
    augmenter = Augmenter(
        [clip.wave for clip in clips], rooms(args.rooms, args.seed, args.work / "rooms.npz"), strong=not args.mild
    )
    torch.manual_seed(args.seed)
    model = CtcModel()
    pool_dropout(model)
    train_ears(model, clips + spoken, augmenter, args.ears_steps, args.seed, args.ears or args.work / "ears.pt")
    if args.until == "ears":
        return
    pool = Pool(model, clips + spoken, augmenter, args.copies, args.seed, args.work / "heard")
    behind = Plan(
        "CTC", args.epochs, peak=1.5e-3, splice_from=args.epochs // 5, realign_every=max(1, args.epochs // 15),
        consistency=args.consistency,
    )  # fmt: skip
    model = train_ctc(model, behind, pool, held_out, args.seed, args.work / "ctc.pt")
    if args.until == "ctc":
        torch.save(model.state_dict(), args.work / "model.pt")
        return
    together = Plan(
        "all together", args.joint_epochs, peak=3e-4, warmup=200, average=0.998, splice_from=0, realign_every=10**9,
        consistency=args.consistency,
    )  # fmt: skip
    model = train_ctc(model, together, pool, held_out, args.seed, args.work / "joint.pt", augmenter=augmenter)
    torch.save(model.state_dict(), args.work / "model.pt")
    if args.until == "joint":
        return
    settings = {k: v for k, v in vars(args).items() if v is not None and not isinstance(v, Path)} | {
        "mix": asdict(behind.mix)
    }
    settings["voices"] = len({clip.speaker for clip in spoken})
    publish(model, args.out, args.data, clips, held_out, read_corpus(args.eval) if args.eval else None, settings)


if __name__ == "__main__":
    terminal.prepare()
    main()
