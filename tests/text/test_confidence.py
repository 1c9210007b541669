"""How sure a model is of what it heard: known log-probs, and the embedded model on clips of its kind and of others."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from asrquant.audio.clip import from_samples, read_audio
from asrquant.base.errors import AudioError
from asrquant.measure.compare import compare
from asrquant.model.recognizer import Recognizer
from asrquant.show.confidence import confidence_line, doubt
from asrquant.show.text import comparison_text
from asrquant.sources.confidence import calibration_file, fingerprint, read_calibration
from asrquant.sources.loading import EMBEDDED
from asrquant.text.confidence import Calibration, label_probability


def test_the_mean_is_over_frames_that_are_not_blank() -> None:
    log_probs = torch.tensor([[0.9, 0.05, 0.05], [0.2, 0.7, 0.1], [0.3, 0.2, 0.5]]).log()
    assert label_probability(log_probs, 0) == pytest.approx(0.6)
    assert label_probability(log_probs[:1], 0) is None


def test_the_curve() -> None:
    half = torch.tensor([[0.5, 0.5 + 1e-7]]).log()
    found = Calibration(2.0, math.log(3), 0.8, "letters").confidence(half, 0)
    assert found and found.share == pytest.approx(0.75, abs=1e-4) and found.doubtful and found.knows == "letters"


@pytest.mark.parametrize("model", EMBEDDED)
def test_each_embedded_model_has_one_for_its_very_weights(model: str, tmp_path) -> None:
    assert calibration_file(model).is_file()
    assert read_calibration(model, EMBEDDED[model]) is not None
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    assert read_calibration(model, tmp_path) is None
    assert fingerprint(tmp_path) != fingerprint(EMBEDDED[model])


def test_a_clip_of_its_kind_silence_and_noise(an4: Recognizer, examples) -> None:
    known = an4.confidence(an4.log_probs(read_audio(examples[0].path)))
    assert known and not known.doubtful and 0.8 < known.share < 1
    with pytest.raises(AudioError, match="silent"):
        from_samples(np.zeros(32_000, np.float32), 16_000)
    noise = from_samples((0.1 * np.random.default_rng(3).standard_normal(48_000)).astype(np.float32), 16_000)
    found = compare(an4, an4, noise, runs=1)
    assert found.original.confidence and found.original.confidence.doubtful
    assert "it knows spelled letters, numbers, dates and a few commands, and nothing else" in doubt(found)
    assert doubt(found) in comparison_text(found) and "original not sure" in confidence_line(found)
