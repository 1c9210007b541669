"""The terminal: compare, benchmark, modules."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from asrquant.audio import read_audio
from asrquant.benchmark import benchmark
from asrquant.charts import report_table
from asrquant.compare import compare, comparison_dict
from asrquant.dataset import example_clips, read_librispeech
from asrquant.decoding import DECODERS
from asrquant.engines import quantize
from asrquant.errors import AsrQuantError, PresetError
from asrquant.modules import module_map
from asrquant.presets import BACKENDS, DYNAMIC_DTYPES, OBSERVERS, PRESETS, Preset, custom, get_preset
from asrquant.progress import Progress
from asrquant.recognizer import Recognizer
from asrquant.sources import load
from asrquant.text import aligned, comparison_text, markdown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status (2 for something that the caller has to change)."""
    args = _parser().parse_args(arguments)
    _log_to_terminal(args.verbose)
    try:
        status: int = args.run(args)
        return status
    except (AsrQuantError, ValueError) as error:
        print(f"asrquant: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("asrquant: stopped.", file=sys.stderr)
        return 130


def _log_to_terminal(verbose: bool) -> None:
    """SpeechBrain sets the levels of its own loggers, so what reaches the terminal is decided by the handler."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.INFO if verbose else logging.ERROR)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("asrquant", description="What quantization does to a speech recognizer.")
    parser.add_argument("-v", "--verbose", action="store_true", help="log what the libraries do")
    commands = parser.add_subparsers(required=True)

    one = commands.add_parser("compare", help="one clip, original against quantized")
    one.add_argument("clip", type=Path)
    one.add_argument("--reference", help="what is said in the clip; without it there is no WER")
    one.add_argument("--runs", type=int, default=3, help="counted runs of each (default 3)")
    one.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers as JSON")
    one.add_argument(
        "--preset", default="dynamic-int8", metavar="P", help=f"{', '.join(PRESETS)}, or custom (default dynamic-int8)"
    )
    _preset_options(one)
    _model_options(one)
    one.set_defaults(run=_compare)

    many = commands.add_parser("benchmark", help="a data set, several presets")
    many.add_argument("--data", type=Path, help="LibriSpeech-layout folder (default: the bundled clips)")
    many.add_argument("--preset", action="append", metavar="P", help="may be repeated (default: all)")
    many.add_argument("--limit", type=int, help="only the first clips")
    _model_options(many)
    many.set_defaults(run=_benchmark)

    parts = commands.add_parser("modules", help="what can be quantized how, and what it weighs")
    _model_options(parts)
    parts.set_defaults(run=_modules)
    return parser


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", default="an4", metavar="M", help="'an4' (default), an EncoderASR folder, or a Hub id"
    )
    parser.add_argument("--decoder", choices=tuple(DECODERS), help="default: the best that the model came with")
    parser.add_argument("--trust-source", action="store_true", help="run the code that an unlisted model brings")


def _preset_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings of the preset 'custom' (or changes to another)")
    group.add_argument("--set", action="append", default=[], metavar="MODULE=SCHEME", help="float, dynamic or static")
    group.add_argument("--dtype", choices=DYNAMIC_DTYPES, help="of the dynamic parts")
    group.add_argument("--backend", choices=BACKENDS)
    group.add_argument("--observer", choices=OBSERVERS)
    group.add_argument("--calibration-clips", type=int, metavar="N")
    group.add_argument("--calibration-seed", type=int, metavar="S")


def _preset(args: argparse.Namespace) -> Preset:
    settings = {
        "dynamic_dtype": args.dtype,
        "backend": args.backend,
        "observer": args.observer,
        "calibration_clips": args.calibration_clips,
        "calibration_seed": args.calibration_seed,
    }
    settings = {name: value for name, value in settings.items() if value is not None}
    schemes = dict(_scheme(text) for text in args.set)
    if args.preset == "custom":
        if not schemes:
            raise PresetError("The preset 'custom' needs at least one --set MODULE=SCHEME; see 'asrquant modules'.")
        return custom(schemes, **settings)
    preset = get_preset(args.preset)
    if schemes or settings:
        return custom(schemes, base=preset, name=f"{preset.name}, changed", **settings)
    return preset


def _scheme(text: str) -> tuple[str, str]:
    module, separator, scheme = text.partition("=")
    if not separator:
        raise PresetError(f"--set {text}: write MODULE=SCHEME, for example encoder.enc=dynamic.")
    return module, scheme


def _load(args: argparse.Namespace) -> Recognizer:
    with contextlib.nullcontext() if args.verbose else _quiet_stderr():
        return load(args.model, decoder=args.decoder, trust_source=args.trust_source)


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """KenLM draws a progress bar on the process's stderr, from C++; what matters comes as an exception."""
    sys.stderr.flush()
    saved = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


class _Bar:
    """A tqdm bar a stage."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self.close()
            self._bar, self._stage = tqdm(total=total, desc=stage, leave=False, file=sys.stderr), stage
        if self._bar is not None:
            self._bar.n = done
            self._bar.refresh()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _compare(args: argparse.Namespace) -> int:
    audio, preset = read_audio(args.clip), _preset(args)  # what can be wrong at once, before what takes long
    original = _load(args)
    with _Bar() as progress:
        quantized = quantize(original, preset, progress=progress)
        comparison = compare(original, quantized, audio, args.reference, args.runs, progress)
    print(comparison_text(comparison))
    if args.json:
        args.json.write_text(json.dumps(comparison_dict(comparison), indent=1) + "\n", encoding="utf-8")
    return 0


def _benchmark(args: argparse.Namespace) -> int:
    utterances = read_librispeech(args.data) if args.data else example_clips()
    if args.limit is not None:
        if args.limit < 1:
            raise ValueError(f"--limit is {args.limit}; at least 1 clip is needed.")
        utterances = utterances[: args.limit]
    presets = [get_preset(name) for name in dict.fromkeys(["original", *(args.preset or PRESETS)])]
    original = _load(args)
    with _Bar() as progress:
        recognizers = [quantize(original, preset, progress=progress) for preset in presets]
        report = benchmark(recognizers, utterances, progress=progress)
    seconds = sum(row.audio_seconds for row in report.rows) / len(recognizers)
    print(markdown(report_table(report)))
    print(
        f"\n{len(utterances)} clips, {report.summaries[0].errors.reference_words} words, {seconds:.0f} s of audio; "
        f"model {report.source}, decoder {report.decoder}; {report.machine}"
    )
    return 0


def _modules(args: argparse.Namespace) -> int:
    recognizer = _load(args)
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
