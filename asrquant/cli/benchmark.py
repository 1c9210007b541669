"""``benchmark``: a data set, several presets."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from asrquant.benchmark import benchmark
from asrquant.charts import report_table
from asrquant.cli.common import Bar, add_model_options, load_model
from asrquant.dataset import example_clips, read_librispeech
from asrquant.engines import quantize, unavailable
from asrquant.presets import PRESETS, get_preset
from asrquant.text import markdown


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("benchmark", help="a data set, several presets")
    parser.add_argument("--data", type=Path, help="LibriSpeech-layout folder (default: the bundled clips)")
    parser.add_argument(
        "--preset", action="append", metavar="P", help="may be repeated (default: all that are installed)"
    )
    parser.add_argument("--limit", type=int, help="only the first clips")
    add_model_options(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    utterances = read_librispeech(args.data) if args.data else example_clips()
    if args.limit is not None:
        if args.limit < 1:
            raise ValueError(f"--limit is {args.limit}; at least 1 clip is needed.")
        utterances = utterances[: args.limit]
    names = args.preset or [name for name, preset in PRESETS.items() if not unavailable(preset)]
    presets = [get_preset(name) for name in dict.fromkeys(["original", *names])]
    original = load_model(args)
    with Bar() as progress:
        recognizers = [quantize(original, preset, progress=progress) for preset in presets]
        report = benchmark(recognizers, utterances, progress=progress)
    seconds = sum(row.audio_seconds for row in report.rows) / len(recognizers)
    print(markdown(report_table(report)))
    print(
        f"\n{len(utterances)} clips, {report.summaries[0].errors.reference_words} words, {seconds:.0f} s of audio; "
        f"model {report.source}, decoder {report.decoder}; {report.machine}"
    )
    return 0
