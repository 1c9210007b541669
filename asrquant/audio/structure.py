"""The outer structure of MP4 and Matroska files: whether all of it is there, and whether an audio track is.

FFmpeg makes the best of what it gets: it skips what is damaged and stops early where a file ends early, without a word.
"""

from __future__ import annotations

import io
import os
import re
from io import FileIO

from asrquant.base.errors import AudioError

MP4, MATROSKA = "mp4", "matroska"
"""FFmpeg's names for what takes them apart; MOV, M4A and 3GP are MP4, WebM is Matroska."""
_MOST_PARTS = 2_000_000
"""Frames of two hours of film are fewer; a file of nothing but empty parts would take minutes to walk."""
_MOST_BYTES = 1 << 24
"""Of the description of the tracks."""

_BOXES = frozenset(
    b"ftyp moov mdat free skip wide pnot moof mfra sidx ssix styp emsg prft uuid udta meta pdin PICT junk".split()
)
_ONCE = {b"ftyp", b"moov"}
"""Of these a file has one."""
_SOUND_BOX = re.compile(rb"hdlr.{8}soun|cmov", re.DOTALL)  # or compressed
_SEGMENT, _CLUSTER, _TRACKS = 0x18538067, 0x1F43B675, 0x1654AE6B
_TRACK_TYPE, _SOUND_TRACK = b"\x83\x81", b"\x83\x81\x02"
"""As everybody writes them, the value in one byte; 2 is audio."""


def check(opened: FileIO, demuxer: str, name: str) -> None:
    """Turn away what is cut off or has no audio track; the file may be anywhere, and is somewhere else afterwards.

    Raises:
        AudioError: it is cut off, damaged, or has no audio track.
    """
    walk = {MP4: _walk_mp4, MATROSKA: _walk_matroska}.get(demuxer)
    if walk is None:
        return
    size = os.fstat(opened.fileno()).st_size
    buffered: io.BufferedReader = io.BufferedReader(opened, 1 << 16)
    try:
        has_sound = walk(buffered, size, name)
    finally:
        buffered.detach()
    if not has_sound:
        raise AudioError(f"{name} has no sound: there is no audio track in it; choose a file that has one.")


def cut_off(name: str, share: float) -> str:
    """The sentence for a file of which only a share is there."""
    percent = min(99, round(100 * share))  # as less than all is there
    return f"{name} is cut off: {percent}% of the sound that it announces is there; save or upload it again."


def cut_in_the_middle(name: str) -> str:
    """The sentence for a file that ends where something is not finished."""
    return f"{name} is cut off in the middle of its sound; save or upload it again."


def _walk_mp4(file: io.BufferedReader, size: int, name: str) -> bool:
    """Whether there is an audio track, as far as the outermost boxes tell."""
    at, tracks, seen = 0, b"", set()
    for _ in range(_MOST_PARTS):
        file.seek(at)
        head = file.read(16)
        kind, length = head[4:8], int.from_bytes(head[:4], "big")
        if kind not in _BOXES:  # the end, or what somebody appended
            return not tracks or bool(_SOUND_BOX.search(tracks))
        if kind in seen:
            raise AudioError(
                f"{name} holds several recordings after each other, of which only the first would be read; save it as WAV or "
                "FLAC and try again."
            )
        seen |= {kind} & _ONCE
        start = 8
        if length == 1:
            start, length = 16, int.from_bytes(head[8:16], "big")
        length = length or size - at  # 0: up to the end
        if length < start:
            raise AudioError(damaged(name))
        if kind == b"moov":
            file.seek(at + start)
            tracks = file.read(min(length - start, _MOST_BYTES))
        at += length
        if at > size:
            raise AudioError(cut_off(name, size / at))
    raise AudioError(damaged(name))


def _walk_matroska(file: io.BufferedReader, size: int, name: str) -> bool:
    """Whether there is an audio track; segments and clusters are gone through, as live recordings leave their length open."""
    at, promised, tracks = 0, 0, b""
    for _ in range(_MOST_PARTS):
        file.seek(at)
        head = file.read(12)
        if not head.strip(b"\0"):  # the end, or a tail of zeros
            if promised > size:
                raise AudioError(cut_off(name, size / promised))
            return _TRACK_TYPE not in tracks or _SOUND_TRACK in tracks
        id_bytes = 9 - head[0].bit_length()
        length_bytes = 9 - head[id_bytes].bit_length() if len(head) > id_bytes else 9
        start = id_bytes + length_bytes
        if id_bytes > 4 or length_bytes > 8 or start > len(head):
            raise AudioError(damaged(name))
        kind = int.from_bytes(head[:id_bytes], "big")
        length = int.from_bytes(head[id_bytes:start], "big") & ((1 << 7 * length_bytes) - 1)
        if kind == _TRACKS:
            file.seek(at + start)
            tracks = file.read(min(length, _MOST_BYTES))
        at += start
        if kind not in (_SEGMENT, _CLUSTER):
            at += length
        elif length != (1 << 7 * length_bytes) - 1:  # which leaves it open
            promised = max(promised, at + length)
        if at > size:
            raise AudioError(cut_in_the_middle(name))
    raise AudioError(damaged(name))


def damaged(name: str) -> str:
    """The sentence for a file whose parts do not fit together."""
    return f"{name} is damaged or cut off; save or upload it again."
