"""One clip through all recognizers of a benchmark → its ``Entry``. The work of a benchmark, in this process or in another."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch

from asrquant.audio.clip import Audio
from asrquant.audio.recording import Recording
from asrquant.base.errors import AudioError, DatasetError
from asrquant.base.processor import cpu_name
from asrquant.base.turns import in_turn
from asrquant.data.dataset import Utterance
from asrquant.measure.crew import AbsentError, Sent, Step
from asrquant.measure.journal import Entry
from asrquant.measure.report import Row
from asrquant.model.recognizer import Recognizer
from asrquant.text.metrics import word_errors
from asrquant.text.normalize import Normalization, normalize_text

MOST_SENT = 1_000_000_000
"""Bytes of a sound file that goes with its task to a machine which does not have it."""


@dataclass(frozen=True)
class Turn:
    """A clip whose turn it is.

    Attributes:
        index: of it in the data set, by which the recognizers take turns.
        utterance: the clip.
        size: of its file in bytes, by which another machine knows whether it has the same; None where it is not known.
        sound: its file, for a machine that does not have it.
    """

    index: int
    utterance: Utterance
    size: int | None = None
    sound: bytes | None = None


@dataclass(frozen=True)
class ClipBench:
    """The recognizers of a benchmark; a ``Bench``.

    Attributes:
        recognizers: that each clip goes through.
        rules: for its texts before they are compared.
    """

    recognizers: tuple[Recognizer, ...]
    rules: Normalization

    def ready(self) -> Callable[[Turn, Step], Entry]:
        """See ``Bench``."""
        return _Clips(self.recognizers, self.rules)

    def size(self, task: Turn) -> int | None:
        """See ``Bench``."""
        try:
            return task.utterance.path.stat().st_size
        except OSError:  # the worker will say so in the words of this process
            return None

    def sent(self, task: Turn, whole: bool) -> Sent[Turn]:
        """See ``Bench``."""
        size = self.size(task)
        if not whole or size is None:
            return Sent(replace(task, size=size))
        if size > MOST_SENT:
            raise DatasetError(
                f"{task.utterance.id!r} is a file of {size / 1e9:.1f} GB, too large to go to workers that do not see it: put the "
                "data set where all nodes have it under the same path."
            )
        sound = task.utterance.path.read_bytes()
        return Sent(replace(task, size=len(sound), sound=sound), len(sound))

    def lost(self, task: Turn, why: str) -> Entry:
        """See ``Bench``."""
        return Entry(task.utterance.id, bad=why)


class _Clips:
    """What one process does: it warms the recognizers up with its first clip."""

    def __init__(self, recognizers: tuple[Recognizer, ...], rules: Normalization) -> None:
        self._recognizers, self._rules = recognizers, rules
        self._warm = False

    def __call__(self, turn: Turn, step: Step) -> Entry:
        """The entry of a clip.

        Raises:
            AbsentError: its file is not here.
        """
        if not normalize_text(turn.utterance.reference, self._rules):
            return Entry(turn.utterance.id, bad=_no_words(self._rules))
        if turn.sound is None:
            _refuse_absent(turn)
            return self._entry(turn.utterance, turn.index)
        with tempfile.TemporaryDirectory(prefix="asrquant-clip-") as room:
            path = Path(room) / turn.utterance.path.name
            path.write_bytes(turn.sound)
            return self._entry(replace(turn.utterance, path=path), turn.index)

    def _entry(self, utterance: Utterance, index: int) -> Entry:
        """The clip through the recognizers in turns, whose order moves by one from clip to clip."""
        try:
            audio = utterance.open()
            for recognizer in () if self._warm else self._recognizers:
                recognizer.transcribe(audio)
            found = {r.preset.name: _row(r, utterance, audio, self._rules) for r in in_turn(self._recognizers, index)}
            self._warm = True
            rows = tuple(found[recognizer.preset.name] for recognizer in self._recognizers)
            return Entry(utterance.id, rows, note=audio.source_note)
        except AudioError as error:  # of a recording also while it is transcribed, as it stays on disk
            return Entry(utterance.id, bad=str(error))


def _refuse_absent(turn: Turn) -> None:
    try:
        same = turn.size is None or turn.utterance.path.stat().st_size == turn.size
    except OSError:
        same = False
    if not same:
        raise AbsentError


@cache
def kernels() -> str:
    """This machine's processor and the kind of kernels that PyTorch takes on it: ``AMD EPYC 7B13, AVX2``."""
    return f"{cpu_name()}, {torch.backends.cpu.get_cpu_capability()}"


def _no_words(rules: Normalization) -> str:
    """Why a row is not used: a WER over no words is none, and what is heard there would be errors without words."""
    return f"has no words once it is normalized ({rules}); every row needs the words spoken"


def _row(recognizer: Recognizer, utterance: Utterance, audio: Audio | Recording, rules: Normalization) -> Row:
    heard = recognizer.transcribe(audio)
    return Row(
        utterance.id, recognizer.preset.name, utterance.reference, heard.text,
        word_errors(utterance.reference, heard.text, rules), heard.audio_seconds, heard.encoder_seconds, heard.decoder_seconds,
        kernels(),
    )  # fmt: skip
