"""Pushing to the Hub, against a local server that speaks as much of its protocol as the real client asks for.

Large files go by the Hub's LFS protocol here; its newer Xet protocol is not spoken, so that way is not tested.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub.constants
import pytest

from asrquant.cli import main
from asrquant.errors import ExportError
from asrquant.export.hub import push

TOKEN = "hf_secretsecretsecretsecretsecretsecr"


class Hub(BaseHTTPRequestHandler):
    """Repositories in memory; one server a test."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer({"error": "Unauthorized"}, 401)
        if self.path == "/api/repos/create":
            self.server.repository = json.loads(body)
            return self.answer({"url": f"{self.server.url}/someone/model", "name": "someone/model"})
        if self.path == "/api/validate-yaml":  # the client asks about the card's front matter
            return self.answer({"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            large = [{"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(".pt") else "regular",
                      "shouldIgnore": False, "oid": None} for f in json.loads(body)["files"]]  # fmt: skip
            return self.answer({"files": large})
        if self.path.endswith("/objects/batch"):
            objects = [
                {
                    "oid": o["oid"],
                    "size": o["size"],
                    "actions": {"upload": {"href": f"{self.server.url}/lfs/{o['oid']}"}},
                }
                for o in json.loads(body)["objects"]
            ]
            return self.answer({"transfer": "basic", "objects": objects})
        if "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    self.server.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    self.server.files[value["path"]] = self.server.stored[value["oid"]]
            return self.answer(
                {"commitUrl": f"{self.server.url}/someone/model/commit/{'0' * 40}", "commitOid": "0" * 40}
            )
        return self.answer({}, 404)

    def do_PUT(self) -> None:
        self.server.stored[self.path.split("/")[-1]] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({})

    def do_GET(self) -> None:
        self.answer({"sha": "0" * 40, "id": "someone/model", "siblings": []})

    def answer(self, value: object, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.asked, server.files, server.stored = [], {}, {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield server
    server.shutdown()
    server.server_close()


def test_the_same_folder_arrives(exported, hub, capfd) -> None:
    _, artifact = exported("mixed-int8", "state-dict")
    assert push(artifact, "someone/model") == f"{hub.url}/someone/model/commit/{'0' * 40}"
    assert hub.repository["name"] == "model" and hub.repository["organization"] == "someone"
    expected = {
        path.relative_to(artifact.folder).as_posix(): path.read_bytes()
        for path in artifact.folder.rglob("*")
        if path.is_file()
    }
    assert hub.files == expected
    weights = artifact.manifest.files["encoder.state_dict.pt"]
    assert hashlib.sha256(hub.files["encoder.state_dict.pt"]).hexdigest() == weights.sha256
    assert TOKEN not in "".join(capfd.readouterr())


def test_a_refusal_keeps_the_artifact_and_the_secret(exported, hub, capfd, monkeypatch) -> None:
    _, artifact = exported("mixed-int8", "state-dict")
    monkeypatch.setenv("HF_TOKEN", TOKEN[::-1])
    with pytest.raises(
        ExportError, match=r"HTTP 401\): the token may not write there. The artifact itself is whole"
    ) as e:
        push(artifact, "someone/model")
    assert TOKEN[::-1] not in str(e.value) + "".join(capfd.readouterr())


def test_without_a_hub(exported, hub, monkeypatch) -> None:
    _, artifact = exported("mixed-int8", "state-dict")
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ExportError, match="could not be reached"):
        push(artifact, "someone/model")


def test_the_terminal_asks_before_it_works(hub, capsys, monkeypatch, tmp_path) -> None:
    assert main(["export", "--push", "nobody", "--out", str(tmp_path / "exports")]) == 2
    assert "names no repository" in capsys.readouterr().err
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    assert main(["export", "--push", "some/body", "--out", str(tmp_path / "exports")]) == 2
    assert "set HF_TOKEN" in capsys.readouterr().err
    assert not (tmp_path / "exports").exists() and hub.asked == []


def test_the_terminal_pushes(hub, capfd, tmp_path) -> None:
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
    assert f"pushed  {hub.url}/someone/model/commit/" in said.out and TOKEN not in said.out + said.err
    assert "encoder.torchscript.pt" in hub.files
