"""What a data set holds, by its files' headers alone: hours, rates, channels, codings, and what will be turned away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from asrquant.audio.clip import MIN_SECONDS
from asrquant.audio.recording import MAX_RECORDING_SECONDS
from asrquant.audio.sound import Header, read_header
from asrquant.base.errors import AudioError
from asrquant.base.progress import Progress, silent
from asrquant.data.dataset import BadRow, Dataset, Utterance


@dataclass(frozen=True)
class Heard:
    """A clip and what the header of its file says; ``header.seconds`` are those of the clip."""

    utterance: Utterance
    header: Header


@dataclass(frozen=True)
class Overview:
    """What a data set holds.

    Attributes:
        clips: that can be used, as far as their headers tell.
        bad: clips that cannot, which their rows did not show.
    """

    clips: tuple[Heard, ...]
    bad: tuple[BadRow, ...]

    @property
    def seconds(self) -> float:
        """Of all clips whose length their headers tell."""
        return sum(clip.header.seconds for clip in self.clips)

    @property
    def unknown(self) -> int:
        """Clips whose length shows only when they are read."""
        return sum(not clip.header.seconds for clip in self.clips)

    def longest(self, count: int) -> tuple[Heard, ...]:
        """The longest clips, in order."""
        return tuple(sorted(self.clips, key=lambda clip: -clip.header.seconds)[:count])

    @property
    def rates(self) -> Mapping[str, int]:
        """Clips by sampling rate, most first."""
        return _counted(f"{clip.header.rate / 1000:g} kHz" for clip in self.clips)

    @property
    def channels(self) -> Mapping[str, int]:
        """Clips by number of channels, most first."""
        names = {1: "mono", 2: "stereo"}
        return _counted(names.get(clip.header.channels, f"{clip.header.channels} channels") for clip in self.clips)

    @property
    def codings(self) -> Mapping[str, int]:
        """Clips by container and coding, most first."""
        return _counted(clip.header.coding for clip in self.clips)


def overview(data: Dataset, progress: Progress = silent) -> Overview:
    """Read the header of each clip's file; nothing, or a moment of it, is decoded.

    Args:
        data: a data set.
        progress: called before each clip; may raise ``Cancelled``.
    """
    clips: list[Heard] = []
    bad: list[BadRow] = []
    for index, utterance in enumerate(data.utterances):
        progress("reading headers", index, len(data.utterances))
        try:
            header = read_header(utterance.path, utterance.piece)
        except AudioError as error:
            bad.append(BadRow(utterance.id, str(error), "unreadable audio"))
            continue
        if header.seconds > MAX_RECORDING_SECONDS:
            reason = f"is {header.seconds / 3600:.1f} h long; at most {MAX_RECORDING_SECONDS / 3600:g} h are taken"
            bad.append(BadRow(utterance.id, reason, "too long"))
        elif 0 < header.seconds < MIN_SECONDS:
            reason = f"is too short ({header.seconds:.3f} s); at least {MIN_SECONDS} s are needed"
            bad.append(BadRow(utterance.id, reason, "too short"))
        else:
            clips.append(Heard(utterance, header))
    progress("reading headers", len(data.utterances), len(data.utterances))
    return Overview(tuple(clips), tuple(bad))


def _counted(names: Iterable[str]) -> Mapping[str, int]:
    return dict(Counter(names).most_common())
