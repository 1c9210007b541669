"""``compare``: one clip, original against quantized."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from asrquant.audio.clip import read_audio
from asrquant.cli.bar import Bar
from asrquant.cli.clips import own_clips
from asrquant.cli.common import (
    FIRST_PRESET,
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
from asrquant.export import raced
from asrquant.measure.compare import check_reference, compare, comparison_dict
from asrquant.measure.winner import choose
from asrquant.model.presets import PRESETS, Preset
from asrquant.model.recognizer import Recognizer
from asrquant.show.race import mark
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
    add_preset_options(parser, f"the one that is first here by 'asrquant machine', else {FIRST_PRESET}")
    parser.set_defaults(preset=None)
    add_model_options(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    check_reference(args.reference)
    rules = chosen_normalization(args)
    refuse_foreign([args.reference or ""], rules)
    audio = read_audio(args.clip, channel=args.channel)  # what can be wrong at once, before what takes long
    nobody_asked, args.preset = args.preset is None, args.preset or FIRST_PRESET
    preset = chosen_preset(args)
    own = own_clips(args)
    original = load_model(args)
    if nobody_asked and preset == PRESETS[FIRST_PRESET]:  # nor for changes to it
        preset = _first(original)
    with Bar() as progress:
        changed = quantized(own, original, preset, progress)
        comparison = compare(original, changed, audio, args.reference, args.runs, progress, normalize=rules)
    print(comparison_text(comparison))
    if args.json:
        args.json.write_text(json.dumps(comparison_dict(comparison), indent=1) + "\n", encoding="utf-8")
    return 0


def _first(original: Recognizer) -> Preset:
    """The preset that a race found first on this machine, which is said; the usual one where there was none, or no winner."""
    found = raced.find(original)
    winner = choose(found) if found else None
    if found is None or winner is None or winner.preset not in PRESETS:
        return PRESETS[FIRST_PRESET]
    print(f"preset {winner.preset}, {mark(found)} ({found.date}; --preset takes another)", file=sys.stderr)
    return PRESETS[winner.preset]
