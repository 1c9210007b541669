"""``Recognizer``: an encoder, what its outputs mean, and a decoder. The same for every source and every engine."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from asrquant.audio.clip import MAX_SECONDS, Audio, read_audio
from asrquant.audio.recording import Recording
from asrquant.audio.speech import divided
from asrquant.audio.windows import Heard, encode_in_windows, measured_frame
from asrquant.model.card import Card
from asrquant.model.footprint import serialized_bytes
from asrquant.model.modules import Roles
from asrquant.model.presets import PRESETS, Preset
from asrquant.model.used import UsedClips
from asrquant.text.confidence import Confidence
from asrquant.text.decoders import make_decoder
from asrquant.text.metrics import Measure
from asrquant.text.vocabulary import Decoder, Vocabulary


@dataclass(frozen=True)
class Transcript:
    """What a recognizer made of a clip, and how long it took.

    Attributes:
        text: the words.
        encoder_seconds: time of the encoder's forward pass, the tutorial's measure.
        decoder_seconds: time from log-probs to text.
        audio_seconds: length of the clip.
    """

    text: str
    encoder_seconds: float
    decoder_seconds: float
    audio_seconds: float

    @property
    def encoder_rtf(self) -> float:
        """Real-time factor of the encoder alone: seconds of work a second of audio."""
        return self.encoder_seconds / self.audio_seconds

    @property
    def rtf(self) -> float:
        """Real-time factor of encoder and decoder."""
        return (self.encoder_seconds + self.decoder_seconds) / self.audio_seconds


@dataclass(frozen=True)
class Origin:
    """What a recognizer was loaded from, as far as an artifact of it has to know.

    Attributes:
        name: as people know it: ``an4``, a Hub id, or the name of a folder (never a path).
        toolkit: file in ``asrquant/sources`` that loaded it.
        sha256: of every file that it was loaded from, by name.
        architecture: file name → contents, from which ``toolkit`` builds the encoder again without its weights; empty
            where it cannot.
        licences: file name → text of the licences that came with the model.
        card: what the model's own card says of it.
        commit: of the Hub, for a model from there.
        notes: sentences on how it was read, where it could have been read otherwise.
    """

    name: str
    toolkit: str
    sha256: Mapping[str, str]
    architecture: Mapping[str, bytes] = field(default_factory=dict)
    licences: Mapping[str, str] = field(default_factory=dict)
    card: Card = field(default_factory=Card)
    commit: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """A quantized model that was tried on validation clips: its WER and CER in percent.

    The CER is None in artifacts of before it was counted.
    """

    wer: float
    clips: int
    cer: float | None = None


@dataclass(frozen=True)
class Tuning:
    """What an engine tried in order to keep the accuracy.

    Attributes:
        max_drop: points of ``measure`` that were allowed to be lost.
        clips: validation clips.
        trials: the float model, the fully quantized one, each with more layers in float; the last is the one returned.
        kept_float: paths of the modules that stayed float because of what quantizing them cost.
        measure: what was looked at: CER where the script puts no spaces between words.
    """

    max_drop: float
    clips: int
    trials: tuple[Trial, ...]
    kept_float: tuple[str, ...]
    measure: Measure = "WER"

    def __str__(self) -> str:
        """What was found, in a sentence."""
        before, everything, *rest = (trial.cer or 0.0 if self.measure == "CER" else trial.wer for trial in self.trials)
        found = f"{self.measure} on {self.clips} validation clips: {before:.1f} % float, {everything:.1f} % all int8"
        if not self.kept_float:
            return f"{found}; nothing had to stay float"
        tried = f"{len(rest)} more trials, the last {rest[-1]:.1f} %" if rest else "no more trials"
        if rest and rest[-1] - before > self.max_drop + 0.001:
            tried += f", which is more than {self.max_drop:g} points away"
        return f"{found}; {tried}; kept float: {', '.join(self.kept_float)}"


@dataclass(frozen=True, eq=False)
class Recognizer:
    """A speech recognizer: wave [B, T] → log-probs [B, F, V] → text.

    Attributes:
        encoder: the module that is quantized; called with a wave alone, it returns log-probs at every length.
        vocabulary: what its outputs mean.
        decoder: log-probs → text.
        roles: which of its modules plays which role.
        source: where the float model came from.
        preset: what has been done to it.
        backend: quantized kernels that its weights are packed for; empty for a float model.
        calibration: clips that the ranges of activations were found with; None for a preset that needs none.
        validation: clips that the accuracy was looked at on, for a preset that asks for it.
        origin: what it was loaded from, if it was loaded from files.
        original_bytes: ``size_bytes`` of the float model that it was made from; None for the float model itself.
        tuning: what was tried to keep the accuracy, for a preset that asks for it.
        build_seconds: that quantizing took, reading the calibration clips included; None where it was not quantized here.
        frame_samples: from one frame of the log-probs to the next, where the source knows; None has it measured.
    """

    encoder: nn.Module
    vocabulary: Vocabulary
    decoder: Decoder
    roles: Roles
    source: str
    preset: Preset = PRESETS["original"]
    backend: str = ""
    calibration: UsedClips | None = None
    validation: UsedClips | None = None
    origin: Origin | None = None
    original_bytes: int | None = None
    tuning: Tuning | None = None
    build_seconds: float | None = None
    frame_samples: int | None = None

    @property
    def mods(self) -> SimpleNamespace:
        """The encoder under the name that SpeechBrain gives it, so that its module paths hold here too."""
        return SimpleNamespace(encoder=self.encoder)

    @property
    def named(self) -> str:
        """The source, with the commit where it has one, for what is measured of it."""
        commit = self.origin.commit[:8] if self.origin else ""
        return f"{self.source} at {commit}" if commit else self.source

    def with_decoder(self, name: str) -> Recognizer:
        """The same recognizer with another decoder.

        Raises:
            DecoderError: there is none of that name for this model.
        """
        return self if name == self.decoder.name else replace(self, decoder=make_decoder(name, self.vocabulary))

    def confidence(self, log_probs: torch.Tensor) -> Confidence | None:
        """How sure the model is of what it heard, from its log-probs [F, V].

        None where that is not known of the model, or where it heard nothing.
        """
        calibration = self.vocabulary.calibration
        return calibration.confidence(log_probs, self.vocabulary.blank_index) if calibration else None

    def log_probs(self, audio: Audio | Recording) -> torch.Tensor:
        """The encoder's output [F, V] for one clip, alone in its batch: padding would change the normalisation.

        What is longer than 60 s is cut in its pauses and encoded part by part.

        Raises:
            AudioError: a recording is not any more what it was.
        """
        return self._hear(self.encoder, audio).log_probs

    def transcribe(self, audio: str | Path | Audio | Recording) -> Transcript:
        """Recognize a clip.

        Raises:
            AudioError: the clip cannot be used.
        """
        if isinstance(audio, str | Path):
            audio = read_audio(audio)
        encoder = _Timed(self.encoder)
        heard = self._hear(encoder, audio)
        start = time.perf_counter()
        parts = heard.log_probs.tensor_split(heard.begins[1:])
        text = " ".join(filter(None, map(self.decoder, parts)))
        return Transcript(text, encoder.seconds, time.perf_counter() - start, audio.seconds)

    def _hear(self, encoder: Callable[[torch.Tensor], torch.Tensor], audio: Audio | Recording) -> Heard:
        with torch.inference_mode():
            if isinstance(audio, Audio) and audio.seconds <= MAX_SECONDS:
                return Heard(encoder(torch.from_numpy(audio.samples)[None])[0])
            frame = self.frame_samples or measured_frame(self.encoder)
            blank = self.vocabulary.blank_index
            if isinstance(audio, Recording):
                return encode_in_windows(encoder, audio.blocks(), audio.divided, blank, frame)
            parts = divided([audio.samples], len(audio.samples))
            return encode_in_windows(encoder, [audio.samples], parts, blank, frame)

    def fingerprint(self) -> str:
        """A digest of what this recognizer was made from and how, which another one of the same name does not share.

        The decoder is left out, as it is not part of what an engine builds.
        """
        heard = (self.calibration, self.validation)
        made = (replace(self.preset, summary=""), self.backend, *heard, self.tuning, self.roles)
        files = [*sorted(self.origin.sha256.items()), *self.origin.notes] if self.origin else []
        return hashlib.sha256(repr((self.source, files, made)).encode()).hexdigest()

    @property
    def notice(self) -> str:
        """What speaks against the clips that it was calibrated with, in a sentence; empty where nothing does."""
        used = self.calibration
        return f"{self.preset.name}: {used.notice}" if used and used.notice else ""

    def size_bytes(self) -> int:
        """Bytes of the encoder when saved (``torch.save`` of its state dict)."""
        return serialized_bytes(self.encoder)


class _Timed:
    """An encoder and the time of its forward passes, without that of reading a recording's windows."""

    def __init__(self, encoder: nn.Module) -> None:
        self.encoder = encoder
        self.seconds = 0.0

    def __call__(self, wave: torch.Tensor) -> torch.Tensor:
        start = time.perf_counter()
        log_probs: torch.Tensor = self.encoder(wave)
        self.seconds += time.perf_counter() - start
        return log_probs
