"""Files of SpeechBrain's published models and recipes: old names, what training left in them, other kinds of models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from local_hub import LocalHub
from small_models import write_base, write_speechbrain
from test_published_shapes import COST, GREEDY, change, plain

import asrquant
from asrquant.base.errors import SourceError, UntrustedSourceError
from asrquant.sources import pins

NOW = "!new:speechbrain.lobes.models.huggingface_transformers.wav2vec2.Wav2Vec2"
SHORT = "!new:speechbrain.lobes.models.huggingface_transformers.Wav2Vec2"
BEFORE = "!new:speechbrain.lobes.models.huggingface_wav2vec.HuggingFaceWav2Vec2"
LEFT = """seed: 1234
__set_seed: !apply:torch.manual_seed [!ref <seed>]
set_seed: !apply:speechbrain.utils.seed_everything [!ref <seed>]
output_folder: /netscratch/someone/results/ctc/<seed>
save_folder: !ref <output_folder>/save
label_file: !ref <save_folder>/label_encoder.txt
data_folder: ../../LibriSpeech
ctc_cost: !name:speechbrain.nnet.losses.ctc_loss
    blank_index: 0
seq_cost: !name:speechbrain.nnet.losses.nll_loss
    label_smoothing: 0.1
error_rate_computer: !name:speechbrain.utils.metric_stats.ErrorRateStats
cer_computer: !name:speechbrain.utils.metric_stats.ErrorRateStats
    split_tokens: True
ctc_computer: !name:speechbrain.utils.metric_stats.MetricStats
    metric: !name:speechbrain.nnet.losses.ctc_loss
        blank_index: 0
opt_class: !name:torch.optim.Adadelta
    lr: 1.0
test_searcher: !name:speechbrain.decoders.CTCBeamSearcher
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("older") / "asr"
    return write_speechbrain(folder, write_base(folder.parent / "base"), vanilla=True)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    copied = Path(shutil.copytree(made, tmp_path / "asr"))
    shutil.copytree(made.parent / "base", tmp_path / "base")
    shutil.move(tmp_path / "base", copied / "base")
    return change(copied, str(made.parent / "base"), str(copied / "base"))


def test_a_vanilla_network_is_plain_speechbrains(folder: Path, examples, tmp_path: Path) -> None:
    change(folder, GREEDY, COST + GREEDY)
    recognizer, audio = asrquant.load(str(folder)), examples[0].audio()
    outputs, text = plain(folder, audio)
    assert torch.allclose(recognizer.log_probs(audio), outputs, atol=1e-4) and recognizer.transcribe(audio).text == text
    live = asrquant.quantize(recognizer, "dynamic-int8")
    artifact = asrquant.export(live, "state-dict", tmp_path / "exports")
    assert torch.equal(asrquant.load_artifact(artifact.path).log_probs(audio), live.log_probs(audio))


@pytest.mark.parametrize("name", [SHORT, pytest.param(BEFORE, marks=pytest.mark.long)])
def test_old_names_are_the_classes_of_now(folder: Path, examples, tmp_path: Path, name: str) -> None:
    audio = examples[0].audio()
    expected = asrquant.load(str(folder)).log_probs(audio)
    recognizer = asrquant.load(str(change(folder, NOW, name)))
    assert torch.equal(recognizer.log_probs(audio), expected)
    artifact = asrquant.export(asrquant.quantize(recognizer, "dynamic-int8"), "state-dict", tmp_path / "exports")
    described = next(artifact.folder.rglob("architecture.yaml")).read_text()
    assert (
        "!new:speechbrain.integrations.huggingface.wav2vec2.Wav2Vec2" in described
        and artifact.manifest.verification.passed
    )


@pytest.mark.long
def test_what_the_old_name_did_where_nothing_was_said(folder: Path, examples, tmp_path: Path) -> None:
    """Its output was normalized by default; that of the class of now is not."""
    audio, said = examples[0].audio(), "    output_norm: True\n    freeze: True\n"
    expected = asrquant.load(str(folder)).log_probs(audio)
    recognizer = asrquant.load(str(change(folder, NOW, BEFORE, said, "")))
    assert torch.equal(recognizer.log_probs(audio), expected)
    live = asrquant.quantize(recognizer, "dynamic-int8")
    artifact = asrquant.export(live, "state-dict", tmp_path / "exports")
    assert torch.equal(asrquant.load_artifact(artifact.path).log_probs(audio), live.log_probs(audio))
    change(folder, BEFORE, NOW)
    assert not torch.equal(asrquant.load(str(folder)).log_probs(audio), expected)


def test_what_training_left_is_not_done(folder: Path, examples) -> None:
    audio = examples[0].audio()
    expected = asrquant.load(str(folder)).log_probs(audio)
    yaml = folder / "hyperparams.yaml"
    yaml.write_text(LEFT + yaml.read_text())
    torch.manual_seed(5)
    before = torch.get_rng_state()
    recognizer = asrquant.load(str(folder))
    assert torch.equal(recognizer.log_probs(audio), expected) and recognizer.decoder.name == "greedy"
    torch.manual_seed(5)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("x: !apply:torch.load [a]", "'!apply:torch.load'"),
        ("x: {y: !apply:torch.manual_seed [1]}", "'!apply:torch.manual_seed'"),
        ("x: !apply:torch.manual_seed [!apply:os.getpid []]", "'!apply:os.getpid'"),
        ("x: !new:speechbrain.nnet.losses.ctc_loss {}", "losses.ctc_loss"),
        ("x: !name:speechbrain.nnet.losses.partial", "losses.partial"),
        ("x: !new:speechbrain.utils.train_logger.FileTrainLogger {save_file: log.txt}", "FileTrainLogger"),
        ("tokenizer: !apply:transformers.BertTokenizer.from_pretrained {a: 1}", "BertTokenizer.from_pretrained"),
        ("x: !new:functools.partial [!name:torch.nn.ReLU  {}]", "functools.partial"),
    ],
)
def test_lines_that_are_not_known(folder: Path, line: str, says: str) -> None:
    yaml = folder / "hyperparams.yaml"
    yaml.write_text(f"{line}\n{yaml.read_text()}")
    with pytest.raises(UntrustedSourceError, match=f"holds the tag .*{says}"):
        asrquant.load(str(folder))


SEARCHER = "decoder: !new:speechbrain.decoders.S2SRNNBeamSearcher {bos_index: 1}\n"


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        (SEARCHER + "modules: {encoder: 1, decoder: !ref <decoder>}\n", "an EncoderDecoderASR"),
        (SEARCHER, "an EncoderDecoderASR"),
        ("decoder: !new:speechbrain.decoders.transducer.TransducerBeamSearcher {}\n", "a transducer"),
        ("Tjoint: !new:speechbrain.nnet.transducer.transducer_joint.Transducer_joint {}\n", "a transducer"),
        (
            "whisper: !new:speechbrain.lobes.models.huggingface_transformers.whisper.Whisper {source: openai/x}\n"
            "modules: {whisper: !ref <whisper>, decoder: 1}\n",
            "a Whisper model",
        ),
    ],
)
def test_other_kinds_are_refused_by_what_they_are(tmp_path: Path, yaml: str, says: str) -> None:
    (tmp_path / "hyperparams.yaml").write_text(yaml)
    for trusted in (False, True):
        with pytest.raises(SourceError, match=f"is of {says}.* asrquant runs EncoderASR") as refused:
            asrquant.load(str(tmp_path), trust_source=trusted)
        assert not isinstance(refused.value, UntrustedSourceError)


def test_paths_that_name_the_models_own_repository(folder: Path, hub_server: LocalHub, examples) -> None:
    audio = examples[0].audio()
    expected = asrquant.load(str(folder)).log_probs(audio)
    own = "".join(f"        {name}: someone/asr/{name}.ckpt\n" for name in ("wav2vec2", "asr", "tokenizer"))
    yaml = folder / "hyperparams.yaml"
    yaml.write_text(yaml.read_text().rstrip("\n") + f"\n    paths:\n{own}")
    assert torch.equal(asrquant.load(str(folder)).log_probs(audio), expected)  # a copy, in a folder of its name
    assert hub_server.sent == []
    other = folder.rename(folder.with_name("else"))
    with pytest.raises(UntrustedSourceError, match=r"source 'someone/asr/wav2vec2\.ckpt'"):
        asrquant.load(str(change(other, str(folder), str(other))))
    files = {path.name: path.read_bytes() for path in other.iterdir() if path.is_file()}
    files["hyperparams.yaml"] = files["hyperparams.yaml"].replace(str(other / "base").encode(), b"someone/base")
    hub_server.commit("someone/asr", files)
    pins.PINS.write_text(json.dumps({"someone/asr": None}))
    assert torch.equal(asrquant.load("someone/asr").log_probs(audio), expected)
