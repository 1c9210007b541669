"""What "All presets on this clip" asks for: one clip through the original and every preset that this machine can carry out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from asrquant.audio.clip import read_audio
from asrquant.audio.sound import MIX
from asrquant.base.errors import AudioError
from asrquant.jobs.checks import Checked, by, reference_words
from asrquant.jobs.clips import OwnClips
from asrquant.jobs.compare import GONE, known_channel, known_clip
from asrquant.jobs.models import BUNDLED_CLIPS, Wanted, known_model
from asrquant.jobs.request import Work
from asrquant.measure.lineup import LineUp, line_up
from asrquant.measure.race import left_out_because
from asrquant.measure.winner import LeftOut
from asrquant.model.presets import PRESETS, Preset
from asrquant.model.recognizer import Recognizer
from asrquant.text.decoders import known_decoder


@dataclass(frozen=True, kw_only=True)
class LineUpRequest(Checked):
    """One clip through all presets; the result is a ``LineUp``. See ``CompareRequest`` for the attributes and errors."""

    clip: Path = field(metadata=by(known_clip))
    reference: str = field(default="", metadata=by(reference_words))
    model: str = field(metadata=by(known_model))
    decoder: str = field(metadata=by(known_decoder))
    channel: str = field(default=MIX, metadata=by(known_channel))
    own: OwnClips = BUNDLED_CLIPS

    def facts(self) -> Mapping[str, str]:
        """For the log."""
        return {"tab": "all presets", "model": self.model, "decoder": self.decoder}

    def wants(self) -> Collection[Wanted]:
        """The original; the others are built one after the other."""
        return (Wanted(self.model),)

    def run(self, work: Work) -> LineUp:
        """Run them; shows each turn's ``Timed``.

        Raises:
            AudioError: the clip is gone, or cannot be used.
            AsrQuantError: the model cannot be had.
        """
        if not self.clip.is_file():
            raise AudioError(GONE)
        audio = read_audio(self.clip, channel=self.channel)
        work.progress("loading the model", 0, 1)
        original = work.models.original(self.model, work.progress, self.decoder).with_decoder(self.decoder)
        able, left_out = _able(original)

        def build(preset: Preset) -> Recognizer:
            return work.models.quantized(self.model, preset, work.progress, self.own).with_decoder(self.decoder)

        found = line_up(original, able, build, audio, self.reference, work.progress, work.show)
        return replace(found, left_out=(*left_out, *found.left_out))


def _able(original: Recognizer) -> tuple[list[Preset], list[LeftOut]]:
    """The presets that can run, and those that cannot with the reason."""
    able, left_out = [], []
    for preset in PRESETS.values():
        if reason := left_out_because(preset, original):
            left_out.append(LeftOut(preset.name, reason))
        elif preset.engine:
            able.append(preset)
    return able, left_out
