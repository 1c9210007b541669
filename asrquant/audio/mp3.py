"""MP3, frame by frame without decoding: several files after each other, and how long each really is.

MP3 has no length of its own. Some encoders write one into a first frame without sound (``Xing``, ``Info``); without it decoders
guess from the bit rate at the beginning, and stop there.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from io import FileIO

from asrquant.audio.view import Link, Outline, Part

_MPEG1 = 3
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""By the version: 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5."""
_KBITS = {
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SYNC = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")
_MONO = 3
_IN_A_ROW = 3
"""Frames that have to follow each other where some were expected elsewhere: two given bytes turn up everywhere."""
_LOOKED_THROUGH = 1 << 20
"""Bytes without a frame after which no more are looked for."""
_COUNTED = 1
"""Flag of a Xing frame: the number of frames follows."""
_SLACK = 2
"""Frames by which a number may be off: some encoders count the frame that it stands in."""


@dataclass(frozen=True)
class _Frame:
    """A frame's header: where it starts and ends, and what must not change."""

    at: int
    length: int
    version: int
    rate: int
    mono: bool
    kbits: int

    @property
    def side(self) -> int:
        """Bytes between the header and what a Xing frame holds."""
        if self.version == _MPEG1:
            return 17 if self.mono else 32
        return 9 if self.mono else 17

    def like(self, other: _Frame) -> bool:
        """Whether both can be of one stream."""
        return (self.version, self.rate, self.mono) == (other.version, other.rate, other.mono)


@dataclass
class _Run:
    """Frames that follow each other.

    Attributes:
        first: of them.
        sound: where the first frame with sound starts.
        frames: their number, without the one that has no sound.
        end: of the last one.
        tag: where the number of frames stands; 0 for nowhere.
        said: that number.
        kbits: bit rate of the last one.
        steady: whether all have the same.
    """

    first: _Frame
    sound: int = 0
    frames: int = 0
    end: int = 0
    tag: int = 0
    said: int = 0
    kbits: int = 0
    steady: bool = True


def outline(opened: FileIO, start: int, size: int) -> Outline:
    """What is to be read of an MP3: its streams, each with its true number of frames where its own is wrong or missing."""
    runs = [run for run in _runs(opened, start, size) if run.frames]
    if not runs:
        return Outline()
    links = tuple(Link(_parts(opened, run)) for run in runs)
    return Outline(links, f"{len(runs)} recordings after each other" if len(runs) > 1 else "")


def _known(run: _Run) -> bool:
    """Whether a decoder finds the end by itself, or finds that something is missing."""
    return run.frames <= run.said + _SLACK if run.tag else run.steady


def _parts(opened: FileIO, run: _Run) -> tuple[Part, ...]:
    """A run as a file of its own."""
    if _known(run):
        return (range(run.first.at, run.end),)
    count = run.frames.to_bytes(4, "big")
    if run.tag:
        return (range(run.first.at, run.tag), count, range(run.tag + 4, run.end))
    head = os.pread(opened.fileno(), 4, run.first.at)
    head = bytes([head[0], head[1] | 1, head[2] & 0xFD, head[3]])  # no checksum, no filling
    told = head + bytes(run.first.side) + b"Xing" + _COUNTED.to_bytes(4, "big") + count
    length = _length(run.first.version, run.first.kbits, run.first.rate)
    return (told.ljust(length, b"\0"), range(run.sound, run.end))


def _runs(opened: FileIO, start: int, size: int) -> list[_Run]:
    """All frames of the file."""
    runs: list[_Run] = []
    file = _Window(opened)
    at, run = start, None
    while (frame := _next(file, at, size, run)) is not None:
        tag = _tag(file, frame)
        if run is None or tag is not None or not frame.like(run.first):
            run = _Run(frame)
            runs.append(run)
        if tag is not None:
            run.tag, run.said = tag, int.from_bytes(file.get(tag, 4), "big") if tag else 0
        elif frame.at + frame.length <= size:  # of one that is cut nothing is heard
            run.sound = run.sound or frame.at
            run.steady = run.steady and frame.kbits == run.kbits if run.frames else True
            run.frames, run.kbits = run.frames + 1, frame.kbits
        at = frame.at + frame.length
        run.end = min(at, size)
    return runs


def _next(file: _Window, at: int, size: int, run: _Run | None) -> _Frame | None:
    """The next frame: the one expected, or else the first of a few in a row."""
    frame = _frame(file.get(at, 4), at)
    if frame and (run is None or frame.like(run.first)):
        return frame
    for found in _SYNC.finditer(file.get(at, _LOOKED_THROUGH)):
        first = frame = _frame(file.get(at + found.start(), 4), at + found.start())
        row = 1
        while frame and first and row < _IN_A_ROW and frame.at + frame.length < size:
            after = frame.at + frame.length
            frame = _frame(file.get(after, 4), after)
            row += bool(frame and frame.like(first))
        if first and frame and (row == _IN_A_ROW or frame.at + frame.length >= size):
            return first
    return None


def _frame(head: bytes, at: int) -> _Frame | None:
    """What four bytes say, if they are the header of a frame of layer III."""
    if not _SYNC.match(head) or len(head) < 4:
        return None
    version, kbits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if kbits in (0, 15) or rate == 3 or version not in _RATES:
        return None
    hertz, thousands = _RATES[version][rate], _KBITS[_MPEG1 if version == _MPEG1 else 2][kbits - 1]
    length = _length(version, thousands, hertz) + (head[2] >> 1 & 1)
    return _Frame(at, length, version, hertz, head[3] >> 6 == _MONO, thousands)


def _length(version: int, kbits: int, rate: int) -> int:
    """Bytes of a frame without filling."""
    return (144_000 if version == _MPEG1 else 72_000) * kbits // rate


def _tag(file: _Window, frame: _Frame) -> int | None:
    """Of a frame without sound, where its number of frames stands, 0 for nowhere; None for a frame with sound."""
    body = file.get(frame.at, 64)
    kind, flags = body[4 + frame.side :][:4], body[8 + frame.side :][:4]
    if kind in (b"Xing", b"Info"):
        return frame.at + frame.side + 12 if int.from_bytes(flags, "big") & _COUNTED else 0
    return 0 if body[36:40] == b"VBRI" else None


class _Window:
    """The file, of which a stretch is kept."""

    def __init__(self, opened: FileIO) -> None:
        self._file, self._at, self._held = opened.fileno(), 0, b""

    def get(self, at: int, size: int) -> bytes:
        """Bytes from somewhere; fewer at the end."""
        if not self._at <= at <= at + size <= self._at + len(self._held):
            self._at, self._held = at, os.pread(self._file, max(size, 1 << 18), at)
        return self._held[at - self._at : at - self._at + size]
