"""What quantizing each part of a model alone costs and gains, and the ``custom`` preset that this suggests.

Layer-wise sensitivity analysis, as mixed-precision quantization has it (Dong et al. 2019, "HAWQ"; NNCF's ranking of layers):
one group at a time is quantized, everything else stays float. The cost is read from the encoder's answers, which show it
long before a word changes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from asrquant.audio.clip import Audio
from asrquant.base.errors import DatasetError, PresetError
from asrquant.base.progress import Progress, silent
from asrquant.data.bundled import validation_clips
from asrquant.data.dataset import Dataset, Utterance
from asrquant.data.sounds import read_sounds
from asrquant.engines.clips import Clips, WithWords, labelled, strange
from asrquant.engines.quantize import quantize
from asrquant.measure.divergence import kl_divergence
from asrquant.model.modules import dynamic_parts, get_module, module_map
from asrquant.model.presets import Calibration, Preset, custom
from asrquant.model.recognizer import Recognizer
from asrquant.model.used import UsedClips
from asrquant.text.metrics import WordErrors, refuse_foreign, total_errors, word_errors
from asrquant.text.normalize import BASIC, Normalization, normalization, normalize_text

CLIPS = 8
CALIBRATION = Calibration()
STAGE = "quantizing one part at a time"
MAX_NATS = 0.01
"""Divergence in nats a frame that a suggested group may have."""
_SLOWER = 0.97
"""A group is slower, beyond what noise explains, if three quarters of the clips stay under this speed-up."""


@dataclass(frozen=True)
class Group:
    """A part of the model and a way to quantize it.

    Attributes:
        part: role or module path, as ``custom`` takes it.
        scheme: ``dynamic`` or ``static``.
        path: of the part.
    """

    part: str
    scheme: str
    path: str


@dataclass(frozen=True)
class Effect:
    """What quantizing some groups, and nothing else, did.

    Attributes:
        groups: that were quantized.
        nats: mean divergence from the float model, in nats a frame, over all frames of the clips.
        speedup: of the encoder: the median over the clips of the ratio of their times.
        speedup_high: what three quarters of the clips' ratios stay under.
        saved_bytes: by which the saved encoder shrank.
        errors: word errors on the clips.
    """

    groups: tuple[Group, ...]
    nats: float
    speedup: float
    speedup_high: float
    saved_bytes: int
    errors: WordErrors

    @property
    def slower(self) -> bool:
        """Whether it is slower than the float model, beyond what noise explains."""
        return self.speedup_high < _SLOWER


@dataclass(frozen=True)
class Sensitivity:
    """What each group does, one at a time.

    Attributes:
        source: the model.
        decoder: that counted the word errors.
        clips: number of clips.
        audio_seconds: of all clips.
        errors: of the float model on them.
        effects: a group each, in the model's order.
        max_nats: divergence that a suggested group may have.
        suggested: groups that may be quantized, with what they do together; None where there is none.
        normalization: of the texts before they were compared.
        data: what the clips are.
        draw: how many clips static parts are calibrated with, and the seed that they are drawn with.
        calibration: those clips; None where no part is static.
    """

    source: str
    decoder: str
    clips: int
    audio_seconds: float
    errors: WordErrors
    effects: tuple[Effect, ...]
    max_nats: float
    suggested: Effect | None
    normalization: Normalization = BASIC
    data: str = ""
    draw: Calibration = CALIBRATION
    calibration: UsedClips | None = None

    @property
    def notice(self) -> str:
        """What speaks against the clips of the calibration, in a sentence; empty where nothing does."""
        return f"static parts: {self.calibration.notice}" if self.calibration and self.calibration.notice else ""

    def preset(self) -> Preset:
        """The suggestion as a ``custom`` preset, to be calibrated with the same clips.

        Raises:
            PresetError: no group is harmless enough.
        """
        if self.suggested is None:
            raise PresetError(
                f"No part of this model can be quantized within {self.max_nats:g} nats a frame; allow more."
            )
        return _custom(self.suggested.groups, self.draw)


def sensitivity(
    recognizer: Recognizer,
    clips: WithWords | None = None,
    layers: bool = False,
    max_nats: float = MAX_NATS,
    progress: Progress = silent,
    normalize: Normalization | str = BASIC,
    calibration: Clips | None = None,
    draw: Calibration = CALIBRATION,
) -> Sensitivity:
    """Quantize one group at a time and measure.

    Args:
        recognizer: a float one.
        clips: with references, or a data set of them or its path; None takes bundled ones that the embedded model was not trained
            on, and is for that model only.
        layers: whether each transformer layer is a group too, beside all of them together.
        max_nats: divergence that a suggested group may have.
        progress: called before each step; may raise ``Cancelled``.
        normalize: of the texts before they are compared: ``none``, ``basic`` or ``english``, or a ``Normalization``.
        calibration: clips for the static parts, as ``quantize`` takes them.
        draw: how many of a data set, or of the bundled ones.

    Raises:
        PresetError: the recognizer is quantized already, no part can be quantized, or the bundled clips would be used for another
            model than the embedded one.
        AudioError: a clip cannot be used.
        DatasetError: a reference has no words, or is not in the normalization's language.
        ValueError: there is no such normalization.
    """
    rules = normalization(normalize)
    data = _measured_on(recognizer, clips, rules)
    groups = possible_groups(recognizer, layers)
    if not groups:
        raise PresetError("This model has no part that PyTorch's eager mode can quantize.")
    if isinstance(calibration, str | Path):
        calibration = read_sounds(calibration)
    bench = _Bench(recognizer, data.utterances, rules, calibration, draw)
    effects = []
    for index, group in enumerate(groups):
        step = partial(progress, STAGE, index, len(groups) + 1)
        effects.append(bench.measure((group,), step))
    kept = suggest(effects, max_nats)
    step = partial(progress, STAGE, len(groups), len(groups) + 1)
    return Sensitivity(
        source=recognizer.named,
        decoder=recognizer.decoder.name,
        clips=len(data.utterances),
        audio_seconds=bench.audio_seconds,
        errors=bench.errors,
        effects=tuple(effects),
        max_nats=max_nats,
        suggested=bench.measure(kept, step) if kept else None,
        normalization=rules,
        data=data.name,
        draw=draw,
        calibration=bench.calibration,
    )


def _measured_on(recognizer: Recognizer, clips: WithWords | None, rules: Normalization) -> Dataset:
    """The clips with their words; raises as ``sensitivity``."""
    why = "What quantizing a part costs is measured on clips"
    if clips is None and (reason := strange(recognizer, why, "--data PATH, clips=, on the page a zip")):
        raise PresetError(reason)
    data = labelled(clips, _bundled)
    if not data.utterances:
        raise DatasetError("There are no clips to measure on; give at least one.")
    refuse_foreign((clip.reference for clip in data.utterances), rules)
    for clip in data.utterances:
        if not normalize_text(clip.reference, rules):
            raise DatasetError(f"{clip.id!r} has no words once it is normalized ({rules}); leave it out.")
    return data


def _bundled() -> Sequence[Utterance]:
    bundled = validation_clips()
    return bundled[:: len(bundled) // CLIPS][:CLIPS]


def _custom(groups: Sequence[Group], draw: Calibration) -> Preset:
    schemes = {group.part: group.scheme for group in groups}
    return custom(schemes, calibration_clips=draw.clips, calibration_seed=draw.seed)


def possible_groups(recognizer: Recognizer, layers: bool = False) -> tuple[Group, ...]:
    """Every part of the module map, in each way that it can be quantized; with ``layers`` each transformer layer too."""
    found: list[Group] = []
    for info in module_map(recognizer, recognizer.roles):
        part = get_module(recognizer, info.path)
        if dynamic_parts(info.path, part):
            found.append(Group(info.role or info.path, "dynamic", info.path))
        if info.static is None:
            found.append(Group(info.role or info.path, "static", info.path))
        if layers and info.role == "transformer_layers":
            paths = [(f"{info.path}.{name}", child) for name, child in part.named_children()]
            found += [Group(path, "dynamic", path) for path, child in paths if dynamic_parts(path, child)]
    return tuple(found)


def suggest(effects: Sequence[Effect], max_nats: float) -> tuple[Group, ...]:
    """Of the groups within ``max_nats`` and not slower: each part in its gentler scheme, a whole before its layers."""
    kept: dict[str, Effect] = {}
    for effect in effects:
        (group,) = effect.groups
        harmless = effect.nats <= max_nats and not effect.slower
        if harmless and (group.path not in kept or effect.nats < kept[group.path].nats):
            kept[group.path] = effect
    wholes = [path for path in kept if not any(path.startswith(f"{other}.") for other in kept)]
    return tuple(kept[path].groups[0] for path in wholes)


class _Bench:
    """The clips, and what the float model answers to them."""

    def __init__(
        self,
        original: Recognizer,
        clips: Sequence[Utterance],
        rules: Normalization,
        calibration: Clips | None,
        draw: Calibration,
    ) -> None:
        self._original, self._rules, self._given, self._draw = original, rules, calibration, draw
        self.calibration: UsedClips | None = None
        self._clips = [(utterance.audio(), utterance.reference) for utterance in clips]
        self._answers = [original.log_probs(audio) for audio, _ in self._clips]
        self._bytes = original.size_bytes()
        self.audio_seconds = sum(audio.seconds for audio, _ in self._clips)
        self.errors = self._count(self._answers)

    def measure(self, groups: tuple[Group, ...], step: Callable[[], None]) -> Effect:
        """Quantize these groups alone; ``step`` is called often and may raise ``Cancelled``."""
        preset = _custom(groups, self._draw)
        quantized = quantize(self._original, preset, self._given, lambda *_: step())
        self.calibration = quantized.calibration or self.calibration
        quantized.log_probs(self._clips[0][0])
        ratios, answers = [], []
        for index, (audio, _) in enumerate(self._clips):
            step()
            pair = (self._original, quantized)
            taken = {r: _timed(r, audio) for r in (pair if index % 2 else pair[::-1])}  # a slow moment hits both alike
            ratios.append(taken[self._original][0] / taken[quantized][0])
            answers.append(taken[quantized][1])
        nats = torch.cat([kl_divergence(*both) for both in zip(self._answers, answers, strict=True)])
        return Effect(
            groups=groups,
            nats=float(nats.mean()),
            speedup=statistics.median(ratios),
            speedup_high=float(np.quantile(ratios, 0.75)),
            saved_bytes=self._bytes - quantized.size_bytes(),
            errors=self._count(answers),
        )

    def _count(self, answers: Sequence[torch.Tensor]) -> WordErrors:
        texts = [self._original.decoder(answer) for answer in answers]
        pairs = zip((said for _, said in self._clips), texts, strict=True)
        return total_errors(word_errors(said, text, self._rules) for said, text in pairs)


def _timed(recognizer: Recognizer, audio: Audio) -> tuple[float, torch.Tensor]:
    begun = time.perf_counter()
    answer = recognizer.log_probs(audio)
    return time.perf_counter() - begun, answer
