"""The jobs of the tab "Modules"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asrquant.base.progress import Progress
from asrquant.jobs.checks import number
from asrquant.jobs.models import Custom, Models, chosen
from asrquant.measure.layers import Layer, anatomy
from asrquant.measure.sensitivity import Sensitivity, sensitivity
from asrquant.model.modules import ModuleInfo, module_map

Parts = tuple[tuple[Layer, ...], tuple[ModuleInfo, ...]]
_LEAST, _MOST = 1e-5, 10.0


def layers(
    models: Models, progress: Progress, show: Callable[[Any], None], preset: str, settings: Custom | None, source: str
) -> Parts:
    """What a preset makes of each layer, and the model's parts."""
    wanted = chosen(preset, settings)
    progress("loading the model", 0, 1)
    original = models.original(source)
    quantized = models.quantized(source, wanted, progress)
    return anatomy(original, quantized), module_map(original, original.roles)


def parts(
    models: Models,
    progress: Progress,
    show: Callable[[Any], None],
    layers: bool,
    limit: float,
    source: str,
    decoder: str,
) -> Sensitivity:
    """What quantizing each part alone does."""
    bound = number(limit, "The divergence that a part may have", _LEAST, _MOST)
    progress("loading the model", 0, 1)
    original = models.original(source).with_decoder(decoder)
    return sensitivity(original, layers=bool(layers), max_nats=bound, progress=progress)
