"""The terminal as it may be: without the characters that are printed, or with nobody who reads on."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from pathlib import Path
from typing import Any

_SPELLED = {"→": "->", "×": "x", "…": "...", "–": "-", "’": "'"}
"""Our own signs in ASCII. What models and people write is escaped instead, as another letter makes another word."""
_HANDLER = "asrquant-readable"


def _readable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_SPELLED.get(sign) or ascii(sign)[1:-1] for sign in lacking), error.end


codecs.register_error(_HANDLER, _readable)


class _Patient(io.FileIO):
    """A stream that takes whatever is written, so that the work goes on: there may be files that are still to be written."""

    undelivered: OSError | None = None

    def write(self, data: Any) -> int:
        """Write, unless nobody reads any more (``| head -1``) or it fails."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EPIPE:
                self.undelivered = error
            return memoryview(data).nbytes


def prepare() -> None:
    """Let standard output and error take every text, whatever their encoding, and survive their reader.

    What their encoding lacks is spelled in ASCII.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed (`>&-`); a file that is opened later must not get its number
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        if not isinstance(stream, io.TextIOWrapper):
            continue
        try:
            patient = _Patient(stream.fileno(), "w", closefd=False)
        except OSError:  # no file, but what stands in for one
            stream.reconfigure(errors=_HANDLER)
            continue
        stream.flush()
        buffer = io.BufferedWriter(patient)  # line by line, for who reads the page's address in a log
        setattr(sys, name, io.TextIOWrapper(buffer, stream.encoding, _HANDLER, line_buffering=True))


def undelivered() -> str | None:
    """Why something that was printed did not arrive, such as on a full disk; None where all did."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    error = raw.undelivered if isinstance(raw, _Patient) else None
    return error.strerror if error else None
