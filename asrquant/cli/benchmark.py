"""``benchmark``: a data set, several presets."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from asrquant.benchmark import benchmark
from asrquant.charts.report import report_table
from asrquant.cli.common import Bar, add_model_options, load_model
from asrquant.dataset import BUNDLED, Dataset, example_clips, read_dataset
from asrquant.engines import quantize, unavailable
from asrquant.presets import PRESETS, get_preset
from asrquant.report_files import about, write_report
from asrquant.text import markdown


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("benchmark", help="a data set, several presets")
    parser.add_argument(
        "--data", type=Path, metavar="PATH",
        help="LibriSpeech-layout folder, .csv, .tsv or .jsonl manifest, or saved datasets folder (default: the bundled clips)",
    )  # fmt: skip
    parser.add_argument(
        "--preset", action="append", metavar="P", help="may be repeated (default: all that are installed)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only N clips: the first, or with --seed drawn")
    parser.add_argument("--seed", type=int, metavar="S", help="draw the clips of --limit with this seed")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write report.json, rows.csv, summary.csv and report.html there, and resume from it",
    )
    parser.add_argument(
        "--no-deployment",
        action="store_true",
        help="do not load each model in a fresh process for load time and memory",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the benchmark that --out holds")
    add_model_options(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if args.resume and not args.out:
        raise ValueError("--resume goes on with what is in --out; give that folder.")
    if args.seed is not None and args.limit is None:
        raise ValueError("--seed draws the clips of --limit; give both.")
    data = read_dataset(args.data) if args.data else Dataset(BUNDLED, example_clips())
    data = data.take(args.limit, args.seed)
    for row in data.bad:
        print(f"not used: {row.id!r} {row.reason}", file=sys.stderr)
    names = args.preset or [name for name, preset in PRESETS.items() if not unavailable(preset)]
    presets = [get_preset(name) for name in dict.fromkeys(["original", *names])]
    original = load_model(args)
    recognizers, took = [], {}
    with Bar() as progress:
        for preset in presets:
            begun = time.perf_counter()
            recognizers.append(quantize(original, preset, progress=progress))
            if preset.engine:
                took[preset.name] = time.perf_counter() - begun
        report = benchmark(
            recognizers, data, progress, folder=args.out, resume=args.resume, keep_partial=True, build_seconds=took,
            deployed=not args.no_deployment,
        )  # fmt: skip
    for row in report.bad[len(data.bad) :]:
        print(f"not used: {row.id!r} {row.reason}", file=sys.stderr)
    print(markdown(report_table(report)))
    print(f"\n{about(report)}")
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
