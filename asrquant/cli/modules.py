"""``modules``: what can be quantized how, and what it weighs."""

from __future__ import annotations

import argparse
from typing import Any

import pandas as pd

from asrquant.cli.common import add_model_options, load_model
from asrquant.modules import module_map
from asrquant.text import aligned


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("modules", help="what can be quantized how, and what it weighs")
    add_model_options(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
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
    return 0
