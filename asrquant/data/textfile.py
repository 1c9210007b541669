"""Text files as people's programs write them: their encoding, and what ends a line in them."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from pathlib import Path

from asrquant.base.errors import DatasetError
from asrquant.base.files import printable_name

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
"""In an order in which the longer ones of the same beginning come first."""
_ENDS = re.compile(r"\r\n|\r|\n")


def read_text(path: Path, most: int) -> str:
    """The text of a file in UTF-8, UTF-16 or UTF-32, without its byte order mark; a name that ends in .gz is unpacked.

    Args:
        path: of the file.
        most: bytes that it may be unpacked to.

    Raises:
        DatasetError: it cannot be read, is in another encoding, or unpacks to more than ``most`` bytes.
    """
    name = printable_name(path)
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path) as packed:
                data = packed.read(most + 1)
            if len(data) > most:
                raise DatasetError(f"{name} unpacks to more text than is read; split it into several.")
        else:
            data = path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DatasetError(f"{name} cannot be unpacked: {error}.") from None
    except OSError as error:
        raise DatasetError(f"{name} cannot be read ({error.strerror}); check who may read it.") from None
    mark, encoding = next(
        ((mark, encoding) for mark, encoding in _MARKS if data.startswith(mark)), (b"", _unmarked(data))
    )
    try:
        return data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DatasetError(f"{name} is not text in UTF-8 (line {line}: {error.reason}); save it as UTF-8.") from None


def lines(text: str) -> list[str]:
    """The lines of a text: what editors call lines, so neither a form feed nor U+2028 ends one."""
    return _ENDS.split(text)


def columns(line: str, most: int) -> list[str]:
    """At most so many columns of a line, between which there are blanks or tabs."""
    return re.split(r"[ \t]+", line.strip(" \t"), maxsplit=most - 1)


def wrong(name: str, line: int, what: str) -> DatasetError:
    """The error for a line of a manifest that cannot be read."""
    return DatasetError(f"{name} cannot be read as a manifest: line {line}{what}.")


def _unmarked(data: bytes) -> str:
    """UTF-8; or UTF-16 without its mark, in which every other byte of a text that begins in English is zero."""
    start = data[:8]
    if len(start) == 8:
        if not any(start[1::2]) and all(start[::2]):
            return "utf-16-le"
        if not any(start[::2]) and all(start[1::2]):
            return "utf-16-be"
    return "utf-8"
