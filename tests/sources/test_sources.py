from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch

import asrquant
from asrquant.base.errors import SourceError, UntrustedSourceError
from asrquant.sources import loading as sources
from asrquant.text import decoders_for

PLAIN = """
import logging, sys, types, warnings
logging.basicConfig(level=logging.WARNING, stream=sys.stdout)
try:
    import torchaudio
except OSError:  # a CPU build of torch beside torchaudio's wheel
    for name in [n for n in sys.modules if n.startswith("torchaudio")]:
        del sys.modules[name]
    stand_in = types.ModuleType("torchaudio._extension")
    stand_in._IS_TORCHAUDIO_EXT_AVAILABLE = stand_in._IS_ALIGN_AVAILABLE = False
    stand_in.fail_if_no_align = lambda f: f
    stand_in._check_cuda_version = lambda: None
    sys.modules["torchaudio._extension"] = stand_in
from speechbrain.inference.ASR import EncoderASR
asr = EncoderASR.from_hparams(source=sys.argv[1])
print("TEXT", asr.transcribe_file(sys.argv[2]))
assert "asrquant" not in sys.modules
"""


def test_plain_speechbrain_loads_the_embedded_model_from_anywhere(model_folder, examples, an4, tmp_path) -> None:
    """No network, no asrquant, another working directory, and the n-gram is used."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    run = subprocess.run(
        [sys.executable, "-c", PLAIN, str(model_folder), str(examples[0].path)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    said = next(line for line in run.stdout.splitlines() if line.startswith("TEXT "))
    assert said == f"TEXT {an4.transcribe(examples[0].path).text}"
    assert "During parameter transfer" not in run.stdout + run.stderr, "a weight was missing or left over"
    assert not list(tmp_path.iterdir()), "files were left in the working directory"


def test_the_embedded_model_is_small_and_complete(model_folder: Path, an4) -> None:
    assert sum(p.numel() for p in an4.encoder.parameters()) <= 12_000_000
    assert all(path.stat().st_size <= 10_000_000 for path in model_folder.iterdir())
    names = {path.name for path in model_folder.iterdir()}
    listed = json.loads((model_folder / "manifest.json").read_text())["files"]
    assert set(listed) == names - {"manifest.json"}
    assert {"README.md", "LICENSE", "hyperparams.yaml"} <= names
    assert decoders_for(an4.vocabulary) == ("greedy", "beam", "ngram", "fast")


def test_module_names_are_the_tutorials(an4) -> None:
    for path in (
        "encoder.wav2vec2.model.feature_extractor",
        "encoder.wav2vec2.model.feature_projection",
        "encoder.wav2vec2.model.encoder.layers",
        "encoder.wav2vec2.model.encoder.pos_conv_embed",
        "encoder.enc",
        "encoder.ctc_lin",
        "encoder.log_softmax",
    ):
        assert asrquant.get_module(an4, path)


def test_a_recognizer_hears_what_encoder_asr_hears(model_folder, examples, an4) -> None:
    from speechbrain.inference.ASR import EncoderASR

    asr = EncoderASR.from_hparams(source=str(model_folder))
    for example in examples[:3]:
        wave = torch.from_numpy(example.audio().samples)[None]
        with torch.inference_mode():
            theirs = asr.encode_batch(wave, torch.ones(1))[0]
        assert torch.equal(an4.log_probs(example.audio()), theirs)
        assert an4.transcribe(example.path).text == asr.transcribe_batch(wave, torch.ones(1))[0][0]


@pytest.mark.parametrize("name", ["wav2vec2.ckpt", "hyperparams.yaml", "lm.arpa.ckpt"])
def test_a_changed_byte_is_found_before_anything_is_parsed(model_copy: Path, monkeypatch, name: str) -> None:
    monkeypatch.setitem(sources.EMBEDDED, "an4", model_copy)
    data = bytearray((model_copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (model_copy / name).write_bytes(bytes(data))
    with pytest.raises(SourceError, match=f"damaged: {name}"):
        asrquant.load("an4")


def test_a_missing_file_is_named(model_copy: Path, monkeypatch) -> None:
    monkeypatch.setitem(sources.EMBEDDED, "an4", model_copy)
    (model_copy / "asr.ckpt").unlink()
    with pytest.raises(SourceError, match=r"asr\.ckpt is missing"):
        asrquant.load("an4")


def test_a_manifest_that_is_none_and_a_file_too_many(model_copy: Path, monkeypatch) -> None:
    monkeypatch.setitem(sources.EMBEDDED, "an4", model_copy)
    (model_copy / "custom.py").write_text("raise SystemExit('ran')")
    with pytest.raises(SourceError, match=r"a file too many: custom\.py"):
        asrquant.load("an4")
    for contents in ("[", "{}", '{"files": {"asr.ckpt": {"bytes": 1, "sha256": "x"}}}'):
        (model_copy / "manifest.json").write_text(contents)
        with pytest.raises(SourceError, match=r"damaged: its manifest\.json"):
            asrquant.load("an4")


def test_local_folder(model_copy: Path, examples, an4) -> None:
    local = asrquant.load(str(model_copy))
    assert local.transcribe(examples[0].path).text == an4.transcribe(examples[0].path).text


def test_a_relative_ngram_is_looked_up_in_the_folder(
    model_copy: Path, tmp_path: Path, monkeypatch, examples, an4
) -> None:
    yaml = (model_copy / "hyperparams.yaml").read_text()
    head, tail = yaml.split("pretrainer:")
    head = head.replace("    unigrams:", "    kenlm_model_path: lm.arpa\n    unigrams:")
    tail = tail.split("        lm.arpa: kenlm_model_path")[0]
    (model_copy / "hyperparams.yaml").write_text(head + "pretrainer:" + tail)
    (model_copy / "lm.arpa.ckpt").rename(model_copy / "lm.arpa")
    monkeypatch.chdir(tmp_path)
    local = asrquant.load(str(model_copy))
    assert local.decoder.name == "ngram"
    assert local.transcribe(examples[0].path).text == an4.transcribe(examples[0].path).text


def test_sentencepiece_and_greedy_models(model_copy: Path, examples) -> None:
    import sentencepiece

    texts = model_copy / "texts.txt"
    texts.write_text("\n".join(f"{u.reference} {v.reference}" for u in examples for v in asrquant.calibration_clips()))
    sentencepiece.SentencePieceTrainer.train(
        input=str(texts), model_prefix=str(model_copy / "sp"), vocab_size=28, model_type="char",
        bos_id=-1, eos_id=-1, unk_id=1, pad_id=0,
    )  # fmt: skip
    (model_copy / "sp.model").rename(model_copy / "tokenizer.ckpt")
    yaml = (model_copy / "hyperparams.yaml").read_text()
    yaml = yaml.replace("!new:speechbrain.dataio.encoder.CTCTextEncoder", "!new:sentencepiece.SentencePieceProcessor")
    head, tail = yaml.split("decoding_function:")
    greedy = "decoding_function: !name:speechbrain.decoders.ctc_greedy_decode\n    blank_id: !ref <blank_index>\n\npretrainer:"
    (model_copy / "hyperparams.yaml").write_text(
        head + greedy + tail.split("pretrainer:")[1].split("        lm.arpa:")[0]
    )
    recognizer = asrquant.load(str(model_copy))
    assert recognizer.decoder.name == "greedy"
    assert decoders_for(recognizer.vocabulary) == ("greedy", "beam", "fast")
    pieces = [i for i, label in enumerate(recognizer.vocabulary.labels) if label in "AB"]
    assert sorted(recognizer.vocabulary.to_text(pieces)) == ["A", "B"]
    assert isinstance(recognizer.with_decoder("beam").transcribe(examples[0].path).text, str)


def test_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no hyperparams\.yaml"):
        asrquant.load(str(tmp_path))
    (tmp_path / "hyperparams.yaml").write_text("nothing: [1, 2")
    with pytest.raises(SourceError, match="could not be loaded"):
        asrquant.load(str(tmp_path))
    with pytest.raises(SourceError, match="no model 'nonsense'"):
        asrquant.load("nonsense")


def test_code_in_a_folder_must_be_trusted(model_copy: Path, examples) -> None:
    (model_copy / "custom.py").write_text("raise SystemExit('ran')")
    with pytest.raises(UntrustedSourceError, match=r"custom\.py"):
        asrquant.load(str(model_copy))
    assert asrquant.load(str(model_copy), trust_source=True).transcribe(examples[0].path).text


def test_a_strange_hub_id_is_asked_of_the_hub(monkeypatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(SourceError, match=r"somebody/something could not be downloaded .* connect to the internet"):
        asrquant.load("somebody/something")


def test_a_hub_id_without_network_ends_in_one_sentence(tmp_path: Path) -> None:
    """In a process of its own, with nothing in the cache and a hub that nobody serves."""
    code = "import asrquant; asrquant.load('speechbrain/asr-wav2vec2-commonvoice-14-en', trust_source=True)"
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", f"{code}"], cwd=root, env=environment, capture_output=True, text=True, timeout=120
    )
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith(
        "asrquant.base.errors.SourceError: speechbrain/asr-wav2vec2-commonvoice-14-en could not be downloaded"
    )
    assert "connect to the internet" in last


def test_errors_are_python_errors_too() -> None:
    assert issubclass(UntrustedSourceError, OSError) and issubclass(SourceError, asrquant.AsrQuantError)
