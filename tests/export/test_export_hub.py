"""Pushing to the Hub, against a local server that speaks as much of its protocol as the real client asks for.

Large files go by the Hub's LFS protocol here; its newer Xet protocol is not spoken, so that way is not tested.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import pytest
from local_hub import TOKEN, LocalHub

from asrquant.base.errors import ExportError
from asrquant.cli import main
from asrquant.export.hub import push


def test_the_same_folder_arrives(exported, empty_hub: LocalHub, capfd) -> None:
    _, artifact = exported("mixed-int8", "state-dict")
    address = push(artifact, "someone/model")
    assert address == f"{empty_hub.url}/someone/model/commit/{list(empty_hub.commits['someone/model'])[-1]}"
    assert empty_hub.created == [{"name": "model", "organization": "someone", "type": "model"}]
    expected = {
        path.relative_to(artifact.folder).as_posix(): path.read_bytes()
        for path in artifact.folder.rglob("*")
        if path.is_file()
    }
    arrived = empty_hub.main("someone/model")
    assert {name: arrived[name] for name in arrived if name != ".gitattributes"} == expected
    weights = artifact.manifest.files["encoder.state_dict.pt"]
    assert hashlib.sha256(arrived["encoder.state_dict.pt"]).hexdigest() == weights.sha256
    assert empty_hub.lfs == {"encoder.state_dict.pt", "answers.npz"}
    assert set(empty_hub.cards) == {("model", (artifact.folder / "README.md").read_text())}
    assert TOKEN not in "".join(capfd.readouterr())


def test_a_refusal_keeps_the_artifact_and_the_secret(exported, empty_hub, capfd, monkeypatch) -> None:
    _, artifact = exported("mixed-int8", "state-dict")
    monkeypatch.setenv("HF_TOKEN", TOKEN[::-1])
    with pytest.raises(
        ExportError, match=r"HTTP 401\): the token may not write there. The artifact itself is whole"
    ) as e:
        push(artifact, "someone/model")
    assert TOKEN[::-1] not in str(e.value) + "".join(capfd.readouterr())


def test_what_the_hub_says_is_passed_on(exported, empty_hub: LocalHub, tmp_path: Path) -> None:
    _, artifact = exported("mixed-int8", "state-dict")
    empty_hub.refusal = (422, "You have too many models.\nDelete some.")
    with pytest.raises(ExportError, match=r"\(HTTP 422\): You have too many models. Delete some. The artifact itself"):
        push(artifact, "someone/model")
    empty_hub.refusal = None
    mine = replace(artifact, folder=Path(shutil.copytree(artifact.folder, tmp_path / "mine")))
    (mine.folder / "README.md").write_text(
        "---\nlicense: my own\npipeline_tag: automatic-speech-recognition\n---\n# Mine\n"
    )
    with pytest.raises(
        ExportError, match=r'front matter of README.md: "license" must be one of the known ones. The art'
    ):
        push(mine, "someone/model")


def test_without_a_hub(exported, empty_hub, monkeypatch) -> None:
    _, artifact = exported("mixed-int8", "state-dict")
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ExportError, match="could not be reached"):
        push(artifact, "someone/model")


def test_the_terminal_asks_before_it_works(empty_hub, capsys, monkeypatch, tmp_path) -> None:
    for name in ("nobody", "some/body/else", "some--one/model", "someone/model.git", "someone/mo\ndel"):
        assert main(["export", "--push", name, "--out", str(tmp_path / "exports")]) == 2
        assert "names no repository" in capsys.readouterr().err
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    assert main(["export", "--push", "some/body", "--out", str(tmp_path / "exports")]) == 2
    assert "set HF_TOKEN" in capsys.readouterr().err
    assert not (tmp_path / "exports").exists() and empty_hub.asked == []


def test_the_terminal_pushes(empty_hub: LocalHub, capfd, tmp_path) -> None:
    command = [
        "export",
        "--preset",
        "dynamic-int8",
        "--no-benchmark",
        "--out",
        str(tmp_path),
        "--push",
        "someone/model",
    ]
    assert main(command) == 0
    said = capfd.readouterr()
    assert f"pushed  {empty_hub.url}/someone/model/commit/" in said.out and TOKEN not in said.out + said.err
    assert "encoder.torchscript.pt" in empty_hub.main("someone/model")
