"""A model is pinned when it is first asked for: what is fetched, what is checked, what stays, what the Hub may refuse."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from pathlib import Path

import huggingface_hub.constants
import pytest
from local_hub import BASE, GATED, MODEL, TOO_MANY, UNKNOWN, LocalHub
from small_models import WORDS, write_transformers
from test_pinning import ARPA, CODE, searching

import asrquant
from asrquant.base.errors import Cancelled, DecoderError, SourceError, UntrustedSourceError
from asrquant.base.progress import BYTES
from asrquant.cli import main
from asrquant.jobs import models
from asrquant.sources import choosing, fetching, pins
from asrquant.sources.pinning import pin

CTC = "someone/ctc"


def main_of(hub_server: LocalHub, hub_id: str = MODEL) -> str:
    return list(hub_server.commits[hub_id])[-1]


def refused(says: str, hub_id: str = MODEL, error: type[SourceError] = SourceError) -> None:
    with pytest.raises(error, match=says):
        asrquant.load(hub_id)
    assert pins.read_local_pins().get(hub_id) is None and not list(Path.cwd().iterdir())


def test_the_first_use_pins_and_the_pin_stays(hub_server: LocalHub, monkeypatch, examples) -> None:
    before = pins.PINS.read_bytes()
    first = asrquant.load(MODEL)
    made = pins.read_local_pins()[MODEL]
    assert made[MODEL].revision == first.origin.commit == main_of(hub_server)
    assert first.named == f"{MODEL} at {first.origin.commit[:8]}" and pins.PINS.read_bytes() == before
    assert sorted(hub_server.sent) == sorted(set(hub_server.sent)) and len(hub_server.sent) == 6
    assert set(made[BASE].files) == {"config.json", "preprocessor_config.json"}
    hub_server.commit(MODEL, {"hyperparams.yaml": CODE.encode()})
    second = asrquant.load(MODEL)
    assert second.origin == first.origin and len(hub_server.sent) == 6
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    comparison = asrquant.compare(
        first, asrquant.quantize(asrquant.load(MODEL), "dynamic-int8"), examples[0].path, runs=1
    )
    assert comparison.source == first.named


def test_a_model_from_its_shape_is_the_one_from_its_base(hub_server: LocalHub, hub_folders, examples) -> None:
    """The base's weights, which are not fetched, would be replaced by the checkpoint's."""
    ours = asrquant.load(MODEL).log_probs(examples[0].audio())
    folder = Path(shutil.copytree(hub_folders[0], pins.PINS.with_name("whole")))
    yaml = (folder / "hyperparams.yaml").read_text().replace(f"source: {BASE}", f"source: {folder / 'base'}")
    (folder / "hyperparams.yaml").write_text(yaml)
    shutil.copytree(hub_folders[1], folder / "base")
    assert (asrquant.load(str(folder)).log_probs(examples[0].audio()) == ours).all()


def test_a_base_that_nothing_replaces_comes_with_its_weights(hub_server: LocalHub) -> None:
    files = dict(hub_server.main(MODEL))
    yaml = files["hyperparams.yaml"].decode()
    frozen = yaml.replace("        wav2vec2: !ref <wav2vec2>\n        asr", "        asr")
    assert frozen != yaml
    hub_server.commit(MODEL, {**files, "hyperparams.yaml": frozen.encode()})
    assert asrquant.load(MODEL).source == MODEL
    assert "model.safetensors" in pins.read_local_pins()[MODEL][BASE].files


def test_main_may_move_while_it_is_fetched(hub_server: LocalHub) -> None:
    first = main_of(hub_server)
    hub_server.before_files = lambda: hub_server.commit(MODEL, {"hyperparams.yaml": CODE.encode()})
    assert asrquant.load(MODEL).origin.commit == first != main_of(hub_server)


@pytest.mark.parametrize("name", ["asr.ckpt", "hyperparams.yaml", "tokenizer.ckpt"])
def test_files_that_are_not_what_the_hub_says(hub_server: LocalHub, name: str) -> None:
    import hashlib

    contents = hub_server.main(MODEL)[name]
    key = hashlib.sha256(contents).hexdigest() if name.endswith(".ckpt") else name
    changed = bytearray(contents)
    changed[len(changed) // 2] ^= 1
    hub_server.damaged[key] = bytes(changed)
    refused(rf"{MODEL} cannot be used: {name} arrived with other contents than the Hub has on record")
    hub_server.damaged.clear()
    assert asrquant.load(MODEL).source == MODEL


def test_a_commit_that_runs_code_is_refused_and_the_last_good_one_stays(hub_server: LocalHub) -> None:
    good = asrquant.load(MODEL).origin.commit
    files = hub_server.main(MODEL)
    hub_server.commit(MODEL, {**files, "hyperparams.yaml": files["hyperparams.yaml"] + CODE.encode()})
    kept = pins.local_pins().read_bytes()
    hub_server.sent.clear()
    with pytest.raises(UntrustedSourceError, match=r"cannot be pinned: hyperparams.yaml holds the tag '!apply:pathlib"):
        pin(MODEL, local=True)
    assert pins.local_pins().read_bytes() == kept and asrquant.load(MODEL).origin.commit == good
    pins.local_pins().unlink()
    refused("is not loaded: hyperparams.yaml holds the tag '!apply:pathlib", error=UntrustedSourceError)
    assert hub_server.sent == ["hyperparams.yaml"], "no weights are fetched for a file that is code"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (GATED, "is gated: .* set HF_TOKEN"),
        (UNKNOWN, r"knows no such model, or not for you \(401\)"),
        ((404, {}), r"knows no such model, or not for you \(404\)"),
        ((403, {}), r"knows no such model, or not for you \(403\)"),
        (TOO_MANY, r"too many requests from here \(429\); try again in 37 s"),
        ((503, {}), r"the Hub has a problem \(503\)"),
    ],
)  # fmt: skip
def test_what_the_hub_refuses(hub_server: LocalHub, capsys, examples, answer, says: str) -> None:
    hub_server.closed[MODEL] = answer
    refused(says)
    assert main(["compare", str(examples[0].path), "--model", MODEL]) == 2
    assert "Traceback" not in capsys.readouterr().err
    hub_server.closed.clear()
    hub_server.files_closed[MODEL] = answer
    if answer is not TOO_MANY:  # which the client waits for
        refused(says)


def test_a_model_that_is_called_something_else_now(hub_server: LocalHub) -> None:
    hub_server.renamed["someone/old"] = MODEL
    pins.PINS.write_text(json.dumps({"someone/old": None}))
    refused(f"someone/old is called {MODEL} on the Hub now", "someone/old")


def test_what_was_interrupted_goes_on(hub_server: LocalHub, monkeypatch) -> None:
    monkeypatch.setattr(fetching, "_CHUNK", 100_000)
    told: list[tuple[str, int, int]] = []

    def stop(stage: str, done: int, total: int) -> None:
        told.append((stage, done, total))
        if stage.endswith(BYTES) and done > 500_000:
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        asrquant.load(MODEL, progress=stop)
    total = told[-1][2]
    assert total == sum(file.bytes for each in pin(MODEL).values() for file in each.files.values()) - len(
        hub_server.main(MODEL)["hyperparams.yaml"]
    )
    assert hub_server.ranges and int(hub_server.ranges[0].removeprefix("bytes=").rstrip("-")) >= 100_000
    assert [done for stage, done, _ in told if stage.endswith(BYTES)] == sorted(
        done for stage, done, _ in told if stage.endswith(BYTES)
    )


def test_a_connection_that_breaks(hub_server: LocalHub, monkeypatch) -> None:
    monkeypatch.setattr(fetching, "_CHUNK", 50_000)
    hub_server.break_after = 200_000
    assert asrquant.load(MODEL).source == MODEL
    assert hub_server.ranges and hub_server.break_after is None


def test_no_room(hub_server: LocalHub, monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage(1, 1, 100_500_000))
    refused(r"and someone/base needs \d\.\d MB and the disk has 100\.5 MB free; free some space, or set HF_HOME")


def test_a_disk_that_fills_up(hub_server: LocalHub, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "_stream", full)
        refused("the disk is full; free some space")
    assert asrquant.load(MODEL).source == MODEL


def test_a_public_page_pins_what_is_listed_and_nothing_else(hub_server: LocalHub, monkeypatch) -> None:
    hub_server.commit(CTC, {"config.json": b"{}"})
    monkeypatch.setenv("SPACE_ID", "someone/asrquant")
    refused(
        r"A public page does not load 'someone/ctc'; it has an4, an4-quartznet, someone/asr\.",
        CTC,
        UntrustedSourceError,
    )
    assert hub_server.sent == [] and asrquant.load(MODEL).source == MODEL
    pins.PINS.write_text("{}")  # a pin that was made here does not make it listed
    with pytest.raises(UntrustedSourceError, match="A public page does not load"):
        asrquant.load(MODEL)


def test_a_pin_that_came_with_asrquant_goes_first(hub_server: LocalHub) -> None:
    shipped = pin(MODEL)
    files = hub_server.main(MODEL)
    hub_server.commit(MODEL, {**files, "README.md": b"newer"})
    with pytest.raises(SourceError, match="has a pin that came with asrquant"):
        pin(MODEL, local=True)
    pins.write_pin(MODEL, {**shipped, MODEL: pins.Repository("0" * 40, shipped[MODEL].files)}, pins.local_pins())
    assert asrquant.load(MODEL).origin.commit == shipped[MODEL].revision


def test_a_list_of_local_pins_that_is_damaged(hub_server: LocalHub) -> None:
    asrquant.load(MODEL)
    pins.local_pins().write_text("[")
    with pytest.raises(SourceError, match=r"pins\.json cannot be used: .* delete it from asrquant's cache"):
        asrquant.load(MODEL)


def test_what_others_fetched_is_not_fetched_again(hub_server: LocalHub, monkeypatch) -> None:
    """As the image of a Space has it; it is enough to begin with where nobody answers."""
    for hub_id in (MODEL, BASE):
        huggingface_hub.snapshot_download(hub_id)
    hub_server.sent.clear()
    with monkeypatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
        assert asrquant.load(MODEL).origin.commit == main_of(hub_server)
    pins.local_pins().unlink()
    assert asrquant.load(MODEL).origin.commit == main_of(hub_server) and hub_server.sent == []


def test_weights_are_fetched_in_one_form(hub_server: LocalHub, tmp_path: Path, examples) -> None:
    folder = write_transformers("wav2vec2", tmp_path / "ctc")
    for name in ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack"):
        (folder / name).write_bytes(b"\0" * 1000)
    (folder / "modeling.py").write_text("raise SystemExit")
    hub_server.commit(CTC, folder)
    recognizer = asrquant.load(CTC)  # not listed, on a machine of one's own
    files = set(pins.read_local_pins()[CTC][CTC].files)
    assert {"config.json", "model.safetensors", "vocab.json"} <= files
    assert not files & {"pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "modeling.py"}
    assert isinstance(recognizer.transcribe(examples[0].path).text, str)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").unlink()
    hub_server.commit("someone/other", folder)
    refused("has its weights in no form that is read here", "someone/other")


@pytest.mark.parametrize("ngram", ["someone/lm/lm.arpa", f"{MODEL}/lm.arpa"])
def test_a_large_n_gram_comes_when_it_is_asked_for(hub_server: LocalHub, monkeypatch, examples, ngram: str) -> None:
    monkeypatch.setattr(choosing, "NGRAM_BYTES", 10)
    hub_id = ngram.rpartition("/")[0]
    hub_server.commit(MODEL, searching(hub_server, ngram))
    hub_server.commit(hub_id, {**(hub_server.main(MODEL) if hub_id == MODEL else {}), "lm.arpa": ARPA.encode()})
    recognizer = asrquant.load(MODEL)
    assert recognizer.decoder.name == "beam" and "lm.arpa" not in hub_server.sent
    commit = recognizer.origin.commit
    hub_server.commit(MODEL, {**hub_server.main(MODEL), "README.md": b"newer"})
    asked = asrquant.load(MODEL, decoder="ngram")
    assert asked.decoder.name == "ngram" and asked.vocabulary.ngram.read_bytes() == ARPA.encode()
    assert asked.origin.commit == commit and isinstance(asked.transcribe(examples[0].path).text, str)


def test_the_page_fetches_a_large_n_gram_when_it_is_asked_for(hub_server: LocalHub, monkeypatch) -> None:
    monkeypatch.setattr(choosing, "NGRAM_BYTES", 10)
    monkeypatch.setattr(models, "MODELS", (MODEL,))
    hub_server.commit(MODEL, {**searching(hub_server, f"{MODEL}/lm.arpa"), "lm.arpa": ARPA.encode()})
    kept = models.Models()
    first = kept.original(MODEL, decoder="beam")
    assert first.decoder.name == "beam" and kept.original(MODEL, decoder="greedy") is first
    dynamic = models.get_preset("dynamic-int8")
    assert kept.quantized(MODEL, dynamic).vocabulary.ngram is None
    asked = kept.original(MODEL, decoder="ngram").with_decoder("ngram")
    assert asked.decoder.name == kept.quantized(MODEL, dynamic).with_decoder("ngram").decoder.name == "ngram"
    assert kept.original(MODEL, decoder="ngram") is asked
    pins.local_pins().unlink()
    assert models.Models().original(MODEL, decoder="ngram").decoder.name == "ngram"


def test_a_model_without_an_n_gram_says_so(hub_server: LocalHub) -> None:
    with pytest.raises(DecoderError):
        asrquant.load(MODEL, decoder="ngram")


def test_a_repository_may_be_a_model_and_a_part_of_another(
    hub_server: LocalHub, hub_folders, tmp_path: Path, examples
) -> None:
    """Of a part other files are needed than of the model."""
    import transformers

    folder = write_transformers("wav2vec2", tmp_path / "ctc")
    config = transformers.Wav2Vec2Config.from_pretrained(hub_folders[1], vocab_size=len(WORDS), pad_token_id=0)
    transformers.Wav2Vec2ForCTC(config).save_pretrained(folder)
    hub_server.commit(BASE, folder)
    heard = asrquant.load(MODEL).log_probs(examples[0].audio())
    assert set(pins.read_local_pins()[MODEL][BASE].files) == {"config.json", "processor_config.json"}
    assert asrquant.load(BASE).source == BASE
    assert (asrquant.load(MODEL).log_probs(examples[0].audio()) == heard).all() and asrquant.load(BASE).source == BASE
