"""The SpeechBrain tutorial's own sequence of steps, with only the import changed."""

from __future__ import annotations

from copy import deepcopy
from operator import itemgetter

import numpy as np
import pytest
import torch

from asrquant import quantize
from asrquant.base.errors import PresetError
from asrquant.data.bundled import CLIPS
from asrquant.engines.torch_eager.recipe import StaticQuant, custom_quantize
from asrquant.model.footprint import quantized_modules
from asrquant.model.modules import get_module, module_bytes, set_module
from asrquant.text.metrics import compute_wer
from asrquant.tutorial import benchmark, generate, get_samples, preprocess_input, timed_transcribe


@pytest.fixture(scope="module")
def asr_model(model_folder):
    from speechbrain.inference.ASR import EncoderASR

    return EncoderASR.from_hparams(source=str(model_folder))


def test_the_tutorials_sequence(asr_model, an4) -> None:
    audios, references = get_samples(CLIPS / "eval")
    assert len(audios) == len(references) >= 8
    subset, spoken = audios[:6], references[:6]

    original_model = deepcopy(asr_model)
    original_model.eval()
    wer, rtf = benchmark(original_model, subset, spoken)
    assert 0 <= wer <= 40 and 0 < rtf < 5

    dynamic_modules = ["encoder.wav2vec2.model.encoder.layers", "encoder.enc"]
    static_modules = ["encoder.wav2vec2.model.feature_projection", "encoder.wav2vec2.model.feature_extractor"]
    calibration, _ = get_samples(CLIPS / "calibration")
    np.random.seed(1337)
    indices = np.random.choice(len(calibration), 10)
    calibration_samples = list(itemgetter(*indices)(calibration))

    quantized_model = deepcopy(asr_model)
    custom_quantize(
        model=quantized_model,
        dynamic_modules=dynamic_modules,
        static_modules=static_modules,
        calibration_samples=calibration_samples,
    )
    quantized_model.eval()
    assert quantized_modules(quantized_model.mods.encoder) == {
        "dynamic Linear": 27, "static Conv1d": 7, "static Linear": 1,
    }  # fmt: skip
    assert module_bytes(quantized_model.mods.encoder) < module_bytes(asr_model.mods.encoder)
    assert isinstance(get_module(quantized_model, static_modules[1]), StaticQuant)
    quantized_wer, quantized_rtf = benchmark(quantized_model, subset, spoken)
    assert quantized_wer >= 0 and quantized_rtf > 0
    text, seconds = timed_transcribe(quantized_model, subset[0])
    assert text == benchmark_text(quantized_model, subset[0]) and seconds > 0


def benchmark_text(model, wave: torch.Tensor) -> str:
    wavs, lengths = preprocess_input(model, wave)
    with torch.no_grad():
        return generate(model, model.decoding_function(model.mods.encoder(wavs, lengths), lengths))[0]


def test_the_preset_is_the_tutorial_to_the_letter(asr_model, an4, examples) -> None:
    """speechbrain-int8 and the tutorial's function, given the same clips, make the same model."""
    from asrquant import calibration_clips

    clips = calibration_clips()
    model = deepcopy(asr_model)
    custom_quantize(
        model,
        ["encoder.wav2vec2.model.encoder.layers", "encoder.enc"],
        ["encoder.wav2vec2.model.feature_projection", "encoder.wav2vec2.model.feature_extractor"],
        [torch.from_numpy(clip.audio().samples) for clip in clips],
    )
    audio = examples[0].audio()
    with torch.inference_mode():
        theirs = model.mods.encoder(torch.from_numpy(audio.samples)[None])[0]
    assert torch.equal(quantize(an4, "speechbrain-int8").log_probs(audio), theirs)


def test_set_module_replaces(asr_model) -> None:
    model = deepcopy(asr_model)
    new = torch.nn.Identity()
    set_module(model, "encoder.enc", new)
    assert get_module(model, "encoder.enc") is new


def test_static_without_samples(asr_model) -> None:
    with pytest.raises(PresetError, match="No calibration samples"):
        custom_quantize(deepcopy(asr_model), static_modules=["encoder.enc"])


def test_compute_wer_means_what_it_means_there() -> None:
    assert compute_wer(["A B", "C"], ["A B", "D"]) == pytest.approx(100 / 3)
