"""``benchmark``: a data set, several presets."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from asrquant.base.tables import markdown
from asrquant.cli.bar import Bar
from asrquant.cli.clips import OwnClips, add_clip_options, drawn, own_clips, refuse_useless
from asrquant.cli.common import (
    Commands,
    add_model_options,
    add_normalization,
    chosen_normalization,
    list_presets,
    load_model,
    output,
)
from asrquant.cli.crew import add_ray, chosen_crew, refuse_no_ray
from asrquant.cli.named import named_preset
from asrquant.data.bundled import BUNDLED, example_clips
from asrquant.data.dataset import Dataset
from asrquant.data.reading import read_dataset
from asrquant.engines.clips import refuse_unvalidated, unvalidated
from asrquant.engines.quantize import quantize
from asrquant.engines.registry import refuse_unavailable, unavailable
from asrquant.export import raced
from asrquant.measure.benchmark import benchmark
from asrquant.model.presets import PRESETS, Preset
from asrquant.model.recognizer import Recognizer
from asrquant.show.report import report_table
from asrquant.show.report_files import about, write_report


def add(commands: Commands) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("benchmark", help="a data set, several presets")
    parser.add_argument(
        "--data", type=Path, metavar="PATH",
        help="a folder or manifest in one of the layouts of docs/data.md (default: the bundled clips)",
    )  # fmt: skip
    parser.add_argument(
        "--preset", action="append", metavar="P", help="may be repeated (default: all that can be used here)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only N clips: the first, or with --seed drawn")
    parser.add_argument("--seed", type=int, metavar="S", help="draw the clips of --limit with this seed")
    parser.add_argument(
        "--out",
        type=output,
        metavar="DIR",
        help="write report.json, rows.csv, summary.csv and report.html there, and resume from it",
    )
    parser.add_argument(
        "--no-deployment",
        action="store_true",
        help="do not load each model in a fresh process for load time and memory",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the benchmark that --out holds")
    add_ray(parser)
    list_presets(parser)
    add_clip_options(parser)
    add_normalization(parser)
    add_model_options(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if args.resume and not args.out:
        raise ValueError("--resume goes on with what is in --out; give that folder.")
    if args.seed is not None and args.limit is None:
        raise ValueError("--seed draws the clips of --limit; give both.")
    refuse_no_ray(args)
    rules = chosen_normalization(args)
    data = read_dataset(args.data, data_root=args.data_root) if args.data else Dataset(BUNDLED, example_clips())
    data = data.take(args.limit, args.seed)
    if data.read_as:
        print(f"{data.name}: {data.read_as}", file=sys.stderr)
    for row in data.bad:
        print(f"not used: {row.id!r} {row.reason}", file=sys.stderr)
    asked = [named_preset(name) for name in dict.fromkeys(args.preset or ())]
    for preset in asked:  # what cannot be done here, before what takes long
        refuse_unavailable(preset)
    if asked:
        refuse_useless(args, asked)
    own = own_clips(args)
    original = load_model(args)
    presets = [
        replace(preset, calibration=drawn(args, preset.calibration)) for preset in _presets(asked, original, own)
    ]
    with chosen_crew(args) as crew, Bar() as progress:
        recognizers = [quantize(original, preset, own.calibration, progress, own.validation) for preset in presets]
        report = benchmark(
            recognizers, data, progress, folder=args.out, resume=args.resume, keep_partial=True,
            deployed=not args.no_deployment, normalize=rules, crew=crew, expect=lambda found: print(found, file=sys.stderr),
        )  # fmt: skip
    report = replace(report, raced=raced.in_a_line(original))
    for row in report.bad[len(data.bad) :]:
        print(f"not used: {row.id!r} {row.reason}", file=sys.stderr)
    for notice in report.notices:
        print(f"notice: {notice.id!r} {notice.text}", file=sys.stderr)
    print(markdown(report_table(report)))
    print(f"\n{about(report)}")
    for sentence in (*report.calibration_notices, *filter(None, [report.raced])):
        print(sentence)
    if args.out:
        write_report(report, args.out)
        print(f"written: {args.out / 'report.html'} and, beside it, report.json, rows.csv, summary.csv")
    if report.stopped:
        print(
            "stopped; " + (f"--out {args.out} --resume goes on" if args.out else "with --out it could go on"),
            file=sys.stderr,
        )
        return 130
    return 0


def _presets(asked: list[Preset], original: Recognizer, own: OwnClips) -> list[Preset]:
    """The original and the presets that were asked for, all of which must fit; by default those that do."""
    for preset in asked:
        refuse_unavailable(preset, original)
        refuse_unvalidated(preset, original, own.validation)
    if not asked:
        for preset in PRESETS.values():
            if reason := unavailable(preset, original) or unvalidated(preset, original, own.validation):
                print(f"skipped: {preset.name}: {reason}", file=sys.stderr)
            else:
                asked.append(preset)
    return list(dict.fromkeys([PRESETS["original"], *asked]))
