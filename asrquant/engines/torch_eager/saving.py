"""``torch.save`` for a disk that may be full."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

import torch


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Write a state dict.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    with path.open("wb") as file:
        sink = _Sink(file)
        torch.save(state, cast(IO[bytes], sink))
        sink.finish()


class _Sink(io.RawIOBase):
    """A file that keeps an error for the end: PyTorch's writer does not survive one in its midst."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._error: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._error is None:
            try:
                self._file.write(data)
            except OSError as error:
                self._error = error
        return memoryview(data).nbytes

    def finish(self) -> None:
        """Raise what went wrong, if anything did."""
        if self._error is not None:
            raise self._error
        self._file.flush()
