"""Which machines ran a benchmark's clips, and whether machines of different kinds heard the same."""

from __future__ import annotations

from dataclasses import dataclass

from asrquant.measure.conditions import Conditions


@dataclass(frozen=True)
class Node:
    """A machine that ran clips.

    Attributes:
        name: of the machine.
        conditions: its processor, threads and libraries.
        clips: that it ran.
    """

    name: str
    conditions: Conditions
    clips: int


@dataclass(frozen=True)
class Differing:
    """A row whose text another kind of machine heard otherwise.

    Attributes:
        utterance: the clip.
        preset: the recognizer.
        processor: of the row.
        other: processor of the machine that heard something else.
        heard: what that was.
    """

    utterance: str
    preset: str
    processor: str
    other: str
    heard: str


@dataclass(frozen=True)
class Recheck:
    """Clips that ran again on a machine of another kind.

    Attributes:
        rows: that were compared.
        differing: those whose texts were not the same.
    """

    rows: int
    differing: tuple[Differing, ...]

    def __str__(self) -> str:
        """What was found, in a sentence's part."""
        said = f"{self.rows} rows were run on nodes of two kinds: "
        if not self.differing:
            return f"{said}no text differed"
        named = ", ".join(f"{each.utterance} {each.preset}" for each in self.differing[:_NAMED])
        more = len(self.differing) - _NAMED
        return f"{said}{len(self.differing)} texts differed ({named}{f' and {more} more' if more > 0 else ''})"


_NAMED = 5
"""Rows that a sentence names; all are in ``report.json``."""
