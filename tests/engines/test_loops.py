"""Layers that loop over frames: a trace fixes their number, so what was converted is compared at other lengths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from here import usable
from torch import nn

import asrquant
from asrquant.base.errors import ExportError, PresetError
from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.engines.lengths import other_at_other_lengths
from asrquant.model.modules import Roles, find_roles


class Recurrent(nn.Module):
    """An encoder of frames of 20 ms with a recurrent layer of SpeechBrain's, or of PyTorch's."""

    def __init__(self, layer: str) -> None:
        super().__init__()
        ensure_torchaudio()
        import speechbrain.nnet.RNN as layers

        torch.manual_seed(3)
        self.frames = nn.Conv1d(1, 16, 320, 320)
        known = {"bidirectional": False, "num_layers": 1}
        self.loop = getattr(layers, layer)(hidden_size=16, input_shape=(1, 10, 16), **known)
        self.ctc_lin = nn.Linear(16, 28)

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        frames = self.frames(wave[:, None]).transpose(1, 2)
        return (self.ctc_lin(self.loop(frames)[0]) * 9).log_softmax(-1)


@pytest.fixture
def recurrent(an4):
    def make(layer: str) -> asrquant.Recognizer:
        encoder = Recurrent(layer).eval()
        return replace(an4.with_decoder("greedy"), encoder=encoder, roles=find_roles(encoder))

    return make


def test_a_trace_of_a_loop_is_refused(recurrent, tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match=r"holds for one length only \(at 0\.6 s .*\), as of layers that loop"
    ) as refused:
        asrquant.export(recurrent("LiGRU"), "torchscript", tmp_path)
    assert "use the format state-dict" in str(refused.value)
    assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == []


@pytest.mark.parametrize("preset", usable(["openvino-fp32"]))
def test_an_openvino_model_of_a_loop_is_refused(recurrent, preset: str) -> None:
    with pytest.raises(PresetError, match=r"holds for one length only \(at 0\.6 s .*use a preset of PyTorch's"):
        asrquant.quantize(recurrent("LiGRU"), preset)


@pytest.mark.parametrize("preset", usable(["openvino-fp32"]))
def test_what_is_no_loop_converts(recurrent, examples, tmp_path: Path, preset: str) -> None:
    recognizer = recurrent("LSTM")
    converted = asrquant.quantize(recognizer, preset)
    audio = examples[0].audio()
    assert torch.allclose(converted.log_probs(audio), recognizer.log_probs(audio), atol=1e-2)
    assert asrquant.export(recognizer, "torchscript", tmp_path).manifest.verification.passed


def test_what_differs_is_said() -> None:
    encoder = Recurrent("LSTM").eval()
    assert other_at_other_lengths(encoder, encoder) is None
    assert "gives 3 frames instead of 30" in other_at_other_lengths(encoder, lambda wave: encoder(wave)[:, :3])
    assert "are up to" in other_at_other_lengths(encoder, lambda wave: encoder(wave).roll(1, -1))
    assert "are up to nan off" in other_at_other_lengths(encoder, lambda wave: encoder(wave) * torch.nan)

    def fails(wave: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no\nroom")

    assert other_at_other_lengths(encoder, fails) == "at 0.6 s it fails: no"


def test_a_preset_that_finds_nothing_says_what_there_was(recurrent) -> None:
    bare = replace(recurrent("LiGRU"), roles=Roles())
    with pytest.raises(
        PresetError, match=r"quantizes nothing .* it is for \w+.*, and there is .*\(Conv1d\), "
    ) as refused:
        asrquant.quantize(bare, "dynamic-int8")
    assert "encoder.ctc_lin (Linear)" in str(refused.value)


@pytest.mark.parametrize("preset", usable(["openvino-int8"]))
def test_an_openvino_preset_that_finds_nothing_says_what_there_was(recurrent, examples, preset: str) -> None:
    known = asrquant.PRESETS[preset]
    bare = replace(known, settings=replace(known.settings, ignored=("encoder",)))
    with pytest.raises(
        PresetError, match=r"quantizes nothing .*: there is .*\d MatMul.* stays float is encoder; choose"
    ):
        asrquant.quantize(recurrent("LSTM"), bare, calibration=[examples[0].path])
