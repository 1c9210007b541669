"""Comparison → plain text, for the terminal."""

from __future__ import annotations

from asrquant.base.tables import aligned
from asrquant.measure.compare import Comparison
from asrquant.measure.divergence import Divergence
from asrquant.show.comparison import comparison_table
from asrquant.show.confidence import confidence_line, doubt

DISTURBED = "something else kept the machine busy meanwhile, so nothing is known of the change in speed; run it again"


def comparison_text(comparison: Comparison) -> str:
    """Both transcripts, the words that changed, and the table."""
    lines = [
        f"{comparison.source}, {comparison.received}, decoder {comparison.decoder}, {comparison.runs} runs each",
        str(comparison.machine),
        f"words compared after the normalization {comparison.normalization}",
        *comparison.notes,
        "",
        *([f"{'reference':<18} {comparison.reference}"] if comparison.reference else []),
        f"{comparison.names[0]:<18} {comparison.original.text}",
        f"{comparison.names[1]:<18} {comparison.quantized.text}",
        f"{'changed words':<18} {changed_words(comparison)}",
        f"{'divergence':<18} {divergence_line(comparison.divergence)}",
        *([f"{'confidence':<18} {said}"] if (said := confidence_line(comparison)) else []),
        *([f"{'notice':<18} {said}"] if (said := doubt(comparison)) else []),
        *([f"{'calibrated with':<18} {comparison.calibration}"] if comparison.calibration else []),
        *([f"{'notice':<18} {comparison.notice}"] if comparison.notice else []),
        *([f"{'accuracy control':<18} {comparison.tuning}"] if comparison.tuning else []),
        *([f"{'validated with':<18} {comparison.validation}"] if comparison.validation else []),
        *([] if comparison.steady else [f"{'times':<18} {DISTURBED}"]),
        "",
        aligned(comparison_table(comparison)),
    ]
    return "\n".join(lines)


def changed_words(comparison: Comparison) -> str:
    """The words that quantization changed: ``FIVE→NINE (1.20 s), +OH (1.52 s), -TWO (2.00 s)``, or ``none``."""
    return ", ".join(f"{change} ({change.start:.2f} s)" for change in comparison.divergence.changes) or "none"


def divergence_line(divergence: Divergence) -> str:
    """How far the encoders' answers lie apart: ``0.0058 nats a frame, at most 0.210 at 1.32 s``."""
    peak, at = divergence.peak
    return f"{divergence.mean:.4f} nats a frame, at most {peak:.3f} at {at:.2f} s"
