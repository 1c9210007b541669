"""Media files that tests make with PyAV: from samples, in the containers that phones, browsers and messengers use."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

MEDIA = Path(__file__).with_name("media")
CENC = {
    "encryption_scheme": "cenc-aes-ctr", "encryption_key": "00112233445566778899aabbccddeeff",
    "encryption_kid": "00112233445566778899aabbccddeeff",
}  # fmt: skip
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "500000"}
"""As browsers record MP4."""
FAST_START = {"movflags": "faststart"}
"""The index first, so that half a file still has it."""


def packets(samples: np.ndarray, stream: av.AudioStream, rate: int, layout: str) -> Iterable[av.Packet]:
    """Samples [T] or [C, T], encoded."""
    stream.codec_context.open()
    resampler = av.AudioResampler(stream.codec_context.format.name, layout, rate)
    whole = av.AudioFrame.from_ndarray(np.atleast_2d(samples).astype(np.float32), "fltp", layout)
    whole.sample_rate, whole.pts, whole.time_base = rate, 0, Fraction(1, rate)
    queue = av.AudioFifo()
    for frame in resampler.resample(whole):
        queue.write(frame)
    size = stream.codec_context.frame_size or 1024
    while (frame := queue.read(size) or queue.read(0, True)) is not None:
        yield from stream.encode(frame)
    yield from stream.encode(None)


def media(
    path: Path,
    samples: np.ndarray,
    rate: int,
    codec: str,
    options: dict[str, str] | None = None,
    tracks: int = 1,
    pictures: str = "",
    shift: Callable[[float], float] = lambda second: 0.0,
    bit_rate: int = 0,
) -> Path:
    """A file of sound, and perhaps of pictures.

    Args:
        path: its extension names the container.
        samples: [T] or [C, T]; each further track is half as loud as the one before.
        rate: in Hz.
        codec: FFmpeg's name of the encoder.
        options: of the container.
        tracks: audio tracks.
        pictures: the encoder of a track of pictures that comes first; none without.
        shift: seconds by which the time stamps of a packet are moved, by the second that it is in.
        bit_rate: of the sound; the encoder's default without.
    """
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[1 if samples.ndim == 1 else len(samples)]
    with av.open(str(path), "w", options=options or {}) as out:
        film = out.add_stream(pictures, rate=25, width=64, height=64, pix_fmt="yuv420p") if pictures else None
        sounds = [out.add_stream(codec, rate=rate, layout=layout) for _ in range(tracks)]
        for sound in sounds:
            sound.codec_context.options = {"strict": "experimental"}
            if bit_rate:
                sound.codec_context.bit_rate = bit_rate
        encoded = [list(packets(samples / 2**n, sound, rate, layout)) for n, sound in enumerate(sounds)]
        if film:
            for number in range(int(25 * samples.shape[-1] / rate)):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number % 256, np.uint8), "rgb24")
                frame.pts = number
                encoded.append([*encoded.pop(), *film.encode(frame)] if number else film.encode(frame))
            encoded.append(film.encode(None))
        for packet in sorted((p for each in encoded for p in each), key=lambda p: float(p.dts * p.time_base)):
            if packet.stream is not film:
                by = round(shift(float(packet.pts * packet.time_base)) / packet.time_base)
                packet.pts, packet.dts = packet.pts + by, packet.dts + by
            out.mux(packet)
    return path


def silent_film(path: Path, codec: str) -> Path:
    """Pictures without a track of sound."""
    with av.open(str(path), "w") as out:
        film = out.add_stream(codec, rate=25, width=64, height=64, pix_fmt="yuv420p")
        for number in range(25):
            out.mux(film.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), number, np.uint8), "rgb24")))
        out.mux(film.encode(None))
    return path


def remux(source: Path, path: Path, options: dict[str, str] | None = None) -> Path:
    """The same packets in another container."""
    with av.open(str(source)) as inside, av.open(str(path), "w", options=options or {}) as out:
        stream = out.add_stream_from_template(inside.streams.audio[0])
        for packet in inside.demux(inside.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    return path


def again_and_again(source: Path, path: Path, times: int) -> Path:
    """A long file of the packets of a short one, which takes no encoding."""
    with av.open(str(source)) as inside, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(inside.streams.audio[0])
        found = [p for p in inside.demux(inside.streams.audio[0]) if p.size]
        length, base = found[0].duration, found[0].time_base
        contents = [bytes(p) for p in found if p.duration == length]  # not a last one that is shorter
        for number, content in enumerate(contents * times):
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.duration = stream, base, length
            packet.pts = packet.dts = number * length
            out.mux(packet)
    return path


def caf(source: Path, path: Path, coding: bytes, frames: int, priming: int, samples: int) -> Path:
    """The packets of a file as CAF, which FFmpeg does not write: ``frames`` samples a packet, the first ``priming`` left out."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">q", len(content)) + content

    def description(tag: int, content: bytes) -> bytes:
        return bytes([tag, 0x80, 0x80, 0x80, len(content)]) + content

    def length(value: int) -> bytes:
        return (bytes([value >> 7 | 0x80]) if value > 127 else b"") + bytes([value & 0x7F])

    with av.open(str(source)) as inside:
        stream = inside.streams.audio[0]
        context, found = stream.codec_context, [bytes(packet) for packet in inside.demux(stream) if packet.size]
        rate, extra = context.sample_rate, context.extradata or b""
    rest = len(found) * frames - priming - samples
    written = b"caff\0\1\0\0" + chunk(b"desc", struct.pack(">d4s5I", rate, coding, 0, 0, frames, 1, 0))
    if coding == b"aac ":
        decoder = b"\x40\x15\0\0\0" + struct.pack(">II", 64_000, 64_000) + description(5, extra)
        written += chunk(b"kuki", description(3, b"\0\0\0" + description(4, decoder) + description(6, b"\2")))
    table = struct.pack(">qqii", len(found), samples, priming, rest) + b"".join(length(len(each)) for each in found)
    path.write_bytes(written + chunk(b"pakt", table) + chunk(b"data", bytes(4) + b"".join(found)))
    return path


def box(kind: bytes, *content: bytes, flags: int | None = None) -> bytes:
    """A box of an MP4; with ``flags`` one that has a version."""
    body = b"".join(content)
    body = body if flags is None else struct.pack(">I", flags) + body
    return struct.pack(">I", 8 + len(body)) + kind + body


def first_box(data: bytes, kind: bytes) -> slice:
    """Where a box lies in an MP4; the first of its kind."""
    at = data.index(kind) - 4
    return slice(at, at + int.from_bytes(data[at : at + 4], "big"))


def bomb(kind: str, sound: Path) -> bytes:
    """A small MP4 that asks for gigabytes, made of a good one with ALAC in it.

    Args:
        kind: ``trun``: a fragment of 170 million samples that have no bytes; ``truns``: fifty of two million; ``tracks``: sixteen
            tracks with 450,000 each; ``cmov``: tracks described in half a gigabyte of zeros, compressed; ``alac``: frames of
            16 million samples.
        sound: the good file.
    """
    data = sound.read_bytes()
    if kind == "alac":
        at = data.index(b"alac", data.index(b"alac", data.index(b"stsd")) + 4)
        return data[: at + 8] + (4096 * 4096).to_bytes(4, "big") + data[at + 12 :]
    head, moov = data[first_box(data, b"ftyp")], data[first_box(data, b"moov")]
    rest = box(b"mdat", bytes(1000))
    if kind == "cmov":
        described = moov + box(b"free", bytes(500_000_000))
        squeezed = box(b"cmvd", struct.pack(">I", len(described)), zlib.compress(described, 9))
        return head + box(b"moov", box(b"cmov", box(b"dcom", b"zlib"), squeezed)) + rest
    track = moov[first_box(moov, b"trak")]
    numbers = range(1, 17 if kind == "tracks" else 2)
    tracks = []
    for number in numbers:
        at = track.index(b"tkhd") + 16
        tracks.append(track[:at] + struct.pack(">I", number) + track[at + 4 :])
    extends = box(b"mvex", *(box(b"trex", struct.pack(">5I", n, 1, 1024, 1, 0), flags=0) for n in numbers))
    samples, times = {"trun": (170_000_000, 1), "truns": (2_000_000, 50), "tracks": (450_000, 1)}[kind]
    runs = (
        box(
            b"traf",
            box(b"tfhd", struct.pack(">I", n), flags=0x20000),
            box(b"trun", struct.pack(">I", samples), flags=0),
        )
        for n in numbers
    )
    fragment = box(b"moof", box(b"mfhd", struct.pack(">I", 1), flags=0), *runs) + rest
    return head + box(b"moov", moov[first_box(moov, b"mvhd")], *tracks, extends) + fragment * times
