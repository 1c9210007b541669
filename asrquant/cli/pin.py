"""``pin``: put a Hub model on the list of those that may be loaded, at its present commit."""

from __future__ import annotations

import argparse

from asrquant.base.files import megabytes
from asrquant.cli.common import Commands
from asrquant.sources.pinning import pin


def add(commands: Commands) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser(
        "pin", help="let a Hub model be loaded, at its present commit and with these files only"
    )
    parser.add_argument("hub_id", metavar="USER/NAME")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    for hub_id, repository in pin(args.hub_id).items():
        print(f"{hub_id} at {repository.revision}")
        for name, file in repository.files.items():
            print(f"  {file.sha256}  {name} ({megabytes(file.bytes)})")
    return 0
