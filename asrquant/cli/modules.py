"""``modules`` and ``sensitivity``: what can be quantized how, what a preset makes of it, and what each part would cost."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import pandas as pd

from asrquant.base.tables import aligned, markdown
from asrquant.cli.bar import Bar
from asrquant.cli.clips import add_clip_options, as_typed, drawn, own_clips, read_labelled
from asrquant.cli.common import (
    Commands,
    add_model_options,
    add_normalization,
    add_preset_options,
    chosen_normalization,
    chosen_preset,
    load_model,
    output,
    quantized,
)
from asrquant.measure.layers import layers
from asrquant.measure.sensitivity import CALIBRATION, MAX_NATS, sensitivity
from asrquant.model.modules import module_map
from asrquant.show.modules import layers_table, sensitivity_figure, sensitivity_table, treemap_figure


def add(commands: Commands) -> None:
    """Add the commands to argparse's subparsers."""
    showing = commands.add_parser(
        "modules", help="what can be quantized how, what it weighs, what a preset makes of it"
    )
    showing.add_argument(
        "--html", type=output, metavar="FILE", help="also write a treemap of what the preset makes of each layer"
    )
    add_preset_options(showing)
    add_model_options(showing)
    showing.set_defaults(run=_modules)

    measuring = commands.add_parser("sensitivity", help="quantize one part at a time and measure what it does")
    measuring.add_argument(
        "--data", "--validation", type=Path, metavar="PATH",
        help="clips with their words to measure on, in any layout (default: bundled ones, for the model an4 only)",
    )  # fmt: skip
    measuring.add_argument("--layers", action="store_true", help="each transformer layer by itself too")
    measuring.add_argument(
        "--max-divergence", type=float, default=MAX_NATS, metavar="NATS",
        help=f"a frame, that a suggested part may have (default {MAX_NATS:g})",
    )  # fmt: skip
    measuring.add_argument("--json", type=output, metavar="FILE", help="write everything that was measured")
    measuring.add_argument("--html", type=output, metavar="FILE", help="write the chart")
    add_clip_options(measuring, validation=False)
    add_normalization(measuring)
    add_model_options(measuring)
    measuring.set_defaults(run=_sensitivity)


def _modules(args: argparse.Namespace) -> int:
    preset = chosen_preset(args)  # what can be wrong at once, before what takes long
    own = own_clips(args)
    recognizer = load_model(args)
    parts = module_map(recognizer, recognizer.roles)
    rows = [
        {
            "module": info.path,
            "role": info.role,
            "class": info.kind,
            "weights": f"{info.parameters:,}",
            "MB": f"{info.bytes / 1e6:.2f}",
            "share": f"{info.share:.1%}",
            "dynamic": "no" if info.dynamic else "yes",
            "static": "no" if info.static else "yes",
        }
        for info in parts
    ]
    print(aligned(pd.DataFrame(rows)))
    print()
    for info in parts:
        for scheme, reason in (("dynamic", info.dynamic), ("static", info.static)):
            if reason:
                print(f"{info.path}: not {scheme}, {reason}")
    with Bar() as progress:
        changed = quantized(own, recognizer, preset, progress)
    found = layers(recognizer, changed)
    print(f"\n{preset.name}, weights alone:")
    print(aligned(layers_table(found, parts)))
    if changed.calibration:
        print(f"calibrated with {changed.calibration}")
    if changed.notice:
        print(changed.notice)
    if args.html:
        args.html.write_text(treemap_figure(found, parts).to_html(), encoding="utf-8")
        print(f"written: {args.html}")
    return 0


def _sensitivity(args: argparse.Namespace) -> int:
    rules = chosen_normalization(args)
    clips, own = read_labelled(args.data, "--data", args.data_root) if args.data else None, own_clips(args)
    draw = drawn(args, CALIBRATION)
    recognizer = load_model(args)
    with Bar() as progress:
        found = sensitivity(recognizer, clips, args.layers, args.max_divergence, progress, rules, own.calibration, draw)
    print(markdown(sensitivity_table(found)))
    rate = found.errors.rate
    said = "" if rate is None else f"; {found.errors.measure} of the float model {rate:.1f} %"
    print(
        f"\n{found.clips} clips ({found.data}), {found.audio_seconds:.0f} s; model {found.source}, decoder {found.decoder}, "
        f"normalization {found.normalization}{said}"
    )
    if found.calibration:
        print(f"static parts calibrated with {found.calibration}")
    if found.notice:
        print(found.notice)
    if found.suggested is None:
        print(
            f"No part stays within {found.max_nats:g} nats a frame without being slower; --max-divergence allows more."
        )
    else:
        schemes = [f"--set {group.part}={group.scheme}" for group in found.suggested.groups]
        static = any(group.scheme == "static" for group in found.suggested.groups)
        print("suggested: --preset custom " + " ".join([*schemes, *(as_typed(args) if static else [])]))
    if args.json:
        args.json.write_text(json.dumps(dataclasses.asdict(found), indent=1) + "\n", encoding="utf-8")
    if args.html:
        args.html.write_text(sensitivity_figure(found).to_html(), encoding="utf-8")
    return 0
