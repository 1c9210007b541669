"""Long recordings: what is stitched is what one pass would have said, and the encoder never gets more than a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

import asrquant
from asrquant import Recognizer, read_audio
from asrquant.audio.clip import MAX_SECONDS, SAMPLE_RATE, Audio
from asrquant.audio.speech import Part
from asrquant.audio.windows import CONTEXT_SECONDS, WINDOW_SECONDS, encode_in_windows
from asrquant.base.errors import AudioError
from asrquant.data.dataset import Dataset, Utterance
from asrquant.text.metrics import word_errors


@pytest.fixture(scope="module")
def recording(an4_eval: Path) -> tuple[str, np.ndarray]:
    """All evaluation clips one after the other, 191 s, and their words."""
    clips = asrquant.read_clips(an4_eval)
    return " ".join(clip.reference for clip in clips), np.concatenate([clip.audio().samples for clip in clips])


@pytest.mark.parametrize("seconds", [61.0, 64.005])
def test_as_many_frames_as_one_pass(greedy: Recognizer, recording: tuple[str, np.ndarray], seconds: float) -> None:
    samples = recording[1][: int(seconds * SAMPLE_RATE)]
    with torch.inference_mode():
        stitched = encode_in_windows(greedy.encoder, [samples], [Part(0, len(samples))], 0).log_probs
        whole = greedy.encoder(torch.from_numpy(samples)[None])[0]
    assert stitched.shape == whole.shape
    assert (stitched.argmax(-1) == whole.argmax(-1)).float().mean() > 0.95


@pytest.mark.long
def test_no_more_errors_than_in_one_pass(an4: Recognizer, an4_eval: Path) -> None:
    """On half of the clips, 90 s; a model that has only heard short clips makes even more errors in one pass."""
    clips = asrquant.read_clips(an4_eval)[::2]
    reference, samples = " ".join(clip.reference for clip in clips), np.concatenate([c.audio().samples for c in clips])
    with torch.inference_mode():
        whole = an4.decoder(an4.encoder(torch.from_numpy(samples)[None])[0])
    stitched = an4.transcribe(Audio(samples)).text
    assert word_errors(reference, stitched).wer <= word_errors(reference, whole).wer + 0.5


def test_the_encoder_gets_a_window_at_a_time(greedy: Recognizer, recording: tuple[str, np.ndarray]) -> None:
    lengths = []

    def watched(wave: torch.Tensor) -> torch.Tensor:
        lengths.append(wave.shape[1])
        return greedy.encoder(wave)

    with torch.inference_mode():
        encode_in_windows(watched, [recording[1]], [Part(0, len(recording[1]))], 0, 320)
    assert len(lengths) == 10 and max(lengths) == (WINDOW_SECONDS + 2 * CONTEXT_SECONDS) * SAMPLE_RATE


@pytest.mark.long
def test_a_data_set_may_hold_recordings(greedy: Recognizer, recording: tuple[str, np.ndarray], tmp_path: Path) -> None:
    reference, samples = recording
    sf.write(tmp_path / "long.flac", samples, SAMPLE_RATE)
    with pytest.raises(AudioError, match=f"longer than {MAX_SECONDS:g} s"):
        read_audio(tmp_path / "long.flac")
    report = asrquant.benchmark([greedy], Dataset("long", (Utterance("long", tmp_path / "long.flac", reference),)))
    assert report.rows[0].audio_seconds > 190 and report.summaries[0].errors.wer < 25
