"""LibriSpeech's layout: at any depth, ``*.trans.txt`` of lines ``id words`` beside the audio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asrquant.audio.containers import ENDINGS
from asrquant.base.errors import DatasetError
from asrquant.data.dataset import Row

SUMMARY = "a folder in LibriSpeech's layout (speaker/chapter/*.flac, .wav, .m4a … beside a *.trans.txt)"
EXTENSIONS = (".flac", *(ending for ending in ENDINGS if ending != ".flac"))
"""In the order in which they are looked for."""


def accepts(path: Path) -> bool:
    """Whether there is a transcript somewhere below."""
    return path.is_dir() and next(path.rglob("*.trans.txt"), None) is not None


def read(path: Path) -> Iterator[Row]:
    """Every line of every transcript.

    Raises:
        DatasetError: a transcript is not UTF-8.
    """
    for transcript in sorted(path.rglob("*.trans.txt")):
        try:
            lines = transcript.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise DatasetError(f"{transcript.name} is not text in UTF-8: {error.reason}.") from None
        for line in filter(None, map(str.strip, lines)):
            clip_id, _, reference = line.partition(" ")
            if Path(clip_id).name != clip_id:
                yield Row(clip_id, None, reference, "is no name of a file")
                continue
            beside = (transcript.with_name(clip_id + extension) for extension in EXTENSIONS)
            clip = next((candidate for candidate in beside if candidate.is_file()), None)
            yield Row(clip_id, clip, reference, f"has no {clip_id}.flac, .wav, .m4a … beside {transcript.name}")
