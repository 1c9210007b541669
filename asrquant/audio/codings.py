"""What sound is coded as, by the codes in its containers, and what files are that are not read: for the sentences about them."""

from __future__ import annotations

import re

_ADVICE = ("WAV", "FLAC", "MP3", "M4A")
_SAME = {"MP4": "M4A", "MOV": "M4A"}

WAV_CODES = {
    0x0002: "Microsoft ADPCM", 0x0005: "IBM CVSD", 0x0008: "DTS", 0x000A: "WMA Voice", 0x0010: "OKI ADPCM", 0x0011: "IMA ADPCM",
    0x0012: "MediaSpace ADPCM", 0x0013: "Sierra ADPCM", 0x0014: "G.723 ADPCM", 0x0015: "DIGISTD", 0x0016: "DIGIFIX",
    0x0017: "Dialogic OKI ADPCM", 0x0020: "Yamaha ADPCM", 0x0022: "TrueSpeech", 0x0028: "G.722 ADPCM", 0x0030: "Dolby AC-2",
    0x0031: "GSM 6.10", 0x0038: "Rockwell ADPCM", 0x003B: "Rockwell Digitalk", 0x0040: "G.721 ADPCM", 0x0041: "G.728 CELP",
    0x0042: "Microsoft G.723.1", 0x0045: "G.726 ADPCM", 0x0050: "MPEG layer 2", 0x0055: "MP3", 0x0059: "Lucent G.723",
    0x0061: "Duck DK4 ADPCM", 0x0062: "Duck DK3 ADPCM", 0x0064: "G.726 ADPCM", 0x0065: "G.722 ADPCM", 0x0069: "Xbox ADPCM",
    0x0070: "Lernout & Hauspie CELP", 0x0075: "VoxWare", 0x0083: "G.729", 0x0084: "G.729A", 0x0085: "MPEG-2 AAC",
    0x0086: "Sipro ACELP", 0x0092: "Dolby AC-3 over S/PDIF", 0x00A1: "MPEG-4 AAC", 0x00FF: "AAC", 0x0111: "VIVO G.723",
    0x0112: "VIVO Siren", 0x0125: "Sanyo ADPCM", 0x0130: "Sipro ACELP.net", 0x0135: "VoiceAge AMR", 0x0145: "G.729A",
    0x0160: "WMA 1", 0x0161: "WMA 2", 0x0162: "WMA Pro", 0x0163: "WMALossless", 0x0164: "WMA over S/PDIF",
    0x0200: "Creative ADPCM", 0x0270: "Sony ATRAC", 0x028E: "Siren", 0x0402: "Indeo Audio", 0x1610: "MPEG-4 HE-AAC",
    0x1971: "FLAC of a stream", 0x2000: "Dolby AC-3", 0x2001: "DTS", 0x2048: "Sonarc", 0x674F: "Vorbis", 0x6750: "Vorbis",
    0x6751: "Vorbis", 0x676F: "Vorbis", 0x6770: "Vorbis", 0x6771: "Vorbis", 0x706D: "MPEG-4 AAC", 0x7361: "AMR-NB",
    0x7362: "AMR-WB", 0xA100: "G.723.1", 0xA103: "Comverse G.729", 0xA105: "G.729", 0xA106: "AAC", 0xA107: "AMR-NB",
    0xA109: "Speex", 0xF1AC: "FLAC", 0xFFFF: "a coding of somebody's own",
}  # fmt: skip
"""By the format tags of RFC 2361 and those that came later."""
FOUR_LETTERS = {
    "ima4": "IMA ADPCM", "MAC3": "MACE 3:1", "MAC6": "MACE 6:1", "QDMC": "QDesign", "QDM2": "QDesign 2",
    "Qclp": "QUALCOMM PureVoice",
    "G722": "G.722", "G726": "G.726", "G728": "G.728", "G729": "G.729", "Gsm ": "GSM 6.10", "agsm": "GSM 6.10",
    "GSM ": "GSM 6.10",
    "dvi8": "IMA ADPCM", "ADP4": "Intel DVI ADPCM", "DWVW": "delta with variable word width", "rt24": "RT24", "rt29": "RT29",
    ".mp3": "MP3", ".mp1": "MPEG layer 1", ".mp2": "MPEG layer 2", "aac ": "AAC", "aach": "HE-AAC", "aacl": "AAC-LD",
    "alac": "ALAC",
    "ac-3": "Dolby AC-3", "cac3": "Dolby AC-3 over S/PDIF", "ec-3": "Dolby E-AC-3", "samr": "AMR-NB", "sawb": "AMR-WB",
    "ilbc": "iLBC", "opus": "Opus", "flac": "FLAC", "usac": "USAC", "apac": "Apple Positional Audio",
    "ms\x00\x02": "Microsoft ADPCM", "ms\x00\x11": "IMA ADPCM", "ms\x001": "GSM 6.10",
}  # fmt: skip
"""By the codes of AIFC and CAF."""
AU_CODES = {
    8: "fragments", 10: "a program for a signal processor", 20: "compressed by NeXT", 21: "emphasized by NeXT",
    22: "music kit squelch", 23: "G.721 ADPCM", 24: "G.722 ADPCM", 25: "G.723 ADPCM of 3 bits", 26: "G.723 ADPCM of 5 bits",
}  # fmt: skip
FFMPEG = {
    "adpcm_ima_qt": "IMA ADPCM", "adpcm_ms": "Microsoft ADPCM", "qdm2": "QDesign 2", "qdmc": "QDesign",
    "qcelp": "QUALCOMM PureVoice",
    "mace3": "MACE 3:1", "mace6": "MACE 6:1", "ilbc": "iLBC", "gsm": "GSM 6.10", "gsm_ms": "GSM 6.10", "ac3": "AC-3",
    "eac3": "E-AC-3",
}  # fmt: skip
"""By FFmpeg's names, where those are not what people call it."""

_KNOWN = tuple(
    (re.compile(begins, re.DOTALL), what)
    for begins, what in (
        (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA or WMV"), (rb"RIFF....AVI ", "AVI"), (rb"RIFF....RMID|MThd", "MIDI"),
        (rb"RIFF....WEBP|\x89PNG|GIF8|\xff\xd8\xff|BM.{4}\0\0\0\0", "a picture"), (rb"riff\x2e\x91\xcf\x11", "Wave64"),
        (rb"wvpk", "WavPack"), (rb"MAC ", "Monkey's Audio"), (rb"TTA[12]", "True Audio"), (rb"tBaK", "TAK"),
        (rb"OFR ", "OptimFROG"),
        (rb"MPCK|MP\+", "Musepack"), (rb"DSD |FRM8", "DSD"), (rb"\.ra\xfd|\.RMF", "RealAudio"), (rb"FLV\x01", "Flash video"),
        (rb"\x0b\x77", "Dolby AC-3"), (rb"\x7f\xfe\x80\x01", "DTS"), (rb"ajkg", "Shorten"), (rb"#!SILK|\x02#!SILK", "SILK"),
        (rb"\x00\x00\x01[\xba\xb3]", "an MPEG program stream"), (rb"G.{187}G.{187}G", "an MPEG transport stream"),
        (rb"FORM....8SVX", "8SVX"), (rb"Creative Voice File", "Creative Voice"), (rb"2BIT", "AVR"), (rb"PVF1", "PVF"),
        (rb"#EXTM3U|\[playlist\]", "a playlist"), (rb"PK\x03\x04", "a zip"), (rb"\x1f\x8b", "a gzip"), (rb"%PDF", "a PDF"),
    )
)  # fmt: skip


def what_it_is(beginning: bytes) -> str:
    """What a file is that is none of those that are read, by its first bytes; nothing where nobody knows."""
    return next((what for begins, what in _KNOWN if begins.match(beginning)), "")


def advice(refused: str = "") -> str:
    """Containers to save sound in, without the one that was just refused."""
    names = [name for name in _ADVICE if name != _SAME.get(refused, refused)]
    return f"{', '.join(names[:-1])} or {names[-1]}"


def unreadable(name: str, container: str = "") -> str:
    """The sentence for what is no sound, or none that can be read.

    Args:
        name: of the file.
        container: that it is, as far as its beginning tells.
    """
    return f"{name} cannot be read as audio; save it as {advice(container)} and try again."


def unread(name: str, coding: str, container: str) -> str:
    """The sentence for sound in a coding that is not read."""
    what = coding if container in coding else f"{coding} in {container}"
    return f"The sound of {name} is coded as {what}, which cannot be read; save it as {advice(container)}."


def other(name: str, what: str) -> str:
    """The sentence for a file that is something else."""
    return f"{name} is {what}, which cannot be read as audio; save it as {advice()} and try again."
