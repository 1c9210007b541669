"""All presets on one clip: what each hears, what it weighs, and how fast it is beside the original → ``LineUp``.

One preset after the other takes turns with the original alone, so that a large model needs no room for all of them at once, and
a machine that slows down meanwhile slows both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import median

import torch

from asrquant.audio.clip import Audio
from asrquant.base.contention import Turns, alone_in_all, turns
from asrquant.base.errors import AsrQuantError, Cancelled
from asrquant.base.progress import Progress, silent
from asrquant.measure.compare import spoken_words
from asrquant.measure.intervals import Speedup, speedup, steady
from asrquant.measure.machine import Machine, this_machine
from asrquant.measure.winner import ORIGINAL, LeftOut
from asrquant.model.presets import Preset
from asrquant.model.recognizer import Recognizer
from asrquant.text.metrics import Measure, WordErrors, align_words, main_measure, word_errors
from asrquant.text.normalize import BASIC, normalize_text

ROUNDS = 7
"""Turns of each preset and of the original beside it."""
_REST = 0.1
"""Seconds after each turn: what is shown of it is drawn on the same machine, and must not be timed."""


@dataclass(frozen=True)
class Timed:
    """A preset so far.

    Attributes:
        preset: its name.
        text: what it heard.
        seconds: of the encoder, turn by turn.
        beside: the original's, in the same turns.
        changed: words that came out otherwise than the original's.
        heard: words of the original.
        errors: against the reference, or None without one.
        size_bytes: of the saved encoder.
    """

    preset: str
    text: str
    seconds: tuple[float, ...]
    beside: tuple[float, ...]
    changed: int
    heard: int
    errors: WordErrors | None
    size_bytes: int

    @property
    def whole(self) -> bool:
        """Whether all its turns are done."""
        return len(self.seconds) == ROUNDS

    @property
    def speedup(self) -> Speedup:
        """How many times as fast as the original it was."""
        return speedup(self.beside, self.seconds)

    @property
    def median(self) -> float:
        """Seconds of a turn."""
        return median(self.seconds)


@dataclass(frozen=True)
class LineUp:
    """All presets on one clip.

    Attributes:
        source: the model.
        decoder: that all used.
        received: the clip, as it came in.
        audio_seconds: its length.
        reference: what was said, or None.
        measure: main figure of the errors.
        timed: the presets that ran, the original first.
        left_out: those that did not, and why.
        machine: where this was measured.
        undisturbed: whether nothing else had the processor meanwhile, as far as the system says.
    """

    source: str
    decoder: str
    received: str
    audio_seconds: float
    reference: str | None
    measure: Measure
    timed: tuple[Timed, ...]
    left_out: tuple[LeftOut, ...]
    machine: Machine
    undisturbed: bool = True

    @property
    def steady(self) -> bool:
        """Whether nothing else had the processor, and the original took about as long beside each preset."""
        return self.undisturbed and steady(tuple(second for each in self.timed for second in each.beside))


def faithful(found: LineUp) -> tuple[Timed, ...]:
    """The presets that changed no word, the original included, by their speed."""
    return tuple(sorted((each for each in found.timed if not each.changed), key=lambda each: -each.speedup.median))


def rivals(found: LineUp) -> tuple[Timed, ...]:
    """The first of ``faithful``, and those whose intervals overlap with its own: one alone is clear."""
    first, *others = faithful(found)
    return first, *(each for each in others if each.speedup.interval.high >= first.speedup.interval.low)


def winner(found: LineUp) -> Timed | None:
    """The fastest preset that changed no word, if that is clear and it is faster than the original."""
    first, *others = rivals(found)
    clear = found.steady and not others and first.preset != ORIGINAL and first.speedup.interval.low > 1
    return first if clear else None


def line_up(
    original: Recognizer,
    presets: Iterable[Preset],
    build: Callable[[Preset], Recognizer],
    audio: Audio,
    reference: str | None = None,
    progress: Progress = silent,
    watch: Callable[[Timed], None] = lambda timed: None,
) -> LineUp:
    """Run the original and each preset on a clip.

    Args:
        original: the float recognizer.
        presets: in the order in which they run, without the original.
        build: makes a recognizer with the original's decoder; one that cannot be made is left out, with its error.
        audio: the clip.
        reference: what was said; None, or one without a word in it, means that nobody knows.
        progress: called before each step; may raise ``Cancelled``.
        watch: called after each turn with the preset so far.

    Raises:
        DatasetError: the reference is no text.
    """
    spoken = spoken_words(reference, BASIC)
    names = list(presets)
    progress(f"timing {ORIGINAL}", 0, len(names) + 1)
    said = original.transcribe(audio).text
    spent: list[tuple[Turns | None, Turns | None]] = []
    timed = [_timed(original, original, said, audio, spoken, progress, watch, spent)]
    left_out: list[LeftOut] = []
    for index, preset in enumerate(names, start=1):
        progress(f"building {preset.name}", index, len(names) + 1)
        try:
            recognizer = build(preset)
        except Cancelled:
            raise
        except AsrQuantError as error:
            left_out.append(LeftOut(preset.name, str(error)))
            continue
        progress(f"timing {preset.name}", index, len(names) + 1)
        timed.append(_timed(original, recognizer, said, audio, spoken, progress, watch, spent))
        del recognizer
    return LineUp(
        source=original.named,
        decoder=original.decoder.name,
        received=audio.received,
        audio_seconds=audio.seconds,
        reference=spoken,
        measure=timed[0].errors.measure if timed[0].errors else main_measure(normalize_text(said, BASIC)),
        timed=tuple(timed),
        left_out=tuple(left_out),
        machine=this_machine(),
        undisturbed=alone_in_all(spent),
    )


def _timed(
    original: Recognizer, recognizer: Recognizer, said: str, audio: Audio, spoken: str | None, progress: Progress,
    watch: Callable[[Timed], None], spent: list[tuple[Turns | None, Turns | None]],
) -> Timed:  # fmt: skip
    """Hear the clip once, which warms up, then take turns with the original."""
    name = recognizer.preset.name
    text = recognizer.transcribe(audio).text
    _turn(original, audio)
    changes = align_words(said, text, BASIC)
    found = Timed(
        preset=name,
        text=text,
        seconds=(),
        beside=(),
        changed=sum(edit.operation != "=" for edit in changes),
        heard=sum(edit.operation != "I" for edit in changes),
        errors=word_errors(spoken, text) if spoken else None,
        size_bytes=recognizer.size_bytes(),
    )
    begun = turns()
    for turn in range(ROUNDS):
        progress(f"timing {name}", turn, ROUNDS)
        pair = (original, recognizer) if turn % 2 == 0 else (recognizer, original)
        times = {id(each): _turn(each, audio) for each in pair}
        mine, beside = times[id(recognizer)], times[id(original)]
        found = replace(found, seconds=(*found.seconds, mine), beside=(*found.beside, beside))
        watch(found)
        time.sleep(_REST)
    spent.append((begun, turns()))
    return found


def _turn(recognizer: Recognizer, audio: Audio) -> float:
    """Seconds of the encoder on the clip."""
    with torch.inference_mode():
        begun = time.perf_counter()
        recognizer.log_probs(audio)
        return time.perf_counter() - begun
