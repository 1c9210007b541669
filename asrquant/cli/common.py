"""What the commands share: options of presets and models, and loading."""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, get_args

from asrquant.audio.sound import MIX
from asrquant.base.errors import PresetError
from asrquant.base.progress import Progress
from asrquant.cli.bar import Bar
from asrquant.cli.clips import OwnClips, add_clip_options, refuse_useless
from asrquant.cli.named import named_preset
from asrquant.engines.notes import note
from asrquant.engines.quantize import quantize
from asrquant.engines.registry import formats, refuse_unavailable, unavailable
from asrquant.export.built import BuiltModels
from asrquant.export.room import make_room
from asrquant.model.engine_settings import BACKENDS, DYNAMIC_DTYPES, OBSERVERS, OnnxRuntime, OpenVino, Precision, Ranges
from asrquant.model.presets import PRESETS, Preset, custom
from asrquant.model.recognizer import Recognizer
from asrquant.sources.loading import load
from asrquant.sources.nemo.mel_settings import Features
from asrquant.text.decoders import DECODERS
from asrquant.text.normalize import BASIC, NORMALIZATIONS, Normalization

FIRST_PRESET = "dynamic-int8"
"""Where nobody asks for another, and nothing was measured."""


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """``--model``, ``--decoder``, ``--trust-source``; read by ``load_model``."""
    parser.add_argument(
        "--model",
        default="an4",
        metavar="M",
        help="'an4' (default) or 'an4-quartznet', a folder, a .nemo file, or a Hub id such as "
        "facebook/wav2vec2-base-960h, pinned at its first use",
    )
    parser.add_argument(
        "--decoder",
        choices=tuple(DECODERS),
        help="default: the one that the model names; ngram where it came with an n-gram",
    )
    parser.add_argument(
        "--trust-source",
        action="store_true",
        help="load a folder or a Hub model that is code; it may do anything",
    )
    parser.add_argument(
        "--nemo-features",
        choices=get_args(Features),
        help="of a NeMo model: as NeMo up to 2.4 or from 2.5 on computes them (default: as the NeMo that wrote the file)",
    )


def add_channel(parser: argparse.ArgumentParser) -> None:
    """``--channel``; read by ``read_audio``."""
    parser.add_argument(
        "--channel", default=MIX, metavar="N",
        help=f"of a clip with several channels, such as both sides of a call, the one to take: 1, 2 … or {MIX} (default)",
    )  # fmt: skip


def add_normalization(parser: argparse.ArgumentParser) -> None:
    """``--normalize`` and ``--no-vowel-points``; read by ``chosen_normalization``."""
    said = "; ".join(f"{name}: {what}" for name, what in NORMALIZATIONS.items())
    parser.add_argument(
        "--normalize", choices=tuple(NORMALIZATIONS), default=BASIC.name,
        help=f"both texts before they are compared ({said}; default {BASIC.name})",
    )  # fmt: skip
    parser.add_argument(
        "--no-vowel-points", action="store_true", help="what Hebrew, Arabic and Syriac are pointed with does not count"
    )


def chosen_normalization(args: argparse.Namespace) -> Normalization:
    """The normalization that the arguments ask for; raises as ``Normalization``."""
    return Normalization(args.normalize, not args.no_vowel_points)


class Parser(argparse.ArgumentParser):
    """argparse's, with a last paragraph that is made when help is asked for, as it takes a look at the machine."""

    last_words: Callable[[], str] | None = None

    def format_help(self) -> str:
        """The help text."""
        if self.last_words:
            self.epilog, self.formatter_class = self.last_words(), argparse.RawDescriptionHelpFormatter
        return super().format_help()


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""What each command adds itself to."""


def list_presets(parser: Parser, with_formats: bool = False) -> None:
    """Have a command's help end with the presets, and say of those that cannot be used here why.

    Args:
        parser: the command's.
        with_formats: list the formats that the presets' models can be saved in, too.
    """
    parser.last_words = lambda: _presets_text() + (_formats_text() if with_formats else "")


def _formats_text() -> str:
    lines = ["", "", "formats, the first is the default:"]
    for names, presets in _by_formats().items():
        lines += textwrap.wrap(
            ", ".join(presets), 96, initial_indent=f"  {', '.join(names):24}", subsequent_indent=" " * 26,
            break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(lines)


def _by_formats() -> dict[tuple[str, ...], list[str]]:
    """Names of formats → names of the presets whose models can be saved in these."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, preset in PRESETS.items():
        if not unavailable(preset):
            found.setdefault(tuple(form.name for form in formats(preset)), []).append(name)
    return found


def _presets_text() -> str:
    lines = ["presets:"]
    for name, preset in PRESETS.items():
        reason = unavailable(preset)
        said = f"NOT HERE: {reason}" if reason else f"{preset.summary} {note(preset)}".rstrip()
        lines += textwrap.wrap(
            said, 96, initial_indent=f"  {name:24}", subsequent_indent=" " * 26, break_on_hyphens=False
        )
    return "\n".join(lines)


def add_preset_options(parser: Parser, default: str = FIRST_PRESET) -> None:
    """``--preset`` and the settings that change it; read by ``chosen_preset``.

    Args:
        parser: the command's.
        default: what the help says of it, where a command has another one.
    """
    list_presets(parser)
    parser.add_argument(
        "--preset",
        default=FIRST_PRESET,
        metavar="P",
        help=f"one of those below, custom, or found.json#3 of a search (default: {default})",
    )
    group = parser.add_argument_group("settings of the preset 'custom' (or changes to another)")
    group.add_argument("--set", action="append", default=[], metavar="MODULE=SCHEME", help="float, dynamic or static")
    group.add_argument("--dtype", choices=DYNAMIC_DTYPES, help="of the dynamic parts")
    group.add_argument("--backend", choices=BACKENDS)
    group.add_argument("--observer", choices=OBSERVERS)
    group.add_argument("--precision", choices=get_args(Precision), help="of OpenVINO's float parts")
    group.add_argument("--smooth-quant", action="store_const", const=True, help="NNCF's SmoothQuant before int8")
    group.add_argument("--ranges", choices=get_args(Ranges), help="how NNCF estimates the ranges of activations")
    group.add_argument(
        "--keep-float",
        action="append",
        metavar="MODULE",
        help="that an openvino or onnx preset shall leave alone; may be repeated",
    )
    group.add_argument(
        "--max-drop",
        type=float,
        metavar="POINTS",
        help="of WER (CER in scripts without spaces), that NNCF may lose on validation clips",
    )
    add_clip_options(parser)


def output(text: str) -> Path:
    """A file or folder to write results to, for argparse: refused before the work if it cannot be written.

    Raises:
        argparse.ArgumentTypeError: says why.
    """
    path = Path(text)
    try:
        there = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
        possible = os.access(there, os.W_OK)
    except OSError:
        possible = False
    if not possible:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written by this account; choose another place")
    return path


def chosen_preset(args: argparse.Namespace) -> Preset:
    """The preset that the arguments ask for, looked at before anything is loaded or built for it.

    Raises:
        PresetError: there is none such, or this machine cannot carry it out.
        MissingDependencyError: its engine is not installed.
    """
    preset = _asked_for(args)
    refuse_useless(args, [preset])
    refuse_unavailable(preset)
    return preset


def _asked_for(args: argparse.Namespace) -> Preset:
    schemes = dict(_scheme(text) for text in args.set)
    eager, fast, calibration = (_given(args, flags) for flags in (_EAGER, _OPENVINO, _CALIBRATION))
    if args.preset == "custom":
        _refuse(fast, "'custom' is not OpenVINO's", "an openvino preset")
        if not schemes:
            raise PresetError("The preset 'custom' needs at least one --set MODULE=SCHEME; see 'asrquant modules'.")
        return custom(schemes, **_fields(eager), **_fields(calibration))
    preset = named_preset(args.preset)
    settings = _fields(calibration)
    if isinstance(preset.settings, OpenVino):
        _refuse(eager, f"{preset.name!r} is OpenVINO's", "a preset of PyTorch's")
        if fast:
            settings["openvino"] = replace(preset.settings, **_fields(fast))
    elif isinstance(preset.settings, OnnxRuntime):
        own = _given(args, _ONNX)
        _refuse(eager, f"{preset.name!r} is ONNX Runtime's", "a preset of PyTorch's")
        _refuse([one for one in fast if one not in own], f"{preset.name!r} is ONNX Runtime's", "an openvino preset")
        if own:
            settings["onnxruntime"] = replace(preset.settings, **_fields(own))
    else:
        _refuse(fast, f"{preset.name!r} is not OpenVINO's", "an openvino preset")
        settings |= _fields(eager)
    if schemes or settings:
        return custom(schemes, base=preset, name=f"{preset.name}, changed", **settings)
    return preset


_EAGER = {"--dtype": "dynamic_dtype", "--backend": "backend", "--observer": "observer"}
_OPENVINO = {
    "--precision": "precision", "--smooth-quant": "smooth_quant", "--ranges": "ranges", "--keep-float": "ignored",
    "--max-drop": "max_drop",
}  # fmt: skip
_ONNX = {"--keep-float": "ignored"}
_CALIBRATION = {"--calibration-clips": "calibration_clips", "--calibration-seed": "calibration_seed"}
"""Flags as they are typed, and what ``custom``, ``OpenVino`` and ``OnnxRuntime`` call what they set."""


@dataclass(frozen=True)
class _Given:
    """A flag that was typed, the field that it sets, and to what."""

    flag: str
    field: str
    value: Any


def _given(args: argparse.Namespace, flags: Mapping[str, str]) -> list[_Given]:
    """Those of the flags that were typed."""
    values = {flag: getattr(args, flag.lstrip("-").replace("-", "_")) for flag in flags}
    return [_Given(flag, flags[flag], value) for flag, value in values.items() if value is not None]


def _fields(given: Sequence[_Given]) -> dict[str, Any]:
    """Keyword arguments for ``custom`` and ``replace``."""
    return {one.field: tuple(one.value) if isinstance(one.value, list) else one.value for one in given}


def _refuse(given: Sequence[_Given], why: str, where: str) -> None:
    """Refuse flags that would do nothing."""
    if given:
        flags = " and ".join(one.flag for one in given)
        raise PresetError(f"{why}; {flags} {'goes' if len(given) == 1 else 'go'} with {where}.")


def _scheme(text: str) -> tuple[str, str]:
    module, separator, scheme = text.partition("=")
    if not separator:
        raise PresetError(f"--set {text}: write MODULE=SCHEME, for example encoder.enc=dynamic.")
    return module, scheme


def quantized(own: OwnClips, original: Recognizer, preset: Preset, progress: Progress) -> Recognizer:
    """Quantize as the arguments ask for it, or read what was built so before; raises as ``quantize``."""
    return quantize(original, preset, own.calibration, progress, own.validation, BuiltModels(make_room))


def load_model(args: argparse.Namespace) -> Recognizer:
    """The float recognizer that the arguments ask for.

    Raises:
        SourceError: it cannot be loaded.
    """
    with Bar() as progress:
        return load(
            args.model,
            decoder=args.decoder,
            trust_source=args.trust_source,
            progress=progress,
            nemo_features=args.nemo_features,
        )
