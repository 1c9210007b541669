"""Comparison → what it comes to, for people who know nothing of quantization: a sentence, and three figures with one each."""

from __future__ import annotations

from dataclasses import dataclass

from asrquant.measure.compare import Comparison
from asrquant.text.metrics import Edit

_MEGA = 1e6
_SAME = 1.05
"""Ratio of two sizes up to which they are called the same."""
_NAMED = 2
"""Changed words that the sentence names; the transcripts below it have all."""
_SHORTER = ("int8", "float16", "bf16")
"""In the name of a preset whose numbers have fewer bits than the original's."""


@dataclass(frozen=True)
class Figure:
    """A large figure.

    Attributes:
        title: what it is about.
        value: itself, as short as can be.
        sentence: what it means, for everybody.
        note: for those who know the field's words; may be empty.
    """

    title: str
    value: str
    sentence: str
    note: str = ""


@dataclass(frozen=True)
class Headline:
    """What a comparison comes to.

    Attributes:
        sentence: all of it.
        size: of the model.
        speed: on the machine at hand.
        words: that were heard otherwise.
    """

    sentence: str
    size: Figure
    speed: Figure
    words: Figure

    @property
    def figures(self) -> tuple[Figure, Figure, Figure]:
        """In the order in which they are shown."""
        return self.size, self.speed, self.words


def headline(found: Comparison) -> Headline:
    """What a comparison comes to; says of nothing more than was measured."""
    how, size, words = _how(found.quantized.preset), _size(found), _words(found)
    if found.steady:
        sentence = f"{how}, this speech recognizer is {size}, {_speed(found)}, and {words}."
    else:
        sentence = f"{how}, this speech recognizer is {size} and {words}; this machine was too busy to tell its speed."
    return Headline(sentence, _size_figure(found), _speed_figure(found), _words_figure(found))


def _how(preset: str) -> str:
    if preset == "original":
        return "As it is"
    if any(name in preset for name in _SHORTER):
        return f"With coarser numbers inside ({preset})"
    return f"With {preset}"


def _shrunk(found: Comparison) -> float:
    return found.original.size_bytes / found.quantized.size_bytes


def _size(found: Comparison) -> str:
    times = _shrunk(found)
    if times >= _SAME:
        return f"{times:.1f} times smaller"
    return "as large as before" if times > 1 / _SAME else f"{1 / times:.1f} times larger"


def _size_figure(found: Comparison) -> Figure:
    before, after = found.original.size_bytes / _MEGA, found.quantized.size_bytes / _MEGA
    times = _shrunk(found)
    if times >= _SAME:
        value, sentence = f"{times:.1f} × smaller", f"Saved, it takes {after:.1f} MB in the place of {before:.1f} MB."
    elif times > 1 / _SAME:
        value, sentence = "the same", f"Saved, it takes {after:.1f} MB, as before ({before:.1f} MB)."
    else:
        value, sentence = (
            f"{1 / times:.1f} × larger",
            f"Saved, it takes {after:.1f} MB in the place of {before:.1f} MB.",
        )
    return Figure("Size", value, sentence)


def _speed(found: Comparison) -> str:
    if not found.clear:
        return "not clearly faster or slower on this machine"
    times = found.speedup
    if times >= 1:
        return f"{times:.1f} times as fast on this machine"
    return f"slower on this machine, taking {1 / times:.1f} times as long"


def _speed_figure(found: Comparison) -> Figure:
    before, after = 1000 * found.original.encoder_seconds.median, 1000 * found.quantized.encoder_seconds.median
    spoken = f"{found.audio_seconds:.1f} s of speech"
    took = f"{spoken} took it {_ms(after)} ms, the original {_ms(before)} ms"
    title, times = "Speed here", found.speedup
    once = ", in one run each" if found.runs == 1 else ""
    if not found.steady:
        busy = "Something else kept this machine busy meanwhile, so the times say nothing"
        return Figure(title, "not known", f"{busy} ({_ms(before)} and {_ms(after)} ms).")
    if not found.clear:
        return Figure(title, "no clear change", f"{took}: too near to each other to tell them apart.", _paired(found))
    if times >= 1:
        return Figure(title, f"{times:.1f} × as fast", f"{took}{once}.", _paired(found))
    return Figure(title, f"{1 / times:.1f} × as slow", f"{took}{once}.", _paired(found))


def _paired(found: Comparison) -> str:
    if found.paired is None:
        return ""
    interval = found.paired.interval
    return f"95 % interval {interval.low:.2f} to {interval.high:.2f} ×"


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _changed(found: Comparison) -> list[Edit]:
    return [edit for edit in found.changes if edit.operation != "="]


def _heard(found: Comparison) -> int:
    """Words of the original's transcript."""
    return sum(edit.operation != "I" for edit in found.changes)


def _of(count: int) -> str:
    return f"{count} word{'s' * (count != 1)}"


def _words(found: Comparison) -> str:
    changed, heard = len(_changed(found)), _heard(found)
    if found.measure == "CER" and changed:
        return f"hears {found.agreement:.0f} % of the characters as before"
    if not changed:
        return "hears the same words" if heard else "hears no words, as before"
    return f"hears {changed} of {_of(heard)} differently" if changed <= heard else f"hears {_of(changed)} differently"


def _words_figure(found: Comparison) -> Figure:
    changed, heard, note = _changed(found), _heard(found), _rates(found)
    if found.measure == "CER":
        sentence = "That many of the characters have both transcripts in common."
        return Figure("Characters kept", f"{found.agreement:.1f} %", sentence, note)
    value = f"{len(changed)} of {heard}" if len(changed) <= heard else f"{len(changed)}"
    if not heard and not changed:
        return Figure("Words changed", "0", "Neither of the two heard a word.", note)
    if not changed:
        return Figure("Words changed", value, "Both heard the very same words.", note)
    named = ", ".join(map(_named, changed[:_NAMED]))
    more = f", and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
    return Figure("Words changed", value, f"{named}{more}.", note)


def _named(edit: Edit) -> str:
    if edit.operation == "D":
        return f"{edit.first} was lost"
    return f"{edit.second} was added" if edit.operation == "I" else f"{edit.first} became {edit.second}"


def _rates(found: Comparison) -> str:
    if found.wers is None or found.cers is None:
        return f"Agreement {found.agreement:.1f} %; no reference, so no WER"
    both = [
        f"{name} {first:.1f} % → {second:.1f} %" for name, (first, second) in (("WER", found.wers), ("CER", found.cers))
    ]
    return "; ".join(both[::-1] if found.measure == "CER" else both)
