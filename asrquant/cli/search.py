"""``search``: which mixture of precisions is the fastest and smallest that still answers as the original does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from asrquant.base.errors import Cancelled
from asrquant.base.tables import markdown
from asrquant.cli.bar import Bar
from asrquant.cli.clips import add_clip_options, drawn, own_clips
from asrquant.cli.common import Commands, add_model_options, load_model, output
from asrquant.data.sounds import read_sounds
from asrquant.measure.search.found import Found, Limits, write_found
from asrquant.measure.search.plan import CLIPS, EQUAL, SEED, Budget, Plan
from asrquant.measure.search.searching import search
from asrquant.measure.search.space import ENGINES
from asrquant.measure.search.trial import Trial
from asrquant.measure.sensitivity import CALIBRATION
from asrquant.show.search import about_search, points_figure, recommendation, search_table, trials_figure

MINUTES = 10.0


def add(commands: Commands) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser(
        "search", help="the fastest and smallest mixture that still answers as the original does"
    )
    parser.add_argument(
        "--data", type=Path, metavar="PATH",
        help="clips to measure on, words or none, in any layout (default: bundled ones, for the model an4 only)",
    )  # fmt: skip
    parser.add_argument(
        "--clips",
        type=int,
        default=CLIPS,
        metavar="N",
        help=f"of them searched with (default {CLIPS}); the others check",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help=f"that the trials may take (default {MINUTES:g}, or no end with --trials)",
    )
    parser.add_argument("--trials", type=int, metavar="N", help="mixtures that are tried at most")
    parser.add_argument("--seed", type=int, default=SEED, metavar="S", help=f"of all that is drawn (default {SEED})")
    parser.add_argument("--layers", action="store_true", help="decide on each transformer layer by itself")
    parser.add_argument(
        "--engine", action="append", choices=tuple(ENGINES), help="may be repeated (default: all that can be used)"
    )
    parser.add_argument(
        "--max-divergence", type=float, metavar="NATS",
        help=f"a frame, that a recommended mixture may have on unseen clips (default {EQUAL.max_nats:g}, without --max-drop)",
    )  # fmt: skip
    parser.add_argument(
        "--max-drop", type=float, metavar="POINTS", help="of WER that it may lose there, beyond doubt; needs words"
    )
    parser.add_argument(
        "--out", type=output, default=Path("found.json"), metavar="FILE",
        help="the result (default found.json), for --preset FILE#3; beside it FILE's .db (trials, SQLite) and .html (chart)",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on with the search that --out began")
    add_clip_options(parser, validation=False)
    add_model_options(parser)
    parser.set_defaults(run=_run)


def _plan(args: argparse.Namespace) -> Plan:
    minutes = MINUTES if args.minutes is None and args.trials is None else args.minutes
    limits = Limits(args.max_divergence, args.max_drop)
    return Plan(
        budget=Budget(minutes, args.trials),
        limits=EQUAL if limits == Limits() else limits,
        seed=args.seed,
        layers=args.layers,
        engines=tuple(dict.fromkeys(args.engine)) if args.engine else None,
        draw=drawn(args, CALIBRATION),
        clips=args.clips,
    )


def _run(args: argparse.Namespace) -> int:
    plan, store = _plan(args), args.out.with_suffix(".db")  # what can be wrong at once, before what takes long
    data, own = read_sounds(args.data, data_root=args.data_root) if args.data else None, own_clips(args)
    for row in data.bad if data else ():
        print(f"not used of --data: {row.id!r} {row.reason}", file=sys.stderr)
    original = load_model(args)
    seen: list[tuple[Trial, ...]] = []
    try:
        with Bar() as progress:
            found = search(
                original,
                data,
                plan,
                store,
                args.resume,
                own.calibration,
                progress,
                lambda trials: seen.append(trials[:]),
            )
    except (KeyboardInterrupt, Cancelled):
        print(
            f"stopped after {len(seen[-1]) if seen else 0} trials; --out {args.out} --resume goes on", file=sys.stderr
        )
        return 130
    chart = args.out.with_suffix(".html")
    write_found(found, args.out)
    recommended = found.preset() if found.recommended else None
    chart.write_text(
        (trials_figure(seen[-1], recommended) if seen else points_figure(found)).to_html(), encoding="utf-8"
    )
    _say(found, args.out)
    print(f"written: {args.out}, and beside it {store.name} (trials) and {chart.name} (chart)")
    return 0


def _say(found: Found, out: Path) -> None:
    print(markdown(search_table(found)))
    print(f"\n{about_search(found)}\n{recommendation(found)}")
    if found.recommended:
        print(f"try it: --preset {out}#{found.recommended}")
    if found.calibration and found.calibration.notice:
        print(f"static parts: {found.calibration.notice}")
