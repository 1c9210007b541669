"""``--ray``: the same command on the workers of a Ray."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext

import torch

from asrquant.base.errors import MissingDependencyError
from asrquant.base.settings import settings
from asrquant.cluster.connection import LOCAL, missing, on_ray
from asrquant.measure.crew import HERE, Crew


def add_ray(parser: argparse.ArgumentParser) -> None:
    """The option; read by ``chosen_crew``."""
    parser.add_argument(
        "--ray", nargs="?", const=LOCAL, metavar="ADDRESS",
        help="run the clips on the workers of a Ray: one of its own on this machine, or the cluster at HOST:PORT or 'auto', of "
        "which this machine is a node; each task has ASRQUANT_THREADS threads",
    )  # fmt: skip


def refuse_no_ray(args: argparse.Namespace) -> None:
    """Refuse what needs Ray where it is not installed.

    Raises:
        MissingDependencyError: with its install line.
    """
    if args.ray and (reason := missing()):
        raise MissingDependencyError(reason)


def chosen_crew(args: argparse.Namespace) -> AbstractContextManager[Crew]:
    """Who does the work; raises as ``on_ray`` when it is entered."""
    if threads := settings().threads:
        torch.set_num_threads(threads)
    return on_ray(args.ray) if args.ray else nullcontext(HERE)
