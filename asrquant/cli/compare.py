"""``compare``: one clip, original against quantized."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from asrquant.audio.clip import read_audio
from asrquant.cli.clips import own_clips
from asrquant.cli.common import (
    Bar,
    Commands,
    add_channel,
    add_model_options,
    add_normalization,
    add_preset_options,
    chosen_normalization,
    chosen_preset,
    load_model,
    output,
    quantized,
)
from asrquant.measure.compare import check_reference, compare, comparison_dict
from asrquant.show.text import comparison_text
from asrquant.text.metrics import refuse_foreign


def add(commands: Commands) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("compare", help="one clip, original against quantized")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--reference", help="what is said in the clip; without it there is no WER")
    parser.add_argument("--runs", type=int, default=3, help="counted runs of each (default 3)")
    parser.add_argument("--json", type=output, metavar="FILE", help="also write the numbers as JSON")
    add_channel(parser)
    add_normalization(parser)
    add_preset_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    check_reference(args.reference)
    rules = chosen_normalization(args)
    refuse_foreign([args.reference or ""], rules)
    audio = read_audio(args.clip, channel=args.channel)  # what can be wrong at once, before what takes long
    preset = chosen_preset(args)
    own = own_clips(args)
    original = load_model(args)
    with Bar() as progress:
        changed = quantized(own, original, preset, progress)
        comparison = compare(original, changed, audio, args.reference, args.runs, progress, normalize=rules)
    print(comparison_text(comparison))
    if args.json:
        args.json.write_text(json.dumps(comparison_dict(comparison), indent=1) + "\n", encoding="utf-8")
    return 0
