"""What the tab "Compare" asks for: one clip, the original and a quantized model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from asrquant.audio.clip import read_audio
from asrquant.audio.sound import MIX, chosen_channel
from asrquant.base.errors import AudioError
from asrquant.engines.clips import refuse_unvalidated
from asrquant.jobs.checks import Checked, by, reference_words, whole
from asrquant.jobs.clips import OwnClips
from asrquant.jobs.models import BUNDLED_CLIPS, Wanted, known_model
from asrquant.jobs.request import Work
from asrquant.measure.compare import Comparison, compare
from asrquant.model.presets import Preset
from asrquant.text.decoders import known_decoder

MAX_RUNS = 10
NO_CLIP = "There is no clip yet: record one, upload a file and wait until it is shown, or click an example."
GONE = "The clip is no longer kept here: record or upload it again."


def known_clip(value: object) -> Path:
    """The path of a clip, as it came.

    Raises:
        AudioError: there is none.
    """
    if not value or not isinstance(value, str | Path):
        raise AudioError(NO_CLIP)
    return Path(value)


def known_channel(value: object) -> str:
    """The name of a channel, as it came.

    Raises:
        AudioError: no clip has such a channel.
    """
    taken = chosen_channel(value)
    return MIX if taken is None else str(taken + 1)


@dataclass(frozen=True, kw_only=True)
class CompareRequest(Checked):
    """One clip through the original and a quantized model; the result is a ``Comparison``.

    Attributes:
        clip: path of the sound file.
        preset: that quantizes the model.
        reference: the words spoken; empty for no word error rate.
        model: name of the model.
        decoder: name of the decoder.
        runs: of each model, 1 to ``MAX_RUNS``; the median of their times is taken.
        channel: of a clip with several, the one to take, 1 for the first; ``mix`` for the mean of all.
        own: clips to calibrate and validate with.

    Raises:
        AudioError: there is no clip, or no clip has such a channel.
        RequestError: a value is of the wrong kind, or out of bounds.
        UntrustedSourceError: the model is not offered.
        DecoderError: there is no such decoder.
    """

    clip: Path = field(metadata=by(known_clip))
    preset: Preset
    reference: str = field(default="", metadata=by(reference_words))
    model: str = field(metadata=by(known_model))
    decoder: str = field(metadata=by(known_decoder))
    runs: int = field(metadata=by(partial(whole, what="The number of runs", least=1, most=MAX_RUNS)))
    channel: str = field(default=MIX, metadata=by(known_channel))
    own: OwnClips = BUNDLED_CLIPS

    def facts(self) -> Mapping[str, str]:
        """For the log."""
        return {"tab": "compare", "model": self.model, "preset": self.preset.name, "decoder": self.decoder}

    def wants(self) -> Collection[Wanted]:
        """The original and the quantized one."""
        return (Wanted(self.model), Wanted.of(self.model, self.preset, self.own))

    def run(self, work: Work) -> Comparison:
        """Compare; shows (which, its text) as they are heard.

        Raises:
            AudioError: the clip is gone, or cannot be used.
            AsrQuantError: the model or the preset cannot be had.
        """
        if not self.clip.is_file():
            raise AudioError(GONE)
        audio = read_audio(self.clip, channel=self.channel)
        work.progress("loading the model", 0, 1)
        original = work.models.original(self.model, work.progress, self.decoder).with_decoder(self.decoder)
        refuse_unvalidated(self.preset, original, self.own.validation)
        work.show(("Original", original.transcribe(audio).text))
        quantized = work.models.quantized(self.model, self.preset, work.progress, self.own).with_decoder(self.decoder)

        def heard(name: str, text: str) -> None:
            work.show(("Original" if name == "original" else "Quantized", text))

        return compare(original, quantized, audio, self.reference, self.runs, work.progress, heard)
