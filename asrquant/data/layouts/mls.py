"""Multilingual LibriSpeech's layout: ``transcripts.txt`` of lines ``id⇥words``, and ``audio/speaker/book/id.flac`` beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asrquant.base.files import printable_name
from asrquant.data.dataset import Row, Rows
from asrquant.data.scope import Scope, is_sound
from asrquant.data.textfile import lines

SUMMARY = "a folder in the layout of Multilingual LibriSpeech (transcripts.txt beside audio/)"
NAME = "transcripts.txt"


def accepts(path: Path, scope: Scope) -> bool:
    """Whether there are such transcripts somewhere below, with a tab in their first line."""
    return path.is_dir() and bool(_transcripts(path, scope))


def read(path: Path, scope: Scope) -> Rows:
    """Every line of every transcript.

    Raises:
        DatasetError: a transcript is no text.
    """
    return Rows("Multilingual LibriSpeech", _rows(path, scope))


def _transcripts(path: Path, scope: Scope) -> list[Path]:
    named = (file for file in scope.files(path).files if file.name.lower() == NAME)
    return [file for file in named if "\t" in next((line for line in lines(scope.text(file)) if line.strip()), "")]


def _rows(path: Path, scope: Scope) -> Iterator[Row]:
    for transcript in _transcripts(path, scope):
        sounds = {file.stem: file for file in scope.files(transcript.parent).files if is_sound(file)}
        for number, line in enumerate(lines(scope.text(transcript)), 1):
            if not line.strip():
                continue
            clip_id, _, reference = (part.strip() for part in line.partition("\t"))
            speaker, _, rest = clip_id.partition("_")
            folder = transcript.parent / "audio" / speaker / rest.partition("_")[0]
            named = Path(clip_id).name == clip_id
            clip = (scope.sound_beside(folder, clip_id) or sounds.get(clip_id)) if named else None
            given = str(clip.relative_to(path)) if clip else clip_id
            missing = f"has no {clip_id}.flac, .opus … below {printable_name(transcript.parent)}/audio"
            yield Row(clip_id, clip, reference, missing, given=given, line=number)
