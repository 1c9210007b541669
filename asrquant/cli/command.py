"""The terminal. One file a command, or a few that belong together."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from asrquant.base import quiet, terminal
from asrquant.base.errors import AsrQuantError
from asrquant.base.settings import settings
from asrquant.cli import artifacts, benchmark, compare, data, machine, models, modules, pin, search, space
from asrquant.cli.common import Parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status (2 for something that the caller has to change)."""
    terminal.prepare()
    args = _parser().parse_args(arguments)
    quiet.loud(args.verbose)
    _log_to_terminal(args.verbose)
    try:
        settings()  # one that cannot be used is said before the work, whether the command needs it or not
        status: int = args.run(args)
        if why := terminal.undelivered():
            raise OSError(0, why, "standard output")
        return status
    except (AsrQuantError, ValueError) as error:
        print(f"asrquant: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a file that cannot be written or read
        print(f"asrquant: {error.filename or 'a file'}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("asrquant: stopped.", file=sys.stderr)
        return 130


def _log_to_terminal(verbose: bool) -> None:
    """Our warnings and anybody's errors; ``verbose``: all that the libraries say.

    SpeechBrain sets the levels of its own loggers, so what reaches the terminal is decided by the handler.
    """
    handler = logging.StreamHandler()
    handler.setLevel(logging.INFO if verbose else logging.WARNING)
    if not verbose:
        handler.addFilter(lambda record: record.levelno >= logging.ERROR or record.name.startswith("asrquant"))
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)


def _parser() -> Parser:
    parser = Parser("asrquant", description="What quantization does to a speech recognizer.")
    parser.add_argument("-v", "--verbose", action="store_true", help="log what the libraries do")
    commands = parser.add_subparsers(required=True)
    for command in (compare, benchmark, data, modules, search, artifacts, models, machine, pin, space):
        command.add(commands)
    return parser
