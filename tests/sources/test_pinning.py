"""How a Hub model gets its pin: whole, with what it refers to, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import huggingface_hub.constants
import pytest
from local_hub import BASE, MODEL
from small_models import write_transformers

import asrquant
from asrquant.base.errors import SourceError
from asrquant.base.files import describe
from asrquant.cli import main
from asrquant.sources import pins, safety
from asrquant.sources.loading import offered
from asrquant.sources.pinning import pin

MARKER = "executed"
CODE = f"\npayload: !apply:pathlib.Path.touch [!new:pathlib.Path [{MARKER}]]\n"


def test_a_pin_covers_what_the_model_refers_to_and_loads(hub_server, hub_folders, capsys, examples) -> None:
    assert offered() == ("an4", "an4-quartznet", MODEL)
    assert main(["pin", MODEL]) == 0
    printed = capsys.readouterr().out
    made = pins.read_pins()[MODEL]
    assert {name: repository.revision for name, repository in made.items()} == {
        name: next(iter(hub_server.commits[name])) for name in (MODEL, BASE)
    }
    assert set(made[BASE].files) == {"config.json", "preprocessor_config.json"}, "its weights are replaced"
    for folder, repository in zip(hub_folders, made.values(), strict=True):
        for name, file in repository.files.items():
            assert file == describe(folder / name) and file.sha256 in printed
    assert offered() == ("an4", "an4-quartznet", MODEL)

    hub_server.sent.clear()
    recognizer = asrquant.load(MODEL)
    assert hub_server.sent == [], "what was pinned is in the cache"
    assert recognizer.source == recognizer.origin.name == MODEL
    assert recognizer.origin.sha256[f"{BASE}/config.json"] == made[BASE].files["config.json"].sha256
    assert isinstance(recognizer.transcribe(examples[0].path).text, str)
    assert not list(Path.cwd().iterdir())


def test_a_hub_that_sends_something_else_than_it_lists(hub_server) -> None:
    before = pins.PINS.read_bytes()
    weights = next(iter(hub_server.commits[MODEL].values()))["asr.ckpt"]
    hub_server.damaged[hashlib.sha256(weights).hexdigest()] = weights[:-1] + b"!"
    with pytest.raises(SourceError, match=r"asr\.ckpt arrived with other contents"):
        pin(MODEL)
    assert pins.PINS.read_bytes() == before


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"hyperparams.yaml": CODE.encode()},
            r"cannot be pinned: hyperparams\.yaml holds the tag '!apply:pathlib\.Path\.touch'",
        ),
        (
            {"hyperparams.yaml": b"pretrainer: !include:x.yaml {}"},
            "cannot be pinned: .* holds the tag '!include:x.yaml'",
        ),
        ({"notes.md": b"no model"}, "holds none of the files"),
        ({"vocab.json": b"{}"}, r"holds no hyperparams\.yaml"),
        (
            {"config.json": b'{"attn_implementation": "someone/kernel"}'},
            r"cannot be pinned: config\.json asks for code",
        ),
        ({"config.json": b"{}", "wild*.json": b"{}"}, r"cannot be used: .*wild\*"),
    ],
)
def test_what_cannot_be_pinned(hub_server, files, says: str) -> None:
    hub_server.commit("someone/other", files)
    before = pins.PINS.read_bytes()
    with pytest.raises(SourceError, match=says):
        pin("someone/other")
    assert pins.PINS.read_bytes() == before and not list(Path.cwd().iterdir())


def searching(hub_server, ngram: str) -> dict[str, bytes]:
    """The model's files, but that it decodes with a search and an n-gram."""
    files = dict(hub_server.main(MODEL))
    greedy = "decoding_function: !name:speechbrain.decoders.ctc_greedy_decode\n    blank_id: 0\n"
    search = f"test_beam_search:\n    blank_index: 0\n    kenlm_model_path: {ngram}\n"
    yaml = files["hyperparams.yaml"].decode()
    assert greedy in yaml
    named = "decoding_function: !name:speechbrain.decoders.CTCBeamSearcher\n"
    return {**files, "hyperparams.yaml": yaml.replace(greedy, named + search).encode()}


_WORDS = "".join(f"-1.0\t{word}\t-0.3\n" for word in ("<unk>", "<s>", "</s>", "ONE", "TWO", "TEN"))
ARPA = f"\\data\\\nngram 1=6\nngram 2=1\n\n\\1-grams:\n{_WORDS}\n\\2-grams:\n-0.5\tONE TWO\n\n\\end\\\n"
"""An n-gram of words that the model has letters for."""


@pytest.mark.parametrize("ngram", ["someone/lm/lm.arpa", f"{MODEL}/lm.arpa"])
def test_an_n_gram_is_pinned_too_and_never_as_a_binary(hub_server, examples, ngram: str) -> None:
    hub_id, _, name = ngram.rpartition("/")
    arpa = ARPA.encode()
    hub_server.commit(MODEL, searching(hub_server, ngram))
    before = pins.PINS.read_bytes()
    for contents in (b"mmap lm http://kheafield.com/code format version 5\n\0", arpa):
        files = hub_server.main(MODEL) if hub_id == MODEL else {}
        hub_server.commit(hub_id, {**files, name: contents})
        if contents is not arpa:
            with pytest.raises(SourceError, match=r"cannot be pinned: lm\.arpa is a KenLM binary"):
                pin(MODEL)
            assert pins.PINS.read_bytes() == before
    made = pin(MODEL)
    assert name in made[hub_id].files
    hub_server.sent.clear()
    recognizer = asrquant.load(MODEL)
    assert recognizer.decoder.name == "ngram" and recognizer.vocabulary.ngram.read_bytes() == arpa
    assert hub_server.sent == [] and isinstance(recognizer.transcribe(examples[0].path).text, str)


def test_a_pin_of_before_with_a_binary_does_not_load(hub_server, monkeypatch) -> None:
    files = searching(hub_server, f"{MODEL}/lm.arpa")
    hub_server.commit(MODEL, {**files, "lm.arpa": b"mmap lm http://kheafield.com/code"})
    with monkeypatch.context() as patch:
        patch.setattr(safety, "_KENLM", b"something else")
        pin(MODEL)
    with pytest.raises(SourceError, match=r"is not loaded: lm\.arpa is a KenLM binary"):
        asrquant.load(MODEL)


def test_all_of_a_pin_or_nothing(hub_server) -> None:
    del hub_server.commits[BASE]
    before = pins.PINS.read_bytes()
    with pytest.raises(SourceError, match=f"{BASE} could not be downloaded: the Hub knows no such model"):
        pin(MODEL)
    assert pins.PINS.read_bytes() == before


def test_without_a_network_or_a_name_there_is_one_sentence(hub_server, capsys, monkeypatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    for name, says in (
        (MODEL, "connect to the internet"),
        ("../x", "names no model"),
        ("/etc/passwd", "names no model"),
    ):
        assert main(["pin", name]) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("asrquant: ") and says in error


def test_a_model_of_transformers_is_pinned_without_its_code(hub_server, tmp_path: Path, examples) -> None:
    folder = write_transformers("data2vec", tmp_path / "d2v")
    (folder / "modeling_custom.py").write_text(f"import pathlib; pathlib.Path({MARKER!r}).touch()")
    hub_server.commit("someone/d2v", folder)
    assert "modeling_custom.py" not in pin("someone/d2v")["someone/d2v"].files
    recognizer = asrquant.load("someone/d2v")
    assert recognizer.log_probs(examples[0].audio()).shape[1] == 32 and not list(Path.cwd().iterdir())


def test_pins_that_cannot_be_written(hub_server, monkeypatch, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pins.PINS.with_name(".pins.json.partial").mkdir()  # what keeps root from writing, too
    else:
        tmp_path.chmod(0o500)
    with pytest.raises(SourceError, match=r"pins\.json cannot be written"):
        pin(MODEL)
    tmp_path.chmod(0o700)
    assert json.loads(pins.PINS.read_text()) == {MODEL: None}
