"""Whose words the reference's are: they belong to a clip, and what becomes of them when the clip changes."""

from __future__ import annotations

import filecmp
from dataclasses import dataclass

from asrquant.data.bundled import example_clips
from asrquant.data.dataset import Utterance

EXAMPLE, TYPED = "example", "typed"
"""Where the words came from: with an example, or from the visitor while a clip was there; else nothing is said."""
REMOVED = "The example's words were removed, as this is not the whole example any more."
KEPT = "These words stay as you typed them for the clip before: are they what this one says?"
TYPING = f"(clip) => [clip ? '{TYPED}' : '', '']"
"""In the browser, as somebody types: from the clip to the words' origin and the note."""


@dataclass(frozen=True)
class Words:
    """The reference as it is to be shown.

    Attributes:
        text: what is said in the clip, as far as known.
        origin: ``EXAMPLE``, ``TYPED`` or empty.
        note: for the visitor, on what became of them; empty where nothing did.
    """

    text: str
    origin: str
    note: str = ""


def fitting(clip: str | None, text: str, origin: str) -> Words:
    """The words that go with a clip that has taken the place of another, or with none.

    An example's words stay with the whole example only: they are removed with it and when it is trimmed, and come back when
    that is undone. What the visitor typed is the visitor's: it stays, with a question.

    Args:
        clip: path of the clip that is there now.
        text: what the reference says, as it came.
        origin: of these words, as it came.
    """
    if not clip:
        return Words("", "") if origin == EXAMPLE else Words(text, origin)
    if origin == EXAMPLE:
        example = example_of(clip)
        return Words(example.reference, EXAMPLE) if example else Words("", EXAMPLE, REMOVED)
    return Words(text, TYPED, KEPT if origin == TYPED else "") if text else Words(text, "")


def example_of(clip: str) -> Utterance | None:
    """The example that a file is a copy of."""
    return next((example for example in example_clips() if same_clip(str(example.path), clip)), None)


def same_clip(one: str, other: str) -> bool:
    """Whether two files hold the same; a file that is gone holds nothing."""
    try:
        return one == other or filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
