"""LibriSpeech's layout: at any depth, ``*.trans.txt`` of lines ``id words`` beside the audio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asrquant.base.files import printable_name
from asrquant.data.dataset import Row, Rows
from asrquant.data.scope import Scope
from asrquant.data.textfile import columns, lines

SUMMARY = "a folder in LibriSpeech's layout (speaker/chapter/*.flac, .wav, .m4a … beside a *.trans.txt)"


def accepts(path: Path, scope: Scope) -> bool:
    """Whether there is a transcript somewhere below."""
    return path.is_dir() and bool(_transcripts(path, scope))


def read(path: Path, scope: Scope) -> Rows:
    """Every line of every transcript.

    Raises:
        DatasetError: a transcript is no text.
    """
    return Rows("LibriSpeech", _rows(path, scope))


def _transcripts(path: Path, scope: Scope) -> list[Path]:
    return [file for file in scope.files(path).files if file.name.lower().endswith(".trans.txt")]


def _rows(path: Path, scope: Scope) -> Iterator[Row]:
    for transcript in _transcripts(path, scope):
        for number, line in enumerate(lines(scope.text(transcript)), 1):
            if not line.strip():
                continue
            clip_id, reference = (*columns(line, 2), "")[:2]
            if Path(clip_id).name != clip_id:
                yield Row(clip_id, None, reference, "is no name of a file")
                continue
            clip = scope.sound_beside(transcript.parent, clip_id)
            given = str((clip or transcript.with_name(clip_id)).relative_to(path))
            missing = f"has no {clip_id}.flac, .wav, .m4a … beside {printable_name(transcript)}"
            yield Row(clip_id, clip, reference, missing, given=given, line=number)
