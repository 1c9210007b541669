from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile as sf
import torch

import asrquant
from asrquant.audio.clip import from_samples
from asrquant.base.errors import AudioError, DecoderError
from asrquant.text.metrics import agreement


def test_transcribes_every_example_well(an4, examples) -> None:
    """Five speakers that it was not trained on: at most one word in five wrong with the n-gram."""
    errors = [asrquant.benchmark([an4], [example]).summaries[0].errors for example in examples]
    wrong, said = sum(e.errors for e in errors), sum(e.reference_words for e in errors)
    assert said > 30
    assert wrong / said <= 0.2


def test_takes_a_path_or_an_audio(greedy, examples) -> None:
    clip = examples[0]
    by_path, by_audio = greedy.transcribe(clip.path), greedy.transcribe(clip.audio())
    assert by_path.text == by_audio.text == greedy.transcribe(str(clip.path)).text
    assert by_path.audio_seconds == pytest.approx(clip.audio().seconds)
    assert by_path.encoder_seconds > 0 and by_path.decoder_seconds > 0
    assert by_path.rtf == pytest.approx((by_path.encoder_seconds + by_path.decoder_seconds) / by_path.audio_seconds)
    assert by_path.encoder_rtf < by_path.rtf


@pytest.mark.parametrize("decoder", ["greedy", "beam", "ngram", "fast"])
def test_every_decoder(an4, examples, decoder: str) -> None:
    recognizer = an4.with_decoder(decoder)
    assert recognizer.decoder.name == decoder
    assert recognizer.encoder is an4.encoder
    text = recognizer.transcribe(examples[0].path).text
    assert text and set(text) <= set(" ABCDEFGHIJKLMNOPQRSTUVWXYZ") and text == " ".join(text.split())


def test_the_ngram_only_writes_words_that_it_knows(an4, examples) -> None:
    known = set(an4.vocabulary.search["unigrams"])
    heard = {word for example in examples for word in an4.transcribe(example.path).text.split()}
    assert len(heard & known) / len(heard) > 0.9


def test_no_such_decoder(an4) -> None:
    with pytest.raises(DecoderError, match="no decoder 'magic'"):
        an4.with_decoder("magic")


def test_log_probs_are_log_probabilities(an4, examples) -> None:
    audio = examples[0].audio()
    log_probs = an4.log_probs(audio)
    assert log_probs.shape == ((len(audio.samples) - 80) // 320, 28)
    assert torch.allclose(log_probs.exp().sum(-1), torch.ones(len(log_probs)), atol=1e-4)


@pytest.mark.parametrize("seconds", [0.1, 0.5, 1, 3, 10, 30])
def test_every_length(greedy, examples, seconds: float) -> None:
    sound = np.concatenate([example.audio().samples for example in examples])
    audio = from_samples(sound[: int(seconds * 16_000)], 16_000)
    assert greedy.log_probs(audio).isfinite().all()


def test_loudness_does_not_matter(greedy, examples) -> None:
    audio = examples[0].audio()
    quiet = from_samples(audio.samples * 0.01, 16_000)
    assert greedy.transcribe(quiet).text == greedy.transcribe(audio).text


def test_the_same_words_through_other_codings(greedy, examples, tmp_path) -> None:
    """48 kHz stereo and MP3 of an example keep most of its words."""
    from scipy.signal import resample_poly

    audio = examples[3].audio()
    before = greedy.transcribe(audio).text
    loud = resample_poly(audio.samples, 3, 1) * 0.8
    for name in ("clip.wav", "clip.mp3"):
        sf.write(tmp_path / name, np.stack([loud, loud], axis=1), 48_000)
        assert agreement(before, greedy.transcribe(tmp_path / name).text) >= 60


def test_bad_audio_is_an_error_not_an_empty_text(greedy, tmp_path) -> None:
    (tmp_path / "clip.wav").write_bytes(io.BytesIO(b"hello").getvalue())
    with pytest.raises(AudioError):
        greedy.transcribe(tmp_path / "clip.wav")


def test_size_is_that_of_the_encoder(an4) -> None:
    weights = sum(p.numel() * 4 for p in an4.encoder.parameters())
    assert an4.size_bytes() == pytest.approx(weights, rel=0.02)
