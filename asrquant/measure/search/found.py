"""What a search found, as a small file: points that are presets, and the one that is recommended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from asrquant.base.errors import PresetError, SearchError
from asrquant.measure.conditions import Conditions
from asrquant.measure.intervals import Interval, Speedup
from asrquant.measure.search.trial import Measured
from asrquant.model.presets import Preset
from asrquant.model.used import UsedClips

FORMAT_VERSION = 1
_MOST_BYTES = 10_000_000


@dataclass(frozen=True)
class Limits:
    """What a recommended mixture may cost, on clips that the search has not seen.

    Attributes:
        max_nats: divergence from the float model, in nats a frame; None for any.
        max_drop: points of WER (of CER, where the script puts no spaces between words); None for any.
    """

    max_nats: float | None = None
    max_drop: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no mixture can hold."""
        for name, value in (("max_nats", self.max_nats), ("max_drop", self.max_drop)):
            if value is not None and not value >= 0:
                raise SearchError(f"{name} is {value}; give 0 or more, or leave it out.")

    def __str__(self) -> str:
        """In words."""
        nats = "" if self.max_nats is None else f"at most {self.max_nats:g} nats a frame"
        drop = "" if self.max_drop is None else f"at most {self.max_drop:g} points of errors more"
        return " and ".join(filter(None, (nats, drop))) or "no limit"


@dataclass(frozen=True)
class Checked:
    """A mixture on clips that the search has not seen, built as whoever takes its preset builds it.

    Attributes:
        nats: mean divergence from the float model.
        nats_interval: 95 %, by bootstrap over clips.
        change: of the WER (or CER), in points; None where nobody says what the words are.
        change_interval: of ``change``, by the paired bootstrap.
        speedup: of the encoder, in turns with the float model's.
        bytes: of the saved encoder.
        steady: whether nothing else had the processor meanwhile, as far as the system says.
    """

    nats: float
    nats_interval: Interval
    change: float | None
    change_interval: Interval | None
    speedup: Speedup
    bytes: int
    steady: bool = True

    def holds(self, limits: Limits) -> bool:
        """Whether the whole of the intervals is within the limits."""
        near = limits.max_nats is None or self.nats_interval.high <= limits.max_nats
        right = limits.max_drop is None or (
            self.change_interval is not None and self.change_interval.high <= limits.max_drop
        )
        return near and right


@dataclass(frozen=True)
class Point:
    """A mixture of the Pareto front.

    Attributes:
        trial: its number in the search.
        origin: why it was tried; see ``Trial``.
        preset: that carries it out.
        measured: on the clips of the search.
        checked: on other clips; None where it was not looked at there.
    """

    trial: int
    origin: str
    preset: Preset
    measured: Measured
    checked: Checked | None = None


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        model: its name.
        decoder: that counted words, where words were counted.
        data: what the clips are.
        clips: number of clips that the search looked at.
        unseen: number of others, that points were checked on.
        words: reference words of those; 0 where nobody says what they are.
        measure: ``WER``, or ``CER`` where the script puts no spaces between words.
        seed: of all that was drawn.
        trials: number of mixtures that were tried.
        failed: of these, how many could not be built.
        minutes: that the trials took.
        exhausted: whether it ended as nothing new was drawn any more.
        limits: for what is recommended.
        points: the Pareto front, fastest first.
        recommended: number of a point, from 1; None where none holds the limits.
        float_bytes: of the saved float encoder.
        conditions: of the machine.
        calibration: clips that static parts were calibrated with; None where none were needed.
        format_version: of the file.
    """

    model: str
    decoder: str
    data: str
    clips: int
    unseen: int
    words: int
    measure: str
    seed: int
    trials: int
    failed: int
    minutes: float
    exhausted: bool
    limits: Limits
    points: tuple[Point, ...]
    recommended: int | None
    float_bytes: int
    conditions: Conditions
    calibration: UsedClips | None = None
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        """Refuse a recommendation that is no point."""
        if self.recommended is not None and not 1 <= self.recommended <= len(self.points):
            raise ValueError(f"recommended is point {self.recommended} of {len(self.points)}")

    def preset(self, number: int | None = None, name: str = "found") -> Preset:
        """A point as a preset, called ``NAME-NUMBER``.

        Args:
            number: from 1, as the table has it; None takes the recommended one.
            name: that it begins with.

        Raises:
            PresetError: there is no such point, or none is recommended.
        """
        number = self.recommended if number is None else number
        if number is None:
            raise PresetError(f"The search recommends none of its points ({self.limits}); name one by its number.")
        if not 1 <= number <= len(self.points):
            raise PresetError(f"The search has no point {number}; it has 1 to {len(self.points)}.")
        return replace(self.points[number - 1].preset, name=f"{name}-{number}")


_FOUND = TypeAdapter(Found)


def write_found(found: Found, path: Path) -> None:
    """Write the file.

    Raises:
        OSError: it cannot be written.
    """
    path.write_bytes(_FOUND.dump_json(found, indent=1) + b"\n")


def read_found(path: str | Path) -> Found:
    """What a search found, from its file.

    Raises:
        SearchError: there is no such file, or it is none of a search's.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SearchError(f"{path.name} is too large for the result of a search.")
        return _FOUND.validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise SearchError(
            f"{path.name} cannot be read: {error.strerror or error}; 'asrquant search' writes one."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        said = f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"
        raise SearchError(f"{path.name} is no result of 'asrquant search' ({said}).") from None


_NAMED = re.compile(r"(?P<path>.+)#(?P<number>\d{1,4})?")


def named_point(text: str) -> Preset | None:
    """The preset that ``found.json#3`` names, or ``found.json#`` the recommended one; None where a text names no file so.

    Reads a file of any name: not for what strangers say.

    Raises:
        SearchError: as ``read_found``.
        PresetError: the file has no such point.
    """
    if not (match := _NAMED.fullmatch(text)):
        return None
    path, number = Path(match["path"]), match["number"]
    return read_found(path).preset(int(number) if number else None, path.stem)


def numbered(points: Sequence[Point]) -> tuple[tuple[int, Point], ...]:
    """The points with their numbers, from 1."""
    return tuple(enumerate(points, start=1))
