"""Hub models by commit and sha256, held at every load; the Hub is a local server, its client the real one."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import filelock
import huggingface_hub.constants
import pytest
from local_hub import BASE, MODEL

import asrquant
from asrquant.base.errors import SourceError, UntrustedSourceError
from asrquant.sources import hub, pins

MARKER = "executed"
CODE = f"\npayload: !apply:pathlib.Path.touch [!new:pathlib.Path [{MARKER}]]\n"


def replace_file(path: Path, contents: bytes) -> None:
    """Another file in the place of the cache's link."""
    path.unlink(missing_ok=True)
    path.write_bytes(contents)


def refused(says: str) -> None:
    with pytest.raises(SourceError, match=says):
        asrquant.load(MODEL)
    assert not list(Path.cwd().iterdir()), "something was executed, or left in the working directory"


def test_a_pinned_model_loads_on_a_machine_that_has_nothing_yet_and_then_without_the_hub(
    pinned, hub_server, monkeypatch
) -> None:
    shutil.rmtree(hub.cache())
    hub_server.commit(MODEL, {"hyperparams.yaml": CODE.encode()})  # main moves on; the pin does not
    first = asrquant.load(MODEL)
    hub_server.shutdown()
    second = asrquant.load(MODEL)
    assert first.origin == second.origin
    (folder,) = (hub.cache() / "models--someone--asr" / "snapshots").iterdir()  # one a model and commit
    assert folder == pinned[MODEL]


def test_two_threads_load_one_after_the_other_and_download_once(pinned, hub_server) -> None:
    shutil.rmtree(hub.cache())
    loaded = []
    threads = [threading.Thread(target=lambda: loaded.append(asrquant.load(MODEL))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(loaded) == 2 and loaded[0].origin == loaded[1].origin
    assert len(hub_server.sent) == len(set(hub_server.sent)) == 6


def test_a_load_waits_for_whoever_is_at_work_in_the_cache(pinned) -> None:
    loaded = []
    thread = threading.Thread(target=lambda: loaded.append(asrquant.load(MODEL)))
    with filelock.FileLock(hub.cache() / ".lock"):  # as another process would
        thread.start()
        thread.join(0.5)
        assert thread.is_alive() and not loaded
    thread.join(120)
    assert len(loaded) == 1


@pytest.mark.parametrize(
    ("repository", "name"),
    [(MODEL, "hyperparams.yaml"), (MODEL, "wav2vec2.ckpt"), (MODEL, "tokenizer.ckpt"), (BASE, "config.json")],
)
def test_one_changed_byte_is_refused(pinned, repository: str, name: str) -> None:
    path = pinned[repository] / name
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 1
    path.write_bytes(contents)  # in the place that the cache's link leads to
    refused(rf"{repository} at [0-9a-f]{{8}} is damaged: {name} is not what it was .* delete models--someone")


def test_a_yaml_that_became_code_is_refused_before_it_runs(pinned) -> None:
    path = pinned[MODEL] / "hyperparams.yaml"
    replace_file(path, path.read_bytes() + CODE.encode())
    refused(r"damaged: hyperparams\.yaml")


@pytest.mark.parametrize(
    ("repository", "name"),
    [(MODEL, "custom.py"), (MODEL, ".hidden"), (BASE, "custom.py"), (BASE, "deep/adapter_config.json")],
)
def test_a_file_too_many_is_refused(pinned, repository: str, name: str) -> None:
    path = pinned[repository] / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"import pathlib; pathlib.Path({MARKER!r}).touch()")
    refused(f"{repository} at .* has a file too many: {name}")


def test_a_link_that_leads_nowhere_is_a_file_too_many(pinned) -> None:
    (pinned[MODEL] / "custom.py").symlink_to("/nowhere")
    refused(r"too many: custom\.py")


def test_a_missing_file_comes_back_from_the_hub_or_there_is_one_sentence(pinned, monkeypatch) -> None:
    (pinned[MODEL] / "asr.ckpt").unlink()
    assert asrquant.load(MODEL).source == MODEL
    (pinned[MODEL] / "asr.ckpt").resolve().unlink()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    refused("someone/asr could not be downloaded .* connect to the internet")


def test_another_commit_is_not_the_pinned_one(pinned, hub_server, hub_folders) -> None:
    changed = {path.name: path.read_bytes() for path in hub_folders[0].iterdir()}
    changed["hyperparams.yaml"] += CODE.encode()
    other = hub_server.commit(MODEL, changed)
    said = json.loads(pins.PINS.read_text())
    said[MODEL][MODEL]["revision"] = other
    pins.PINS.write_text(json.dumps(said))
    refused(r"damaged: hyperparams\.yaml")
    said[MODEL][MODEL]["revision"] = "0" * 40
    pins.PINS.write_text(json.dumps(said))
    refused("could not be downloaded")


def test_a_folder_may_refer_to_what_is_pinned(pinned, hub_folders) -> None:
    folder = hub_folders[0]
    assert asrquant.load(str(folder)).origin.name == "asr"
    pins.PINS.write_text("{}")
    with pytest.raises(
        UntrustedSourceError, match=f"the source '{BASE}', which is neither in its folder nor pinned. Pass"
    ):
        asrquant.load(str(folder))


def test_a_space_loads_what_it_offers_and_nothing_else(pinned, hub_folders, monkeypatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/asrquant")
    assert asrquant.load(MODEL).source == MODEL and asrquant.load("an4").source == "an4"
    for source in (str(hub_folders[1]), ".", BASE, "nonsense"):
        with pytest.raises(
            UntrustedSourceError, match=r"A public page does not load .* it has an4, an4-quartznet, someone/asr"
        ):
            asrquant.load(source)
        with pytest.raises(UntrustedSourceError, match=r"On a public page no source is trusted"):
            asrquant.load(source, trust_source=True)
    with pytest.raises(UntrustedSourceError, match=r"On a public page"):
        asrquant.load(MODEL, trust_source=True)


def test_a_folder_of_the_same_name_is_not_the_pinned_model(pinned) -> None:
    Path(MODEL).mkdir(parents=True)
    (Path(MODEL) / "hyperparams.yaml").write_text(CODE)
    assert asrquant.load(MODEL, trust_source=True).source == MODEL
    assert not Path(MARKER).exists()


def test_the_list_that_comes_with_asrquant() -> None:
    listed = pins.read_pins(Path(pins.__file__).with_name("pins.json"))
    assert {"speechbrain/asr-wav2vec2-commonvoice-14-en", "facebook/data2vec-audio-base-960h"} <= set(listed)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda pin: pin[MODEL].update(revision="main"), "revision"),
        (lambda pin: pin[MODEL].update(revision="A" * 40), "revision"),
        (lambda pin: pin[MODEL].update(files={}), "files"),
        (lambda pin: pin[MODEL]["files"].update({"../x": {"bytes": 1, "sha256": "0" * 64}}), r"\.\./x"),
        (lambda pin: pin[MODEL]["files"].update({"/x": {"bytes": 1, "sha256": "0" * 64}}), "/x"),
        (lambda pin: pin[MODEL]["files"].update({"x": {"bytes": 1, "sha256": "0" * 63}}), "sha256"),
        (lambda pin: pin.pop(MODEL), "pinned without its own files"),
    ],
)
def test_a_list_that_says_less_than_it_must(tmp_path: Path, change, says: str) -> None:
    one = {"revision": "0" * 40, "files": {"config.json": {"bytes": 2, "sha256": "0" * 64}}}
    said = {MODEL: {MODEL: one, BASE: json.loads(json.dumps(one))}}
    path = tmp_path / "pins.json"
    path.write_text(json.dumps(said))
    assert pins.read_pins(path)[MODEL][BASE].revision == "0" * 40
    change(said[MODEL])
    path.write_text(json.dumps(said))
    with pytest.raises(SourceError, match=rf"pins\.json cannot be used: .*{says}"):
        pins.read_pins(path)
