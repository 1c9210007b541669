"""The embedded QuartzNet: it is what its recipe wrote, and NeMo's six steps run on it in a fresh checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

import asrquant
from asrquant.base.errors import PresetError
from asrquant.cli import main
from asrquant.measure.divergence import kl_divergence
from asrquant.model.footprint import quantized_modules
from asrquant.sources import loading
from asrquant.text.metrics import total_errors, word_errors


@pytest.mark.long
def test_nemos_six_steps_run_on_it(examples, tmp_path: Path) -> None:
    original = asrquant.load("an4-quartznet")
    assert loading.is_embedded(original) and original.decoder.name == "ngram" and original.size_bytes() < 10_000_000
    clips = examples[:3]
    errors = [word_errors(clip.reference, original.transcribe(clip.path).text) for clip in clips]
    assert (total_errors(errors).wer or 0) < 35
    fused = asrquant.quantize(original, "fused-static-int8")
    assert quantized_modules(fused.encoder) and fused.size_bytes() < 0.4 * original.size_bytes()
    for clip in clips[:2]:
        answers = [recognizer.log_probs(clip.audio()) for recognizer in (original, fused)]
        assert float(kl_divergence(*answers).mean()) < 0.05
    artifact = asrquant.export(fused, "torchscript", tmp_path)
    loaded = asrquant.load_artifact(artifact.path)
    assert loaded.transcribe(clips[0].path).text == fused.transcribe(clips[0].path).text
    with pytest.raises(PresetError, match="quantizes nothing on this model"):
        asrquant.quantize(original, "dynamic-int8")


def test_from_the_terminal(capsys, examples) -> None:
    main(
        [
            "compare",
            str(examples[0].path),
            "--model",
            "an4-quartznet",
            "--preset",
            "fused-static-int8-qnnpack",
            "--runs",
            "1",
        ]
    )
    assert "fused-static-int8-qnnpack" in capsys.readouterr().out
