"""``data``: what a data set is taken for, and what is in it, without a model."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from asrquant.base.tables import aligned
from asrquant.cli.bar import Bar
from asrquant.cli.clips import add_data_root
from asrquant.cli.common import Commands
from asrquant.data.overview import Overview, overview
from asrquant.data.reading import read_dataset

_LONGEST = 10
_REFUSED = 20
"""Rows that are shown; the others are counted."""


def add(commands: Commands) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("data", help="what a data set is taken for, and what is in it")
    parser.add_argument(
        "data", type=Path, metavar="PATH", help="a folder or a manifest; docs/data.md lists the layouts"
    )
    add_data_root(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    data = read_dataset(args.data, data_root=args.data_root)
    with Bar() as progress:
        found = overview(data, progress)
    print(f"{data.name}: {data.read_as}")
    print(f"{_plural(len(found.clips), 'clip')}, {_length(found)}")
    for what, counts in (("rates", found.rates), ("channels", found.channels), ("codings", found.codings)):
        print(f"{what}: {_counts(counts)}")
    if found.clips:
        rows = [
            {
                "longest clips": clip.utterance.id,
                "seconds": f"{clip.header.seconds:.2f}",
                "words": clip.utterance.reference,
            }
            for clip in found.longest(_LONGEST)
        ]
        print("\n" + aligned(pd.DataFrame(rows).assign(words=lambda table: table["words"].map(_cut))))
    bad = (*data.bad, *found.bad)
    if bad:
        print(f"\n{_plural(len(bad), 'row')} cannot be used:")
    for row in bad[:_REFUSED]:
        print(f"{row.id!r} {row.reason}")
    if len(bad) > _REFUSED:
        print(f"… and {len(bad) - _REFUSED} more")
    return 0


def _length(found: Overview) -> str:
    hours = f"{found.seconds / 3600:.2f} h ({found.seconds:.1f} s)"
    return f"{hours}, without {found.unknown} whose headers do not tell their length" if found.unknown else hours


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items()) or "none"


def _plural(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _cut(words: str) -> str:
    return words if len(words) <= 50 else f"{words[:49]}…"
