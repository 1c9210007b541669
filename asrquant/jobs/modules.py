"""What the tab "Modules" asks for: what became of each layer, and what quantizing each part alone does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from asrquant.jobs.checks import Checked, by, flag, number
from asrquant.jobs.clips import OwnClips
from asrquant.jobs.models import BUNDLED_CLIPS, Wanted, known_model
from asrquant.jobs.request import Work
from asrquant.measure.layers import Layer, layers
from asrquant.measure.sensitivity import Sensitivity, sensitivity
from asrquant.model.modules import ModuleInfo, module_map
from asrquant.model.presets import Preset
from asrquant.model.used import UsedClips
from asrquant.text.decoders import known_decoder

_LEAST, _MOST = 1e-5, 10.0


@dataclass(frozen=True)
class Parts:
    """A quantized model in detail.

    Attributes:
        layers: what became of each layer.
        modules: the float model's modules, with their bytes.
        calibration: clips that it was calibrated with; None for a preset that needs none.
        notice: what speaks against these clips, in a sentence; empty where nothing does.
    """

    layers: tuple[Layer, ...]
    modules: tuple[ModuleInfo, ...]
    calibration: UsedClips | None = None
    notice: str = ""


@dataclass(frozen=True, kw_only=True)
class ModulesRequest(Checked):
    """What a preset makes of each layer; the result is ``Parts``.

    Attributes:
        preset: that quantizes the model.
        model: name of the model.
        own: clips to calibrate and validate with.

    Raises:
        UntrustedSourceError: the model is not offered.
    """

    preset: Preset
    model: str = field(metadata=by(known_model))
    own: OwnClips = BUNDLED_CLIPS

    def facts(self) -> Mapping[str, str]:
        """For the log."""
        return {"tab": "modules", "model": self.model, "preset": self.preset.name}

    def wants(self) -> Collection[Wanted]:
        """The original and the quantized one."""
        return (Wanted(self.model), Wanted.of(self.model, self.preset, self.own))

    def run(self, work: Work) -> Parts:
        """Quantize, and look at both models.

        Raises:
            AsrQuantError: the model or the preset cannot be had.
        """
        work.progress("loading the model", 0, 1)
        original = work.models.original(self.model, work.progress)
        quantized = work.models.quantized(self.model, self.preset, work.progress, self.own)
        parts = module_map(original, original.roles)
        return Parts(layers(original, quantized), parts, quantized.calibration, quantized.notice)


@dataclass(frozen=True, kw_only=True)
class SensitivityRequest(Checked):
    """What quantizing each part alone does; the result is a ``Sensitivity``.

    Attributes:
        each_layer: whether each transformer layer is a part too.
        max_nats: divergence in nats a frame that a part of the suggestion may have.
        model: name of the model.
        decoder: name of the decoder.
        own: clips to calibrate static parts with, and to measure on.

    Raises:
        RequestError: a value is of the wrong kind, or out of bounds.
        UntrustedSourceError: the model is not offered.
        DecoderError: there is no such decoder.
    """

    each_layer: bool = field(metadata=by(partial(flag, what="Each transformer layer by itself")))
    max_nats: float = field(
        metadata=by(partial(number, what="The divergence that a part may have", least=_LEAST, most=_MOST))
    )
    model: str = field(metadata=by(known_model))
    decoder: str = field(metadata=by(known_decoder))
    own: OwnClips = BUNDLED_CLIPS

    def facts(self) -> Mapping[str, str]:
        """For the log."""
        return {"tab": "modules", "model": self.model, "decoder": self.decoder}

    def wants(self) -> Collection[Wanted]:
        """The original."""
        return (Wanted(self.model),)

    def run(self, work: Work) -> Sensitivity:
        """Quantize one part after another, and measure each.

        Raises:
            AsrQuantError: the model or the decoder cannot be had.
        """
        work.progress("loading the model", 0, 1)
        original = work.models.original(self.model, work.progress, self.decoder).with_decoder(self.decoder)
        with self.own.opened() as clips:
            return sensitivity(
                original, clips.validation, self.each_layer, self.max_nats, work.progress, calibration=clips.calibration
            )
