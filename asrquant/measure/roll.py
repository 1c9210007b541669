"""Who ran which clips of a benchmark, kept as their results come."""

from __future__ import annotations

from collections import Counter

from asrquant.measure.crew import Place
from asrquant.measure.journal import Entry
from asrquant.measure.nodes import Differing, Node, Recheck


class Roll:
    """Keeps account of who ran what."""

    def __init__(self) -> None:
        self._clips: Counter[Place] = Counter()
        self._differing: list[Differing] = []
        self._rows = 0

    def ran(self, place: Place | None) -> None:
        """A clip is done."""
        if place:
            self._clips[place] += 1

    def compare(self, entry: Entry, again: Entry) -> None:
        """The same clip, as it was done and as another kind of machine did it."""
        for row, other in zip(entry.rows, again.rows, strict=False):  # one of them may have found the clip unusable
            self._rows += 1
            if row.hypothesis != other.hypothesis:
                self._differing.append(
                    Differing(row.utterance, row.preset, row.processor, other.processor, other.hypothesis)
                )

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Those that ran something, in the order of their names."""
        found = (Node(place.node, place.conditions, clips) for place, clips in self._clips.items())
        return tuple(sorted(found, key=lambda node: node.name))

    @property
    def recheck(self) -> Recheck | None:
        """What became of the clips that were compared, if any."""
        return Recheck(self._rows, tuple(self._differing)) if self._rows else None
