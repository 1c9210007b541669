"""What the tab "Export" asks for, and whose artifacts are whose."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from asrquant.base.errors import ExportError
from asrquant.base.policy import policy
from asrquant.data.bundled import BUNDLED, example_clips
from asrquant.engines.registry import get_format
from asrquant.export.exporting import export
from asrquant.export.store import Artifact, Exports
from asrquant.jobs.checks import Checked, by, flag
from asrquant.jobs.clips import OwnClips
from asrquant.jobs.models import BUNDLED_CLIPS, Wanted, known_model
from asrquant.jobs.request import Work
from asrquant.measure.benchmark import benchmark
from asrquant.model.presets import Preset
from asrquant.text.decoders import known_decoder


def exports(visitor: object) -> Exports:
    """The artifacts that a visitor may see: all of them on one's own machine, one's own on a public page.

    Raises:
        ExportError: the page sent no secret, or a forged one.
    """
    if (kept := policy().artifacts_kept_seconds) is not None:
        Exports().expire(kept)
    if not policy().own_artifacts_only:
        return Exports()
    _known_visitor(visitor)
    owner = "visitor-" + hashlib.sha256(str(visitor).encode()).hexdigest()[:32]
    return Exports(owner=owner, gives_way_seconds=policy().artifacts_give_way_seconds)


def _known_visitor(value: object) -> str:
    if policy().own_artifacts_only and not re.fullmatch("[0-9a-f]{32}", str(value)):
        raise ExportError("The page does not know whose artifacts these are any more; reload it.")
    return str(value)


def _format(value: object) -> str:
    if not isinstance(value, str):
        raise ExportError("No format is chosen: choose one of those that are shown.")
    return value


@dataclass(frozen=True, kw_only=True)
class ExportRequest(Checked):
    """A quantized model, saved, verified and packed for a visitor; the result is an ``Artifact``.

    Attributes:
        preset: that quantizes the model.
        format: name of one of the preset's formats.
        measure: whether WER and speed on the bundled clips go onto the model's card.
        model: name of the model.
        decoder: name of the decoder.
        visitor: the secret that says whose artifact it is; see ``exports``.
        own: clips to calibrate and validate with.

    Raises:
        ExportError: the preset has no such format, or the visitor is not known.
        RequestError: a value is of the wrong kind.
        UntrustedSourceError: the model is not offered.
        DecoderError: there is no such decoder.
    """

    preset: Preset
    format: str = field(metadata=by(_format))
    measure: bool = field(metadata=by(partial(flag, what="Measuring WER and speed")))
    model: str = field(metadata=by(known_model))
    decoder: str = field(metadata=by(known_decoder))
    visitor: str = field(repr=False, metadata=by(_known_visitor))
    own: OwnClips = BUNDLED_CLIPS

    def __post_init__(self) -> None:
        """Refuse a format that the preset does not have, too."""
        super().__post_init__()
        get_format(self.format, self.preset)

    def facts(self) -> Mapping[str, str]:
        """For the log."""
        return {"tab": "export", "model": self.model, "preset": self.preset.name, "decoder": self.decoder}

    def wants(self) -> Collection[Wanted]:
        """The original and the quantized one."""
        return (Wanted(self.model), Wanted.of(self.model, self.preset, self.own))

    def run(self, work: Work) -> Artifact:
        """Quantize, measure if wanted, save, verify and pack.

        Raises:
            ExportError: it cannot be saved, or there is no room.
            AsrQuantError: the model or the preset cannot be had.
        """
        kept = exports(self.visitor)
        kept.check()
        work.progress("loading the model", 0, 1)
        original = work.models.original(self.model, work.progress, self.decoder).with_decoder(self.decoder)
        quantized = work.models.quantized(self.model, self.preset, work.progress, self.own).with_decoder(self.decoder)
        report = None
        if self.measure:
            pair = [original, quantized] if self.preset.engine else [original]
            report = benchmark(pair, example_clips(), work.progress, BUNDLED)
        return export(quantized, self.format, kept, report, work.progress, original)
