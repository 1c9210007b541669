"""Float encoder + preset → the encoder that was asked for: one folder an engine."""

from asrquant.engines.quantize import quantize
from asrquant.engines.registry import engines, formats, get_engine, get_format, refuse_unavailable, unavailable

__all__ = ["engines", "formats", "get_engine", "get_format", "quantize", "refuse_unavailable", "unavailable"]
