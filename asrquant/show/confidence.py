"""How sure both models of a comparison are of what they heard, in words."""

from __future__ import annotations

from asrquant.measure.compare import Comparison, Measured


def sure(measured: Measured) -> str:
    """``97 % sure``, or ``not sure``; empty where that is not known.

    Where it is doubtful there is no number: the curve was fitted on clips of the kind that the model was made for.
    """
    found = measured.confidence
    if found is None:
        return ""
    return "not sure" if found.doubtful else f"{100 * found.share:.0f} % sure"


def confidence_line(comparison: Comparison) -> str:
    """``original 97 % sure, dynamic-int8 97 % sure``; empty where that is not known of either."""
    both = zip(comparison.names, (comparison.original, comparison.quantized), strict=True)
    return ", ".join(f"{name} {said}" for name, measured in both if (said := sure(measured)))


def doubt(comparison: Comparison) -> str:
    """A sentence where the original is not sure of a clip, which was probably not made for it; else empty."""
    found = comparison.original.confidence
    if found is None or not found.doubtful:
        return ""
    return f"The model is not sure of what it heard: it knows {found.knows}, and nothing else."
