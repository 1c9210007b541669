"""A preset's strip of blocks as HTML: which parts of the model become what, from the sound to the letters."""

from __future__ import annotations

from html import escape

from asrquant.model.presets import PRESETS
from asrquant.show.strip import MEANING, strip


def html(name: object) -> str:
    """The strip of a preset; empty for one that has none, such as ``custom``, or a forged name."""
    preset = PRESETS.get(name) if isinstance(name, str) else None
    blocks = strip(preset) if preset else ()
    if not blocks:
        return ""
    boxes = "".join(
        f'<li class="aq-block aq-{each.scheme.replace(" ", "-")}{" aq-wide" * (each.role == "transformer_layers")}">'
        f'<span>{escape(each.name)}</span><span class="aq-hidden">: {each.scheme}</span></li>'
        for each in blocks
    )
    schemes = dict.fromkeys(each.scheme for each in blocks)
    legend = "".join(
        f'<span><i class="aq-block aq-{each.replace(" ", "-")}" aria-hidden="true"></i>{each}: {escape(MEANING[each])}</span>'
        for each in schemes
    )
    return (
        f'<figure class="aq-strip"><ol aria-label="Parts of the model, from the sound to the letters">{boxes}</ol>'
        f'<figcaption class="aq-quiet">{legend}</figcaption></figure>'
    )
