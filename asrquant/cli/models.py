"""``models``: the list of models, and whether each can be had here."""

from __future__ import annotations

import argparse

from asrquant.base.errors import AsrQuantError
from asrquant.cli.bar import Bar
from asrquant.cli.common import Commands
from asrquant.data.bundled import example_clips
from asrquant.jobs.offers import Offer, offers
from asrquant.sources.loading import load


def add(commands: Commands) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("models", help="the models that are offered by name, and how far away each is")
    parser.add_argument(
        "--check", action="store_true", help="download and load each in its turn, and let it hear a bundled clip"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="of those to check; all where none is named")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    found = [each for each in offers() if not args.names or each.name in args.names]
    if unknown := sorted(set(args.names) - {each.name for each in found}):
        raise ValueError(f"There is no model {unknown[0]!r} in the list; 'asrquant models' shows it.")
    for each in found:
        print(f"{each.name}\n    {each.in_a_line()}")
    return 0 if not args.check else max([_check(each) for each in found])


def _check(each: Offer) -> int:
    """Load a model and transcribe with it; says what came of it."""
    clip = example_clips()[0]
    try:
        with Bar() as progress:
            recognizer = load(each.name, progress=progress)
        text = recognizer.transcribe(clip.path).text
    except AsrQuantError as error:
        print(f"{each.name}: {error}")
        return 1
    print(f"{recognizer.named}, {recognizer.decoder.name}: {text!r} where {clip.reference!r} is said")
    return 0
