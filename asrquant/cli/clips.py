"""``--calibration``, ``--validation`` and what goes with them, for every command that quantizes."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asrquant.base.errors import PresetError
from asrquant.data.bundled import CALIBRATION_CLIPS, CALIBRATION_SEED
from asrquant.data.dataset import Dataset
from asrquant.data.reading import read_dataset
from asrquant.data.sounds import read_sounds
from asrquant.model.presets import Calibration, Preset


@dataclass(frozen=True)
class OwnClips:
    """Clips of one's own, as they were found; None takes the bundled ones."""

    calibration: Dataset | None = None
    validation: Dataset | None = None


def add_clip_options(parser: argparse.ArgumentParser, validation: bool = True) -> None:
    """The options; read by ``own_clips``.

    Args:
        parser: the command's.
        validation: whether the command has validation clips.
    """
    group = parser.add_argument_group("clips of one's own")
    add_data_root(group)
    group.add_argument(
        "--calibration", type=Path, metavar="PATH",
        help="clips to calibrate with, words or none: a data set in any layout, or a folder of sound files (default: the bundled "
        "ones, which fit the model an4)",
    )  # fmt: skip
    group.add_argument(
        "--calibration-clips", type=int, metavar="N",
        help=f"how many of them are drawn (default {CALIBRATION_CLIPS}; all, where there are fewer)",
    )  # fmt: skip
    group.add_argument(
        "--calibration-seed", type=int, metavar="S", help=f"that they are drawn with (default {CALIBRATION_SEED})"
    )
    if validation:
        group.add_argument(
            "--validation", type=Path, metavar="PATH",
            help="clips with their words for accuracy control (openvino-int8-accurate, --max-drop), all of them: a data set in "
            "any layout (default: the bundled ones, for the model an4 only)",
        )  # fmt: skip


def add_data_root(parser: argparse._ActionsContainer) -> None:
    """``--data-root``, for every data set of a command."""
    parser.add_argument(
        "--data-root",
        type=Path,
        metavar="DIR",
        help="what $data_root in a manifest's paths means, and where relative paths are looked for first",
    )


def refuse_useless(args: argparse.Namespace, presets: Sequence[Preset]) -> None:
    """Refuse clips that none of the presets would hear.

    Raises:
        PresetError: says which they are.
    """
    names = " and ".join(repr(preset.name) for preset in presets)
    if args.calibration and not any(preset.needs_calibration for preset in presets):
        raise PresetError(f"{names} takes no calibration, so --calibration would do nothing; leave it out.")
    if args.validation and not any(preset.needs_validation for preset in presets):
        raise PresetError(f"{names} looks at no clips for --validation; give --max-drop too.")


def own_clips(args: argparse.Namespace) -> OwnClips:
    """The clips that the arguments ask for; rows that cannot be used are named on standard error.

    Raises:
        DatasetError: they cannot be found.
        MissingDependencyError: a library that their layout needs is not installed.
    """
    calibration = (
        _told(read_sounds(args.calibration, data_root=args.data_root), "--calibration") if args.calibration else None
    )
    validation = (
        read_labelled(args.validation, "--validation", args.data_root) if getattr(args, "validation", None) else None
    )
    return OwnClips(calibration, validation)


def read_labelled(path: Path, flag: str, data_root: Path | None) -> Dataset:
    """Clips with their words; rows that cannot be used are named on standard error. Raises as ``read_dataset``."""
    return _told(read_dataset(path, data_root=data_root), flag)


def _told(data: Dataset, flag: str) -> Dataset:
    for row in data.bad:
        print(f"not used of {flag}: {row.id!r} {row.reason}", file=sys.stderr)
    return data


def drawn(args: argparse.Namespace, default: Calibration) -> Calibration:
    """How many clips to calibrate with, and the seed that they are drawn with; raises as ``Calibration``."""
    clips, seed = args.calibration_clips, args.calibration_seed
    return Calibration(default.clips if clips is None else clips, default.seed if seed is None else seed)


def as_typed(args: argparse.Namespace) -> list[str]:
    """The flags for calibration as they were typed, for a command that is to do the same."""
    flags = ("--calibration", "--calibration-clips", "--calibration-seed")
    typed = ((flag, getattr(args, flag.lstrip("-").replace("-", "_"))) for flag in flags)
    return [f"{flag} {shlex.quote(str(value))}" for flag, value in typed if value is not None]
