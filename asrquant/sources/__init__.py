"""Where a float recognizer comes from: one file a toolkit, and the Hub."""

from asrquant.sources.loading import load, offered

__all__ = ["load", "offered"]
