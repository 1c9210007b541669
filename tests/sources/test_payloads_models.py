"""What models could be made to do when they are loaded: none of it happens, and the error says what was found.

Each payload is shown to work where nothing is checked, so that it is the check that is tested.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from small_models import write_base, write_speechbrain, write_transformers

import asrquant
from asrquant.base.errors import AsrQuantError, SourceError, UntrustedSourceError
from asrquant.base.pickles import loading_weights
from asrquant.cli import main
from asrquant.sources import loading

MARKER = "executed"
TOUCH = f"os.system [touch {MARKER}]"
PYTHON = f"!!python/object/apply:os.system [touch {MARKER}]"
LOBE = "!new:speechbrain.integrations.huggingface.wav2vec2.Wav2Vec2"
PRETRAINER = "!new:speechbrain.utils.parameter_transfer.Pretrainer"

ACTING = {
    "apply": f"x: !apply:{TOUCH}",
    "apply, escaped": f"x: !%61pply:{TOUCH}",
    "apply, verbatim": f"x: !<!apply:os.system> [touch {MARKER}]",
    "apply, within a layer": f"x: !new:torch.nn.ModuleList [[!apply:{TOUCH}]]",
    "applyref": f"x: !applyref:{TOUCH}",
    "python": f"x: {PYTHON}",
    "python, verbatim": f"x: !<tag:yaml.org,2002:python/object/apply:os.system> [touch {MARKER}]",
    "new": f"x: !new:subprocess.Popen [[touch, {MARKER}]]",
    "tuple": f"x: ({PYTHON},)",
    "tuple, tagged": f"x: !tuple '({PYTHON},)'",
    "tuple, without its parentheses": f"x: !tuple ' {PYTHON} '",
    "include": "x: !include:other.yaml {}",
}
"""Hyperpyyaml does it while it reads this."""

LEADING_AWAY = {
    "key": (f"? !apply:{TOUCH}\n: 1", "'!apply:os.system'"),
    "name": ("x: !name:os.system", "!name:os.system"),
    "module": ("x: !module:os", "!module:os"),
    "attribute": ("a: !new:torch.nn.ReLU\nx: !ref <a.forward>", "!apply:getattr"),
    "attribute, put together": ("a: <c\nb: .forward>\nc: !new:torch.nn.ReLU\nx: !ref <a><b>", "!apply:getattr"),
    "hook": (f"pretrainer: {PRETRAINER}\n  custom_hooks:\n    x: !name:os.system", "!name:os.system"),
    "tuple, quoted": (f"x: '({PYTHON},)'", "which would be evaluated"),
    "tuple, put together": (f"a: '{PYTHON}'\nx: !ref (<a>,)", "which would be evaluated"),
    "directive": ("%TAG ! tag:yaml.org,2002:python/name:\n---\nx: !os.system ''", "directive"),
    "merge": ("a: &a {trust_remote_code: true}\nx:\n  <<: *a", "merge"),
    "lobe, code": (f"x: {LOBE} {{source: ., trust_remote_code: true}}", "the setting 'trust_remote_code'"),
    "lobe, pickles": (f"x: {LOBE} {{source: ., weights_only: false}}", "the setting 'weights_only'"),
    "lobe, other settings": (f"x: {LOBE} {{source: ., subfolder: x}}", "with other settings"),
    "lobe, by position": (f"x: {LOBE} [someone/model, x]", "with other settings"),
    "lobe, Hub id": (f"x: {LOBE} {{source: someone/model, save_path: x}}", "source 'someone/model'"),
    "lobe, in a list": (f"x: [{LOBE} {{source: someone/model, save_path: x}}]", "source 'someone/model'"),
    "lobe, folder": (f"x: {LOBE} {{source: /etc, save_path: x}}", "'/etc', which leads out of its folder|source '/etc'"),
    "kernel": ("x: !new:transformers.Wav2Vec2Config {attn_implementation: someone/kernel}", "attn_implementation"),
    "weights, Hub id": (f"p: {PRETRAINER} {{paths: {{asr: someone/model/asr.ckpt}}}}", "source 'someone/model/asr.ckpt'"),
    "weights, address": (f"p: {PRETRAINER} {{paths: {{asr: 'http://127.0.0.1:9/asr.ckpt'}}}}", "source 'http"),
    "weights, file": (f"p: {PRETRAINER} {{paths: {{asr: /etc/hostname}}}}", "path '/etc/hostname'|source '/etc/hostname'"),
    "weights, pairs": (f"p: {PRETRAINER} {{paths: [[asr, someone/model/asr.ckpt]]}}", "a form that is not known"),
    "weights, by position": (f"p: {PRETRAINER} [null, null, {{asr: someone/model/asr.ckpt}}]", "a form that is not known"),
    "weights, by name": (f"p: {PRETRAINER} {{loadables: {{../../x: 1}}}}", r"path '\.\./\.\./x'"),
    "n-gram": ("test_beam_search: {kenlm_model_path: /etc/hostname}", "path '/etc/hostname'"),
    "n-gram, above": ("test_beam_search: {kenlm_model_path: ../lm.arpa}", r"path '.*lm\.arpa'"),
    "tokenizer": ("x: !new:sentencepiece.SentencePieceProcessor {model_file: /etc/hostname}", "path '/etc/hostname'"),
    "other families": ("x: !new:transformers.RagModel {config: 1}", "RagModel"),
    "functions of PyTorch": ("x: !name:torch.load", "!name:torch.load"),
}  # fmt: skip
"""It does nothing by itself, and reads or calls what nobody has vouched for when it is used."""


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path(MARKER),))


def saved(pickled: str) -> bytes:
    """A checkpoint that acts when it is unpickled, in one of the forms that PyTorch reads."""
    if pickled == "plain":
        return pickle.dumps(Bomb())
    file = io.BytesIO()
    torch.save({"weight": Bomb()}, file, _use_new_zipfile_serialization=pickled == "zip")
    return file.getvalue()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch) -> Path:
    """An empty working directory, where a payload would leave its mark."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def refused(folder: Path, says: str, error: type[AsrQuantError] = UntrustedSourceError, **how: bool) -> None:
    with pytest.raises(error, match=says):
        asrquant.load(str(folder), **how)
    assert not list(Path.cwd().iterdir())


def with_yaml(folder: Path, text: str) -> Path:
    (folder / "hyperparams.yaml").write_text(text)
    (folder / "other.yaml").write_text(f"x: !apply:{TOUCH}\n")
    return folder


@pytest.mark.parametrize("payload", ACTING.values(), ids=ACTING)
def test_a_yaml_that_acts(tmp_path: Path, payload: str) -> None:
    from hyperpyyaml import load_hyperpyyaml

    folder = with_yaml(tmp_path, f"{payload}\n")
    refused(folder, r"hyperparams\.yaml holds .* Pass trust_source=True \(--trust-source\) if you trust")
    with (folder / "hyperparams.yaml").open() as file, contextlib.suppress(AttributeError, TypeError):
        load_hyperpyyaml(file)
    end = time.monotonic() + 10
    while not Path(MARKER).exists():  # a process of its own takes a moment
        assert time.monotonic() < end, "the payload does nothing even where nothing is checked"
        time.sleep(0.01)


@pytest.mark.parametrize(("payload", "says"), LEADING_AWAY.values(), ids=LEADING_AWAY)
def test_a_yaml_that_leads_away(tmp_path: Path, payload: str, says: str) -> None:
    (tmp_path / "lm.arpa").write_text("")
    folder = tmp_path / "model"
    folder.mkdir()
    refused(with_yaml(folder, f"{payload}\n"), rf"hyperparams\.yaml holds .*({says})")


def test_the_terminal_says_the_same(tmp_path: Path, capsys, examples) -> None:
    folder = with_yaml(tmp_path, f"x: !apply:{TOUCH}\n")
    assert main(["transcribe", str(examples[0].path), "--preset", "original", "--model", str(folder)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("asrquant: ") and "'!apply:os.system'" in error and "--trust-source" in error
    assert not Path(MARKER).exists()


def test_python_in_a_folder_is_named(model_copy: Path) -> None:
    (model_copy / "deep").mkdir()
    for name in ("custom.py", "deep/more.py"):
        (model_copy / name).write_text(f"open({MARKER!r}, 'w')")
    refused(model_copy, r"it brings Python code \(custom\.py, deep/more\.py\), which loading could run")
    for number in range(7):
        (model_copy / f"z{number}.py").touch()
    refused(model_copy, r"\(custom\.py, deep/more\.py, z0\.py, z1\.py, z2\.py and 4 more\)")


@pytest.mark.parametrize("trust_source", [False, True])
@pytest.mark.parametrize(
    ("name", "pickled"),
    [("asr.ckpt", "zip"), ("wav2vec2.ckpt", "legacy"), ("asr.ckpt", "plain")],
)
def test_a_pickle_for_a_checkpoint(model_copy: Path, name: str, pickled: str, trust_source: bool) -> None:
    """Trusted or not: no checkpoint is ever unpickled."""
    (model_copy / name).write_bytes(saved(pickled))
    refused(model_copy, "could not be loaded as a SpeechBrain EncoderASR", SourceError, trust_source=trust_source)


@pytest.mark.parametrize("pickled", ["zip", "legacy"])
def test_the_pickles_work_where_they_are_unpickled(pickled: str) -> None:
    torch.load(io.BytesIO(saved(pickled)), weights_only=False)
    assert Path(MARKER).exists()


def test_a_pickle_for_transformers(tmp_path: Path) -> None:
    folder = write_transformers("wav2vec2", tmp_path / "ctc")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(saved("zip"))
    refused(folder, "could not be loaded as a transformers CTC model", SourceError)
    refused(folder, "could not be loaded as a transformers CTC model", SourceError, trust_source=True)


def test_a_pickle_for_a_lobe_that_is_told_to_unpickle(tmp_path: Path) -> None:
    """``weights_only`` goes through SpeechBrain to transformers, which obeys; PyTorch does not, while a model is loaded."""
    folder = tmp_path / "asr"
    folder.mkdir()
    write_speechbrain(folder, write_base(folder / "base"))
    (folder / "base" / "model.safetensors").unlink()
    (folder / "base" / "pytorch_model.bin").write_bytes(saved("zip"))
    yaml = (folder / "hyperparams.yaml").read_text()
    refused(folder, "could not be loaded", SourceError)
    (folder / "hyperparams.yaml").write_text(yaml.replace("freeze: True", "freeze: True\n    weights_only: False"))
    refused(folder, "the setting 'weights_only'")
    refused(folder, "could not be loaded", SourceError, trust_source=True)
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_code_for_transformers_is_not_run_even_where_it_is_trusted(tmp_path: Path) -> None:
    folder = write_transformers("wav2vec2", tmp_path / "ctc")
    (folder / "custom.py").write_text(f"open({MARKER!r}, 'w')")
    config = (folder / "config.json").read_text()
    own = '"model_type": "own", "auto_map": {"AutoConfig": "custom.C", "AutoModelForCTC": "custom.M"}'
    (folder / "config.json").write_text(config.replace('"model_type": "wav2vec2"', own))
    refused(folder, r"custom\.py")
    refused(folder, "could not be loaded as a transformers", SourceError, trust_source=True)
    (folder / "custom.py").unlink()
    refused(folder, "could not be loaded as a transformers", SourceError)


@pytest.mark.parametrize("value", ["1", "true", "yes", "anything"])
def test_an_environment_that_asks_for_pickles(tmp_path: Path, monkeypatch, capsys, value: str) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", value)
    says = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set"
    with pytest.raises(UntrustedSourceError, match=says):
        asrquant.load("an4")
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UntrustedSourceError, match=says):
        asrquant.load_artifact(tmp_path)
    assert main(["verify", str(tmp_path)]) == 2 and says in capsys.readouterr().err
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0")
    with loading_weights():
        assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "1"


def kenlm_binary() -> bytes:
    """A trie that says of itself that it is whole, with pointers that lead nowhere: KenLM crashes on it."""
    magic = b"mmap lm http://kheafield.com/code format version 5\n\0".ljust(56, b"\0")
    sanity = struct.pack("<fffIIIQ", 0.0, 1.0, -0.5, 1, 0xFFFFFFFF, 0, 1)
    settings = struct.pack("<B3xfiB3xI3Q", 3, 1.5, 2, 1, 1, 100, 1000, 1000)
    return magic + sanity + settings + b"A" * 600_000


def test_language_models_that_were_made_to_crash(model_copy: Path, model_folder: Path) -> None:
    """In a process of its own, which a crash would end: every one ends in a sentence, the binaries before KenLM sees them."""
    arpa = (model_folder / "lm.arpa.ckpt").read_bytes()
    kinds = {
        "empty": b"",
        "half": arpa[: len(arpa) // 2],
        "counts": b"\\data\\\nngram 1=4000000000\nngram 2=9\n\n\\1-grams:\n-1\tA\t0\n",
        "orders": b"\\data\\\n"
        + b"".join(b"ngram %d=1\n" % order for order in range(1, 60))
        + b"\n\\1-grams:\n-1\tA\n",
        "binary": kenlm_binary(),
        "cut": kenlm_binary()[:70],
    }
    for name, contents in kinds.items():
        Path(name).write_bytes(contents)
    code = """
import sys
from pathlib import Path
import asrquant
for path in list(Path().iterdir()):
    name = path.name
    path.replace(Path(sys.argv[1], "lm.arpa.ckpt"))
    try:
        asrquant.load(sys.argv[1])
    except asrquant.AsrQuantError as error:
        print("REFUSED", name, type(error).__name__, str(error)[:300].splitlines()[0])
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(model_copy)], capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(model_folder.parents[1])},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    said = {line.split()[1]: line for line in run.stdout.splitlines() if line.startswith("REFUSED")}
    assert set(said) == set(kinds)
    for name, line in said.items():
        assert ("is a KenLM binary" if name in ("binary", "cut") else "could not be loaded") in line


def test_the_embedded_n_gram_is_checked_before_kenlm_sees_it(model_copy: Path, monkeypatch) -> None:
    monkeypatch.setitem(loading.EMBEDDED, "an4", model_copy)
    (model_copy / "lm.arpa.ckpt").write_bytes(kenlm_binary())
    with pytest.raises(SourceError, match=r"damaged: lm\.arpa\.ckpt"):
        asrquant.load("an4")
