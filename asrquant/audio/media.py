"""M4A, MP4, MOV, 3GP, WebM, Matroska, AAC, AMR, and CAF with compressed sound, by FFmpeg (through PyAV).

FFmpeg gets the bytes of one open file and nothing else: no path, no protocol, no second file. What takes the file apart is
chosen by us, decoders are those of ``DECODERS``, one audio track is decoded, and no picture.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asrquant.audio.codings import FFMPEG, unread
from asrquant.audio.reader import Form, Samples, changes_midway, joined
from asrquant.audio.structure import MATROSKA, cut_off, damaged
from asrquant.base.errors import AudioError, MissingDependencyError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

DECODERS = (
    "aac", "alac", "opus", "vorbis", "mp3float", "mp3", "flac", "amrnb", "amrwb", "adpcm_ima_qt", "pcm_u8",
    "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be",
    "pcm_f64le", "pcm_f64be", "pcm_alaw", "pcm_mulaw",
)  # fmt: skip
_OPTIONS = {
    "codec_whitelist": ",".join(DECODERS),
    "protocol_whitelist": "none",
    "max_streams": "16",
    "probesize": "32",  # what the header says is enough: no track is decoded on trial, pictures least of all
}
_MOST_BYTES = 12_000_000
"""In one piece of memory. The index of two hours of sound takes 9 MB; a file of 2 kB can ask for 4 GB."""
_ANY_BYTES = 2**31 - 1
"""FFmpeg's own bound."""
_PROTECTED = ("enca", "drms", "drmi")
_FORWARD = ("aac", "amr", MATROSKA)
"""What is read from start to end. Where FFmpeg can see the end of a file it estimates lengths that the file does not claim."""
_TIMELESS = ("aac", "amr")
_CONTAINERS = {MATROSKA: "Matroska"}
"""As people write them, where capitals will not do."""
_TIME_SLACK = 0.25, 0.001
"""Seconds, and share of the time so far, by which time stamps may differ from the number of samples: live recordings
stamp a few milliseconds off, and sound cards' clocks are not exact."""
_LENGTH_SLACK = 0.1
"""Seconds of an encoder's delay and padding, which Matroska and what browsers write count in a file's length."""

_open = 0
"""Files that are being read."""


@contextmanager
def open_media(opened: FileIO, demuxer: str, name: str, refusal: str) -> Iterator[MediaReader]:
    """Open a file.

    Args:
        opened: the file, at its start.
        demuxer: FFmpeg's name of the part that takes it apart.
        name: what to call it in an error.
        refusal: the sentence for a file that it cannot take apart.

    Raises:
        AudioError: FFmpeg cannot read it, or there is no sound in it that can be decoded.
        MissingDependencyError: PyAV is not installed.
    """
    if importlib.util.find_spec("av") is None:
        raise MissingDependencyError(
            f"{name} needs PyAV to be read; install with: pip install av (or save it as WAV, FLAC or MP3)"
        )
    import av

    with _bounded_memory():
        with _in_words(refusal, name):
            container = av.open(
                _Bytes(opened) if demuxer in _FORWARD else _SeekableBytes(opened),
                "r", format=demuxer, container_options=_OPTIONS, metadata_errors="replace", io_open=_nothing_else,
            )  # fmt: skip
        with container:
            yield MediaReader(container, demuxer, name)


class MediaReader:
    """See ``formats.Reader``."""

    def __init__(self, container: InputContainer, demuxer: str, name: str) -> None:
        self._container, self._name, self._timed = container, name, demuxer not in _TIMELESS
        self._stream, self.note = _chosen(container, name, _CONTAINERS.get(demuxer, demuxer.upper()))
        self._frames = self._decoded()
        self._first = next(self._frames, None)  # which alone knows the rate and the channels of AAC
        if self._first is None:
            raise AudioError(f"{name} holds no sound (0 samples); record or choose the clip again.")
        self.rate: int = self._first.sample_rate
        self.channels: int = self._first.layout.nb_channels
        self.coding = f"{demuxer} {self._stream.codec_context.codec.canonical_name}".upper()
        # Of the track that starts first: a film's sound may start later.
        self._start = (container.start_time or 0) / 1e6
        self._declared = self._declared_samples()
        self.claimed = max(0, self._declared - int(_LENGTH_SLACK * self.rate))
        self.announced = max(0, self._declared)

    def skip(self, frame: int) -> int:
        """Nowhere: positions are not exact."""
        return 0

    def blocks(self) -> Iterator[Samples]:
        """All of it from start to end, [C, T] at about a second each; raises ``AudioError`` where it is cut off or damaged."""
        held: list[Samples] = []
        length = 0
        for piece in self._pieces():
            held.append(piece)
            length += piece.shape[1]
            if length >= self.rate:
                yield np.concatenate(held, axis=1)
                held, length = [], 0
        if held:
            yield np.concatenate(held, axis=1)

    def _declared_samples(self) -> int:
        """Samples up to the end of the sound, by the header; 0 where it does not say."""
        stream, container = self._stream, self._container
        if stream.duration and stream.time_base:
            start = (stream.start_time or 0) * stream.time_base - self._start
            return round((start + stream.duration * stream.time_base) * self.rate)
        if container.duration and len(container.streams) == 1:  # a film's sound need not be as long as its pictures
            return round((container.duration / 1e6 - self._start) * self.rate)
        return 0

    def _pieces(self) -> Iterator[Samples]:
        """The sound [C, T], frame by frame, with silence where its time stamps leave a gap."""
        done, silent = 0, 0
        frame = self._first
        while frame is not None:
            following = next(self._frames, None)
            if gap := self._gap(frame, done):
                done, silent = done + gap, silent + gap
                for start in range(0, gap, self.rate):
                    yield np.zeros((self.channels, min(self.rate, gap - start)), np.float32)
            piece = _floats(frame)
            if following is None and done < self._declared < done + piece.shape[1]:
                piece = piece[:, : self._declared - done]  # the encoder's padding
            done += piece.shape[1]
            yield piece
            frame = following
        if silent:
            gaps = f"{silent / self.rate:.1f} s of silence where its time stamps leave gaps"
            self.note = joined(self.note, gaps)
        if 0 < done < 0.98 * self.claimed:
            raise AudioError(cut_off(self._name, done / self.claimed))

    def _gap(self, frame: AudioFrame, done: int) -> int:
        """Samples that are missing before a frame, by its time stamp.

        Raises:
            AudioError: the frame is not like the first one, or belongs before what was read already.
        """
        before, now = Form(self.rate, self.channels), Form(frame.sample_rate, frame.layout.nb_channels)
        if now != before:
            raise AudioError(changes_midway(self._name, before, now))
        if frame.time is None or not self._timed:
            return 0
        gap = round((frame.time - self._start) * self.rate) - done
        slack = _TIME_SLACK[0] * self.rate + _TIME_SLACK[1] * done
        if gap < -slack:
            raise AudioError(
                f"{self._name} goes back in time {done / self.rate:.1f} s in, as if joined from several files; save it as "
                "WAV or FLAC and try again."
            )
        return gap if gap > slack else 0

    def _decoded(self) -> Iterator[AudioFrame]:
        """The frames of the chosen track."""
        with _in_words(damaged(self._name), self._name):
            for packet in self._container.demux(self._stream):
                if packet.has_sidedata("encryption_info"):
                    raise AudioError(_protected(self._name))
                if packet.is_corrupt:
                    raise AudioError(damaged(self._name))
                for frame in packet.decode():
                    if frame.is_corrupt:
                        raise AudioError(damaged(self._name))
                    if frame.samples:
                        yield frame


def _chosen(container: InputContainer, name: str, kind: str) -> tuple[AudioStream, str]:
    """The audio track to decode, the default one if it can be, and a note where there are others.

    Raises:
        AudioError: there is none that can be decoded.
    """
    from av.stream import Discard, Disposition

    tracks = container.streams.audio
    if not tracks:
        raise AudioError(f"{name} has no sound: there is no audio track in it; choose a file that has one.")

    def preference(track: AudioStream) -> tuple[bool, bool, int]:
        return _coding(track) not in DECODERS, not track.disposition & Disposition.default, track.index

    best = min(tracks, key=preference)
    if best.codec_context and best.codec_context.codec_tag in _PROTECTED:
        raise AudioError(_protected(name))
    if (coding := _coding(best)) not in DECODERS:
        raise AudioError(unread(name, FFMPEG.get(coding, coding), kind))
    for track in container.streams:
        if track is not best:
            track.discard = Discard.all
    best.codec_context.thread_count = 1
    which = f"audio track {tracks.index(best) + 1} of {len(tracks)}" if len(tracks) > 1 else ""
    return best, which


def _coding(track: AudioStream) -> str:
    """The name of a track's decoder."""
    return track.codec_context.name if track.codec_context else "something unknown"


def _floats(frame: AudioFrame) -> Samples:
    """A frame's samples [C, T], full scale 1."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as such
            return np.ascontiguousarray(values, np.float32)
    full = np.float32(2.0 ** (8 * values.dtype.itemsize - 1))
    middle = full if values.dtype.kind == "u" else np.float32(0)
    return np.ascontiguousarray((values.astype(np.float32) - middle) / full)


class _Bytes:
    """The bytes of a file, for PyAV; it is told no name."""

    def __init__(self, opened: FileIO) -> None:
        self.read = opened.read


class _SeekableBytes(_Bytes):
    """The same, for formats whose index may be at the end."""

    def __init__(self, opened: FileIO) -> None:
        super().__init__(opened)
        self.seek, self.tell = opened.seek, opened.tell


def _nothing_else(*_: Any) -> Any:
    raise PermissionError(errno.EACCES, "a sound file may not open another file")


def _protected(name: str) -> str:
    return f"{name} is protected against copying (DRM), so its sound cannot be read; choose a file that is not."


@contextmanager
def _in_words(sentence: str, name: str) -> Iterator[None]:
    """What FFmpeg complains of, as one sentence; another one if it wanted too much memory."""
    import av

    try:
        yield
    except (av.FFmpegError, OSError) as error:  # it may also seek to where no file has anything
        if error.errno == errno.ENOMEM:
            raise AudioError(f"{name} asks for more memory than sound needs; save it as WAV or FLAC.") from error
        raise AudioError(sentence) from error


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """While anything is open, let FFmpeg, in this whole process, take no piece of memory larger than ``_MOST_BYTES``."""
    global _open
    _open += 1
    _max_alloc()(_MOST_BYTES)
    try:
        yield
    finally:
        _open -= 1
        if not _open:
            _max_alloc()(_ANY_BYTES)


@functools.cache
def _max_alloc() -> Callable[[int], object]:
    """The function of libavutil that sets that bound; PyAV does not have it, but tells the system where the library is."""
    with suppress(OSError, AttributeError, StopIteration):
        mapped = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
        function = ctypes.CDLL(next(line.split(maxsplit=5)[5] for line in mapped if "/libavutil" in line)).av_max_alloc
        function.argtypes, function.restype = [ctypes.c_size_t], None
        return function
    return lambda _: None  # not on Linux
