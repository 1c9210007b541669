"""Codings and files that are not read: named, with advice that does not name the container that was just refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from sounds import speech, write
from test_lengths import aiff, au, caf, chunk, fmt, heard, refused

from asrquant.audio.clip import SAMPLE_RATE, read_audio


def wav(code: int, extra: bytes = b"", bits: int = 0) -> bytes:
    description = struct.pack("<HHIIHHH", code, 1, 16_000, 2_000, 10, bits, len(extra)) + extra
    body = b"WAVE" + chunk(b"fmt ", description) + chunk(b"data", np.random.default_rng(0).bytes(8_000))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def extensible(code: int, rest: bytes = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71") -> bytes:
    return wav(0xFFFE, struct.pack("<HIH", 16, 4, code) + rest, 16)


def aifc(code: bytes) -> bytes:
    """An AIFF in this coding."""
    made = aiff()
    at = made.index(b"COMM")
    description = made[at + 8 : at + 26] + code + b"\0\0"
    body = b"AIFC" + chunk(b"COMM", description, ">") + made[made.index(b"SSND") :]
    return b"FORM" + struct.pack(">I", len(body)) + body


def recoded(data: bytes, old: bytes, new: bytes) -> bytes:
    at = data.index(old)
    return data[:at] + new + data[at + len(old) :]


NAMED = {
    "G.729 in WAV": wav(0x0083), "TrueSpeech in WAV": wav(0x0022), "WMA 2 in WAV": wav(0x0161), "AAC in WAV": wav(0x00FF),
    "MPEG layer 2 in WAV": wav(0x0050), "Dolby AC-3 in WAV": wav(0x2000), "G.726 ADPCM in WAV": wav(0x0045),
    "format 0x4242 in WAV": wav(0x4242), "G.728 CELP in WAV": extensible(0x0041), "IMA ADPCM in WAV": wav(0x0011),
    "Microsoft ADPCM in WAV": wav(0x0002), "GSM 6.10 in WAV": wav(0x0031),
    "MACE 3:1 in AIFF": aifc(b"MAC3"), "QDesign 2 in AIFF": aifc(b"QDM2"), "'wxyz' in AIFF": aifc(b"wxyz"),
    "G.722 ADPCM in AU": recoded(au(32_000), struct.pack(">II", 3, SAMPLE_RATE), struct.pack(">II", 24, SAMPLE_RATE)),
    "iLBC in CAF": recoded(caf(-1), b"lpcm", b"ilbc"), "MACE 6:1 in CAF": recoded(caf(-1), b"lpcm", b"MAC6"),
}  # fmt: skip


@pytest.mark.parametrize("what", NAMED)
def test_the_coding_is_named(tmp_path: Path, what: str) -> None:
    said = refused(tmp_path, NAMED[what])
    others = {"WAV": "FLAC, MP3 or M4A"}.get(what.split()[-1], "WAV, FLAC, MP3 or M4A")
    assert said == f"The sound of clip is coded as {what}, which cannot be read; save it as {others}."


@pytest.mark.parametrize(
    ("begins", "what"),
    [
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA or WMV"), (b"RIFF\x10\0\0\0AVI LIST", "AVI"), (b"MThd\0\0\0\x06", "MIDI"),
        (b"wvpk", "WavPack"), (b"MAC \x96\x0f", "Monkey's Audio"), (b"DSD \x1c", "DSD"), (b".ra\xfd", "RealAudio"),
        (b"\x0b\x77\x12\x34", "Dolby AC-3"), (b"ajkg\2", "Shorten"), (b"riff\x2e\x91\xcf\x11", "Wave64"), (b"#!SILK_V3", "SILK"),
        (b"PK\3\4", "a zip"), (b"\xff\xd8\xff\xe0", "a picture"),
    ],
)  # fmt: skip
def test_another_kind_of_file_is_named(tmp_path: Path, begins: bytes, what: str) -> None:
    said = refused(tmp_path, begins + bytes(1000))
    assert said == f"clip is {what}, which cannot be read as audio; save it as WAV, FLAC, MP3 or M4A and try again."


def test_advice_does_not_name_what_was_refused(tmp_path: Path) -> None:
    for begins, container in ((b"RIFF\0\0\0\0WAVE", "WAV"), (b"fLaC", "FLAC"), (b"ID3", "MP3"), (b"\xff\xfb", "MP3")):
        said = refused(tmp_path, begins + bytes(100))
        assert "cannot be read as audio; save it as" in said and container not in said, said


def nist(coding: str, data: bytes, samples: int, order: str = "01", rate: int = SAMPLE_RATE) -> bytes:
    """A file as LDC's collections have them."""
    fields = {
        "channel_count": f"-i {1}", "sample_count": f"-i {samples}", "sample_rate": f"-i {rate}", "sample_n_bytes": "-i 2",
        "sample_byte_format": f"-s2 {order}", "sample_sig_bits": "-i 16", "sample_coding": f"-s{len(coding)} {coding}",
    }  # fmt: skip
    head = "NIST_1A\n   1024\n" + "".join(f"{key} {value}\n" for key, value in fields.items()) + "end_head\n"
    return head.encode().ljust(1024) + data


def test_timit(tmp_path: Path) -> None:
    sound = np.round(speech(2) * 2**15) / 2**15
    samples = (sound * 2**15).astype("<i2")
    for order, data in (("01", samples), ("10", samples.astype(">i2"))):
        audio = heard(tmp_path, nist("pcm", data.tobytes(), len(sound), order))
        assert np.array_equal(audio.samples, sound.astype(np.float32)) and audio.source_format == "NIST PCM_16"
    assert "is cut off: 50%" in refused(tmp_path, nist("pcm", samples.tobytes(), 2 * len(sound)))
    less = heard(tmp_path, nist("pcm", samples.tobytes(), 16_000))
    assert less.seconds == 1 and less.source_note.startswith("1.0 s after the end that its header announces")
    said = refused(tmp_path, nist("pcm,embedded-shorten-v2.00", samples.tobytes()[:9000], len(sound)))
    assert said.startswith(
        "The sound of clip is coded as shorten-v2.00 in NIST SPHERE, which cannot be read; save it as WAV"
    )


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "GSM610", "NMS_ADPCM_32", "G721_32"])
def test_old_codings_of_wav_that_are_read(tmp_path: Path, subtype: str) -> None:
    audio = read_audio(write(tmp_path / "a.wav", speech(2, 8_000), 8_000, subtype))
    assert (
        audio.seconds == pytest.approx(2, abs=0.1)
        and np.corrcoef(audio.samples[:31_000], speech(2)[:31_000])[0, 1] > 0.8
    )


def test_extensible_wav(tmp_path: Path) -> None:
    for subtype in ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "PCM_U8"):
        sf.write(tmp_path / "a.wav", speech(1), SAMPLE_RATE, subtype=subtype, format="WAVEX")
        audio = read_audio(tmp_path / "a.wav")
        assert np.allclose(audio.samples, speech(1), atol=0.01 if subtype == "PCM_U8" else 1e-4)
    assert fmt()[:4] == b"fmt "
