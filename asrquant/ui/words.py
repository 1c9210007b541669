"""The field's words, explained where they stand, by pointer and by keyboard; and how to read the page as a whole."""

from __future__ import annotations

import re
from html import escape

WORDS = {
    "quantization": "Writing a model's numbers with fewer bits, such as 8 in the place of 32: less to store, and less to compute "
    "where the processor has instructions for it.",
    "preset": "A recipe: which parts of the model become what.",
    "int8": "Whole numbers of 8 bits, from -128 to 127, with a scale: a quarter of float32's size.",
    "static": "The ranges of the numbers inside are found beforehand, on calibration clips.",
    "dynamic": "The ranges of the numbers inside are found anew for each clip, while it runs.",
    "calibration": "Running some clips through the model to see how large the numbers inside become.",
    "observer": "What watches the numbers inside during calibration, and decides which range 8 bits have to cover.",
    "encoder": "The part of a recognizer that turns sound into the probability of each letter; it does nearly all the work.",
    "decoder": "What makes words of the letters' probabilities. Both models have the same one.",
    "RTF": "Real-time factor: seconds of work for a second of sound. Under 1 it keeps up with speech.",
    "WER": "Word error rate: of 100 words that were said, how many came out wrong.",
    "CER": "Character error rate: the same, counted in letters.",
    "divergence": "How far the quantized model's opinion of each moment is from the original's; 0 where they agree.",
    "Pareto": "Those that no other beats in both speed and errors.",
}
"""Word → what it means, in a sentence or two for everybody."""
_ANY = re.compile(rf"\b({'|'.join(WORDS)})\b", re.IGNORECASE)
_CASELESS = {word.lower(): word for word in WORDS}
_DIALOG = "how-to-read"
_HOW = (
    ("The sentence and the three figures", "compare one speech recognizer with a copy of it whose numbers were made coarser: how "
     "much less room the copy takes, how fast it is on the machine that serves this page, and which words change."),
    ("The transcripts", "show what each of the two heard. Words that differ are marked by more than colour."),
    ("Speed", "is measured, here, in turns, after a warm-up. On another machine it is another; the page never shows a number of "
     "another day or machine as if it were measured now. Where the runs do not tell the two apart, it says so."),
    ("The strip of blocks", "shows which parts of the model a preset makes coarser, from the sound to the letters."),
    ("All presets on this clip", "runs every recipe that works here, and names the fastest that changed no word."),
    ("One clip is an example, not a proof:", "the tab Benchmark runs many, with intervals."),
)  # fmt: skip


def explained(text: str) -> str:
    """A text as HTML in which the first of each of the words explains itself."""
    seen: set[str] = set()

    def mark(found: re.Match[str]) -> str:
        word = _CASELESS[found[0].lower()]
        if word in seen:
            return found[0]
        seen.add(word)
        return term(found[0], word)

    return _ANY.sub(mark, escape(text))


def term(shown: str, word: str) -> str:
    """A word that explains itself, as HTML."""
    return f'<span class="aq-term" tabindex="0" data-tip="{escape(WORDS[word])}">{escape(shown)}</span>'


def listed(*words: str) -> str:
    """Some of them in a line."""
    return f'<p class="aq-quiet aq-words">Words: {", ".join(term(word, word) for word in words)}</p>'


def head(tagline: str) -> str:
    """The page's head: its name, what it is, and the button for how to read it."""
    how = "".join(f"<p><b>{escape(what)}</b> {escape(said)}</p>" for what, said in _HOW)
    words = "".join(f"<dt>{escape(word)}</dt><dd>{escape(said)}</dd>" for word, said in WORDS.items())
    return (
        f'<div class="aq-title"><h1>asrquant</h1><p>{escape(tagline)}</p>'
        f'<button type="button" class="aq-button" data-dialog="{_DIALOG}" aria-haspopup="dialog">How to read this</button></div>'
        f'<dialog id="{_DIALOG}" aria-labelledby="{_DIALOG}-title"><form method="dialog">'
        '<button class="aq-button">Close</button></form>'
        f'<h2 id="{_DIALOG}-title">How to read this</h2>{how}<h3>Words</h3><dl>{words}</dl></dialog>'
    )
