"""``machine``: the processor, what can run on it, and what a race of the presets found."""

from __future__ import annotations

import argparse
import math
import os
import sys
import textwrap
from collections.abc import Sequence

from asrquant.base.files import megabytes
from asrquant.base.tables import aligned
from asrquant.cli.bar import Bar
from asrquant.cli.common import Commands, add_model_options, load_model
from asrquant.engines.notes import note
from asrquant.engines.quantize import quantize
from asrquant.engines.registry import unavailable
from asrquant.export import raced
from asrquant.export.built import BuiltModels
from asrquant.export.room import make_room
from asrquant.jobs import memory, threads
from asrquant.measure.conditions import here
from asrquant.measure.race import race
from asrquant.measure.winner import Race, int8_worth, verdict
from asrquant.model.presets import PRESETS
from asrquant.model.recognizer import Recognizer
from asrquant.show.race import race_about, race_table

_WIDTH = 110


def add(commands: Commands) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("machine", help="the processor, which presets can run on it, and which is first there")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--race", action="store_true",
        help="have all presets run in turns on the bundled clips, and keep what is found (a minute or so with the model an4)",
    )  # fmt: skip
    what.add_argument("--forget", action="store_true", help="remove what was found here with this model")
    add_model_options(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    original = load_model(args)
    for name, said in _facts(original):
        print(
            textwrap.fill(said, _WIDTH, initial_indent=f"{name:14}", subsequent_indent=" " * 14, break_on_hyphens=False)
        )
    print()
    if args.forget:
        there = raced.forget(original)
        print(f"The record of {original.named} on this machine {'is removed' if there else 'was not there'}.")
        return 0
    found = _race(original) if args.race else raced.find(original)
    if found is None:
        print(f"No race was run with {original.named} on this machine as it is now; --race runs one.")
        return 0
    print(aligned(race_table(found)))
    print()
    for sentence in (race_about(found), verdict(found), int8_worth(found)):
        print(textwrap.fill(sentence, _WIDTH, break_on_hyphens=False))
    for each in found.left_out:
        print(textwrap.fill(f"No part in it: {each.preset}: {each.reason}", _WIDTH, break_on_hyphens=False))
    return 0


def _race(original: Recognizer) -> Race:
    shelf = BuiltModels(make_room)
    with Bar() as progress:
        found = race(
            original, lambda preset: quantize(original, preset, progress=progress, shelf=shelf), progress=progress
        )
    if not found.steady or raced.keep(original, found) is None:
        print("notice: what was found is not kept, and will have to be measured anew.", file=sys.stderr)
    return found


def _facts(original: Recognizer) -> Sequence[tuple[str, str]]:
    """What is known of the machine: names and sentences."""
    now = here()
    reasons: dict[str, list[str]] = {}
    for name, preset in PRESETS.items():
        reasons.setdefault(unavailable(preset, original) or "", []).append(name)
    usable = reasons.pop("", [])
    notes = [(name, note(PRESETS[name])) for name in usable]
    computes = f"PyTorch's kernels for {now.pytorch}" + (
        f"; OpenVINO in {', '.join(now.openvino)}" if now.openvino else ""
    )
    cpus = os.cpu_count() or threads.cpus()
    return (
        ("processor", f"{now.processor}, {now.architecture}" + (" (asrquant was not tried on ARM)" if now.arm else "")),
        ("instructions", ", ".join(now.instructions) or "not known"),
        ("int8 products", ", ".join(now.int8_products) or "none in one instruction"),
        ("computes with", computes),
        ("threads", f"{now.threads}; CPUs that may be used: {threads.cpus()} of {cpus}"),
        ("memory", f"{_bytes(memory.free())} free of {_bytes(memory.total())}"),
        ("libraries", ", ".join(now.libraries)),
        ("presets", ", ".join(usable)),
        *(("", f"{name}: {said}") for name, said in notes if said),
        *(("not here", f"{', '.join(names)}: {reason}") for reason, names in reasons.items()),
    )


def _bytes(count: float) -> str:
    return megabytes(count) if math.isfinite(count) else "not known"
