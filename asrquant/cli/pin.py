"""``pin``: put a Hub model on the list of those that may be loaded, at its present commit."""

from __future__ import annotations

import argparse

from asrquant.base.files import megabytes
from asrquant.cli.bar import Bar
from asrquant.cli.common import Commands
from asrquant.sources.pinning import pin


def add(commands: Commands) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("pin", help="keep a Hub model at its present commit, with these files only")
    parser.add_argument("--local", action="store_true", help="in the list in the cache, not in that of this checkout")
    parser.add_argument("hub_id", metavar="USER/NAME")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    with Bar() as progress:
        made = pin(args.hub_id, progress, args.local)
    for hub_id, repository in made.items():
        print(f"{hub_id} at {repository.revision}")
        for name, file in repository.files.items():
            print(f"  {file.sha256}  {name} ({megabytes(file.bytes)})")
    return 0
