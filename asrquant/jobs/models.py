"""The models and presets that the page offers, and the recognizers that the worker keeps in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from asrquant.engines import quantize, refuse_unavailable
from asrquant.errors import UntrustedSourceError
from asrquant.presets import Preset, custom, get_preset
from asrquant.progress import Progress, silent
from asrquant.recognizer import Recognizer
from asrquant.sources import load, offered

MODELS = offered()
CUSTOM = "custom"
CACHE_BYTES = 4_000_000_000
"""Bound on the saved size of all models that are kept, the last used ones first."""


def chosen(name: str, settings: dict[str, Any]) -> Preset:
    """The preset that a visitor asks for.

    Args:
        name: of a preset, or ``CUSTOM``.
        settings: keyword arguments of ``presets.custom``; without any there is no custom preset.

    Raises:
        PresetError: there is none of that name, the settings do not make one, or this machine cannot carry it out.
        MissingDependencyError: its engine is not installed.
    """
    preset = custom(**settings) if name == CUSTOM and settings else get_preset(name)
    refuse_unavailable(preset)
    return preset


class Models:
    """Recognizers that have been loaded or quantized, by (source, preset), bounded in bytes.

    Used by one job at a time, which makes every build single-flight.
    """

    def __init__(self, bound: int = CACHE_BYTES) -> None:
        """Keep at most ``bound`` bytes; the model in use is kept whatever its size."""
        self._bound = bound
        self._kept: OrderedDict[tuple[str, Preset | None], tuple[Recognizer, int]] = OrderedDict()

    def original(self, source: str) -> Recognizer:
        """The float recognizer of a source, with the decoder that it came with.

        Raises:
            UntrustedSourceError: the page does not offer it: no path or id of a visitor's own ever reaches the loader.
            SourceError: it cannot be loaded.
        """
        if source not in MODELS:
            raise UntrustedSourceError(f"The page does not load {source!r}; choose one of {', '.join(MODELS)}.")
        return self._get((source, None), lambda: load(source))

    def quantized(self, source: str, preset: Preset, progress: Progress = silent) -> Recognizer:
        """The source quantized by a preset (which names the backend too); the preset ``original`` is the source itself.

        Raises:
            AsrQuantError: it cannot be loaded or does not fit the preset.
        """
        original = self.original(source)
        if not preset.engine:
            return original
        return self._get((source, preset), lambda: quantize(original, preset, progress=progress))

    def _get(self, key: tuple[str, Preset | None], build: Callable[[], Recognizer]) -> Recognizer:
        if key not in self._kept:
            recognizer = build()
            self._kept[key] = (recognizer, recognizer.size_bytes())
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(size for _, size in self._kept.values()) > self._bound:
            self._kept.popitem(last=False)
        return self._kept[key][0]
