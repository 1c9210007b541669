"""Comparison → one HTML file that needs nothing else: no script, no other file, none of the clip's sound."""

from __future__ import annotations

from html import escape

from asrquant.measure.compare import Comparison
from asrquant.show.comparison import COLORS, comparison_table
from asrquant.show.headline import headline
from asrquant.text.metrics import Edit

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 860px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.35rem; line-height: 1.4; }
h2 { font-size: .85rem; margin: 0; font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: .75rem; margin: 1.2rem 0; }
.figures div { border: 1px solid #8886; border-radius: 8px; padding: .8rem 1rem; }
.figures b { display: block; font-size: 1.6rem; }
.quiet, small { font-size: .85rem; opacity: .8; display: block; }
.said { margin: .8rem 0; border-bottom: 1px solid #8884; padding-bottom: .6rem; overflow-wrap: anywhere; }
.bar { height: 1.2rem; border-radius: 3px; margin: .15rem 0 .7rem; min-width: 2px; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1.2rem 0; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #8884; padding: .3rem .7rem; text-align: left; }
mark { background: #d9770640; color: inherit; text-decoration: underline; }
"""


def page(found: Comparison, about: str, clip: str) -> str:
    """The file's text.

    Args:
        found: that was measured.
        about: when, and on what, for people.
        clip: name of its file.
    """
    said = headline(found)
    figures = "".join(
        f"<div><h2>{escape(each.title)}</h2><b>{escape(each.value)}</b>{escape(each.sentence)}<small>{escape(each.note)}</small></div>"
        for each in said.figures
    )
    facts = (clip, found.received, f"model {found.source}, decoder {found.decoder}", str(found.machine))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>asrquant: {escape(found.quantized.preset)}</title><style>{_STYLE}</style><h1>{escape(said.sentence)}</h1>"
        f"<div class=figures>{figures}</div>{_texts(found)}{_bars(found)}"
        + str(comparison_table(found).to_html(index=False, border=0, escape=True))
        + f"<p class=quiet>{escape(about)}</p><p class=quiet>{escape('; '.join(facts))}. Made with asrquant.</p></html>"
    )


def _texts(found: Comparison) -> str:
    rows = [("Said", escape(found.reference))] if found.reference else []
    rows += [
        (name, " ".join(filter(None, (_word(edit, second) for edit in found.changes))) or "<i>(no words)</i>")
        for second, name in enumerate(found.names)
    ]
    return "".join(f"<div class=said><h2>{escape(name)}</h2>{words}</div>" for name, words in rows)


def _word(edit: Edit, second: int) -> str:
    word = edit.second if second else edit.first
    if not word:
        return ""
    return escape(word) if edit.operation == "=" else f"<mark>{escape(word)}</mark>"


def _bars(found: Comparison) -> str:
    """Times of both, as bars without a script."""
    times = [each.encoder_seconds.median for each in (found.original, found.quantized)]
    bars = "".join(
        f"<h2>{escape(name)}: {1000 * seconds:.1f} ms</h2>"
        f'<div class=bar style="width:{100 * seconds / max(times):.1f}%;background:{color}"></div>'
        for name, seconds, color in zip(found.names, times, COLORS, strict=True)
    )
    return f"<p class=quiet>Time of the encoder for the clip, the shorter the less work:</p>{bars}"
