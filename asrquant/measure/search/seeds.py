"""What a search tries first: each part alone, what that suggests, and the presets that have a name."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asrquant.measure.search.space import Space
from asrquant.measure.search.trial import Measured, Trial
from asrquant.measure.sensitivity import MAX_NATS, Effect, Group, suggest
from asrquant.model.presets import PRESETS, Preset
from asrquant.text.metrics import WordErrors

SAMPLED, SENSITIVITY = "sampled", "sensitivity"


@dataclass(frozen=True)
class Asked:
    """A mixture to be tried.

    Attributes:
        origin: see ``Trial``.
        preset: that carries it out.
        choices: that lead to it.
    """

    origin: str
    preset: Preset
    choices: tuple[tuple[str, str], ...]


def next_seed(space: Space, groups: Sequence[Group], trials: Sequence[Trial], max_nats: float | None) -> Asked | None:
    """The first of the mixtures to begin with that was not tried; None where all were.

    Args:
        space: of mixtures.
        groups: parts of the model with a way to quantize each.
        trials: so far.
        max_nats: divergence that a part of the suggestion may have; None takes ``sensitivity``'s.
    """
    tried = {trial.preset.settings for trial in trials}
    for origin, choices in _all(space, groups, trials, MAX_NATS if max_nats is None else max_nats):
        asked = chosen(space, origin, choices)
        if asked.preset.settings not in tried:
            return asked
    return None


def chosen(space: Space, origin: str, choices: Mapping[str, str]) -> Asked:
    """The mixture that some choices lead to; where they say nothing, or what there is not, the first that there is."""
    made: dict[str, str] = {}

    def choose(name: str, there: tuple[str, ...]) -> str:
        said = choices.get(name)
        made[name] = said if said in there else there[0]
        return made[name]

    preset = space.preset(choose)
    return Asked(origin, preset, tuple(sorted(made.items())))


def _all(
    space: Space, groups: Sequence[Group], trials: Sequence[Trial], max_nats: float
) -> Iterator[tuple[str, Mapping[str, str]]]:
    if "torch_eager" in space.engines:
        alone = [(group, chosen(space, "", space.alone(group)).preset.settings) for group in groups]
        yield from ((f"alone: {group.part}, {group.scheme}", space.alone(group)) for group in groups)
        by_settings = {trial.preset.settings: trial.measured for trial in trials if trial.measured}
        effects = [_effect(group, by_settings[made]) for group, made in alone if made in by_settings]
        together = {f"torch: {group.part}": group.scheme for group in suggest(effects, max_nats)}
        yield SENSITIVITY, {"engine": "torch_eager", "torch: first convolution": "int8", **together}
    for preset in PRESETS.values():
        if preset.settings and not preset.needs_validation and (choices := space.as_chosen(preset.settings)):
            yield preset.name, choices


def _effect(group: Group, measured: Measured) -> Effect:
    """What a group did alone, as ``sensitivity`` has it; words are not counted here."""
    ratios = [a / b for a, b in zip(measured.beside, measured.seconds, strict=True)]
    high = float(np.quantile(ratios, 0.75))
    return Effect((group,), measured.nats, statistics.median(ratios), high, 0, WordErrors(0, 0, 0, 0))
