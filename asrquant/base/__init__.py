"""What every other room may use: errors, settings, progress, files, processes, tables as text."""

from asrquant.base.errors import AsrQuantError
from asrquant.base.progress import Progress, silent

__all__ = ["AsrQuantError", "Progress", "silent"]
