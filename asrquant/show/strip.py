"""What a preset does to a speech recognizer's parts, as a strip of blocks from the sound to the letters.

For models of the shape that the presets were made for: convolutions, transformer layers, a head (wav2vec2, HuBERT, data2vec).
What a preset really made of a model at hand is ``measure.layers``' to say; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from asrquant.model.engine_settings import FIRST_CONVOLUTION, OnnxRuntime, OpenVino, TorchEager
from asrquant.model.presets import Preset

Scheme = Literal["float32", "bf16", "float16", "dynamic int8", "static int8"]
MEANING: dict[Scheme, str] = {
    "float32": "32 bits, as trained",
    "bf16": "computed in 16 bits, saved in 32",
    "float16": "weights in 16 bits",
    "dynamic int8": "8 bits, sound's ranges found as it runs",
    "static int8": "8 bits, ranges found beforehand",
}
_POSITIONS = "positions"
_PARTS = (
    (FIRST_CONVOLUTION, "first filter"),
    ("feature_extractor", "filters"),
    ("feature_projection", "bridge"),
    (_POSITIONS, "order"),
    ("transformer_layers", "transformer layers"),
    ("head", "head"),
    ("ctc_output", "letters"),
)
_MATRICES = ("feature_projection", "transformer_layers", "head", "ctc_output")
"""Parts whose weights are matrices; the others are convolutions."""


@dataclass(frozen=True)
class Block:
    """A part of the model.

    Attributes:
        role: as presets name it.
        name: for people.
        scheme: what its weights become.
    """

    role: str
    name: str
    scheme: Scheme


def strip(preset: Preset) -> tuple[Block, ...]:
    """The blocks in the order in which sound goes through them; none for a preset whose models are of another shape."""
    settings = preset.settings
    if settings is None:
        return _blocks({})
    if isinstance(settings, TorchEager):
        return _eager(settings)
    if isinstance(settings, OpenVino):
        floats: Scheme = "bf16" if settings.precision == "bf16" else "float32"
        if settings.int8:
            return _all_but(settings.ignored, "static int8", [role for role, _ in _PARTS])
        return _blocks(dict.fromkeys([role for role, _ in _PARTS], floats))
    if isinstance(settings, OnnxRuntime):
        if settings.int8 == "none":
            return _blocks({})
        if settings.int8 == "dynamic":
            return _all_but(settings.ignored, "dynamic int8", _MATRICES)
        return _all_but(settings.ignored, "static int8", [role for role, _ in _PARTS])
    return ()


def _eager(settings: TorchEager) -> tuple[Block, ...]:
    dynamic: Scheme = "float16" if settings.dynamic_dtype == "float16" else "dynamic int8"
    found: dict[str, Scheme] = {
        **dict.fromkeys(settings.static, "static int8"),
        **dict.fromkeys(settings.dynamic, dynamic),
    }
    if "feature_extractor" in found:
        found[FIRST_CONVOLUTION] = found["feature_extractor"]
    return _blocks({role: scheme for role, scheme in found.items() if role not in settings.ignored})


def _all_but(ignored: Collection[str], scheme: Scheme, roles: Collection[str]) -> tuple[Block, ...]:
    return _blocks({role: scheme for role in roles if role not in ignored})


def _blocks(schemes: dict[str, Scheme]) -> tuple[Block, ...]:
    return tuple(Block(role, name, schemes.get(role, "float32")) for role, name in _PARTS)
