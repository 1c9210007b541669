"""``export``, ``transcribe``, ``verify``: make an artifact, use it, check it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from asrquant.audio.clip import read_audio
from asrquant.base.files import printable_name
from asrquant.base.progress import Progress
from asrquant.base.tables import aligned
from asrquant.cli.bar import Bar
from asrquant.cli.clips import own_clips
from asrquant.cli.common import (
    Commands,
    add_channel,
    add_model_options,
    add_preset_options,
    chosen_preset,
    list_presets,
    load_model,
    quantized,
)
from asrquant.data.bundled import BUNDLED, example_clips
from asrquant.data.reading import read_clips
from asrquant.engines.registry import get_format
from asrquant.export import hub
from asrquant.export.card import outcome, summary
from asrquant.export.exporting import export
from asrquant.export.loading import load_artifact, verify
from asrquant.export.store import Exports
from asrquant.measure.benchmark import benchmark
from asrquant.measure.report import Report
from asrquant.model.recognizer import Recognizer


def add(commands: Commands) -> None:
    """Add the commands to argparse's subparsers."""
    making = commands.add_parser("export", help="save a quantized model as a verified artifact")
    making.add_argument("--format", metavar="F", help="one of the preset's, listed below (default: its first)")
    making.add_argument(
        "--out", type=Path, metavar="DIR",
        help="default: ASRQUANT_EXPORTS, else artifacts/exports of the checkout, else exports",
    )  # fmt: skip
    making.add_argument("--data", type=Path, help="a folder or manifest to measure on (default: the bundled clips)")
    making.add_argument("--no-benchmark", action="store_true", help="do not measure WER and RTF for the model card")
    making.add_argument("--push", metavar="USER/REPO", help="also upload to the Hugging Face Hub (token: HF_TOKEN)")
    add_preset_options(making)
    list_presets(making, with_formats=True)
    add_model_options(making)
    making.set_defaults(run=_export)

    using = commands.add_parser("transcribe", help="the words in a clip")
    using.add_argument("clip", type=Path)
    using.add_argument(
        "--artifact", type=Path, metavar="DIR", help="an exported model; without it, --model and --preset"
    )
    add_channel(using)
    add_preset_options(using)
    add_model_options(using)
    using.set_defaults(run=_transcribe)

    checking = commands.add_parser("verify", help="check an artifact's files and what it answers on this machine")
    checking.add_argument("artifact", type=Path, metavar="DIR")
    checking.set_defaults(run=_verify)


def _export(args: argparse.Namespace) -> int:
    preset = chosen_preset(args)
    get_format(args.format, preset)  # what can be wrong at once, before what takes long
    if args.push:
        hub.check(args.push)
    exports = Exports(args.out)
    exports.check()
    own = own_clips(args)
    original = load_model(args)
    with Bar() as progress:
        recognizer = quantized(own, original, preset, progress)
        report = None if args.no_benchmark else _measure(original, recognizer, args, progress)
        artifact = export(recognizer, args.format, exports, report, progress, original)
    print(aligned(pd.DataFrame(summary(artifact.manifest).items(), columns=["Artifact", artifact.name])))
    print(f"\nfolder  {artifact.folder}\nzip     {artifact.zip}\nsha256  {artifact.zip_sha256}")
    if args.push:
        print(f"pushed  {hub.push(artifact, args.push)}")
    return 0


def _measure(original: Recognizer, recognizer: Recognizer, args: argparse.Namespace, progress: Progress) -> Report:
    utterances, what = (
        (read_clips(args.data, data_root=args.data_root), printable_name(args.data))
        if args.data
        else (example_clips(), BUNDLED)
    )
    both = [original, recognizer] if recognizer is not original else [original]
    return benchmark(both, utterances, progress, what)


def _transcribe(args: argparse.Namespace) -> int:
    audio = read_audio(args.clip, channel=args.channel)
    if audio.source_note:
        print(f"notice: {printable_name(args.clip)}: {audio.source_note}", file=sys.stderr)
    if args.artifact:
        recognizer = load_artifact(args.artifact)
        recognizer = recognizer.with_decoder(args.decoder) if args.decoder else recognizer
    else:
        preset, own = chosen_preset(args), own_clips(args)
        with Bar() as progress:
            recognizer = quantized(own, load_model(args), preset, progress)
    if recognizer.notice:
        print(recognizer.notice, file=sys.stderr)
    print(recognizer.transcribe(audio).text)
    return 0


def _verify(args: argparse.Namespace) -> int:
    with Bar() as progress:
        check = verify(args.artifact, progress)
    print(f"{args.artifact}: every file is as it was made; loaded; {outcome(check)}.")
    rows = [
        {"clip": name, "largest difference of a log-prob": f"{value:.2g}"} for name, value in check.differences.items()
    ]
    print(aligned(pd.DataFrame(rows)))
    if check.passed:
        return 0
    print("It answers otherwise than where it was made; quantized kernels can differ between processors.")
    return 1
