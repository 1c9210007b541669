"""The terminal: one file a command, or a few that belong together."""

from asrquant.cli.command import main

__all__ = ["main"]
