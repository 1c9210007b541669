"""``--preset``: the name of a preset, or a point that a search found, as ``found.json#3``."""

from __future__ import annotations

from asrquant.measure.search.found import named_point
from asrquant.model.presets import Preset, get_preset


def named_preset(text: str) -> Preset:
    """The preset that a text names; ``found.json#`` is the point that the search recommends.

    Raises:
        PresetError: there is none of that name, or no such point.
        SearchError: the file cannot be read, or is none of a search's.
    """
    return named_point(text) or get_preset(text)
