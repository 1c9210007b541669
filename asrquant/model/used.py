"""Clips that a recognizer was made with, as far as whoever gets it has to know: which they were, and whether they fit it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UsedClip:
    """A clip that was heard while a recognizer was quantized.

    Attributes:
        id: that its data set gives it; of a file alone its name.
        sha256: of its file; None for samples that came from none, and where it is not known any more.
        samples_sha256: of what was heard of it: mono, 16 kHz, float32, little-endian. Two pieces of one file differ in this
            alone; None where it is not known any more.
    """

    id: str
    sha256: str | None = None
    samples_sha256: str | None = None


@dataclass(frozen=True)
class UsedClips:
    """Clips that ranges were found with, or that accuracy was looked at on.

    Attributes:
        name: of the data set that they are from, or what else they are; empty where it is not known any more.
        clips: in the order in which they were heard.
        of: usable clips that the data set had; None where they were not drawn of a data set.
        seed: that they were drawn with; None where nothing was drawn.
        refused: rows of the data set that could not be used.
        notice: why they say little about the model, in a sentence's part; empty where nothing is known against them.
    """

    name: str
    clips: tuple[UsedClip, ...]
    of: int | None = None
    seed: int | None = None
    refused: int = 0
    notice: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """What the clips are called."""
        return tuple(clip.id for clip in self.clips)

    def __str__(self) -> str:
        """Such as ``10 of 40 clips (mine; drawn with seed 1337; 2 rows could not be used)``."""
        count = len(self.clips)
        drawn = f"{count} of {self.of} clips" if self.of is not None else f"{count} clip{'s' * (count != 1)}"
        details = (
            self.name,
            "" if self.seed is None else f"drawn with seed {self.seed}",
            f"{self.refused} row{'s' * (self.refused != 1)} could not be used" if self.refused else "",
        )
        said = "; ".join(filter(None, details))
        return f"{drawn} ({said})" if said else drawn
