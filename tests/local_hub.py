"""A server on loopback that speaks as much of the Hub's protocol as its client asks for, in both directions, and holds its rules.

Large files come by a redirect to another host, from any byte on, with the sha256 that the Hub keeps of them, and go by LFS; the
newer Xet protocol is not spoken. A repository can be closed, gated, renamed or asked too often; a transfer can break.
"""

from __future__ import annotations

import base64
import codecs
import contextlib
import hashlib
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import huggingface_hub.constants
import pytest
from hub_rules import complaints, is_tracked, needs_lfs
from small_models import write_base, write_speechbrain

from asrquant.sources import hub, pins
from asrquant.sources.pinning import pin

MODEL, BASE = "someone/asr", "someone/base"
LARGE = (".ckpt", ".bin", ".safetensors", ".pt")
TOKEN = "hf_secretsecretsecretsecretsecretsecr"
ATTRIBUTES = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE)
"""What a new repository has of the Hub."""


class LocalHub(ThreadingHTTPServer):
    """Repositories in memory, each with its commits; a Space's is called ``spaces/user/name``."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.store = f"http://localhost:{self.server_port}"  # another host to the client, as the Hub's large files are
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.sent: list[str] = []
        self.damaged: dict[str, bytes] = {}
        self.created: list[dict] = []
        self.cards: list[tuple[str, str]] = []
        self.stored: dict[str, bytes] = {}
        self.lfs: set[str] = set()
        self.refusal: tuple[int, str] | None = None
        self.asked: list[str] = []
        self.closed: dict[str, tuple[int, dict[str, str]]] = {}
        self.files_closed: dict[str, tuple[int, dict[str, str]]] = {}
        self.renamed: dict[str, str] = {}
        self.ranges: list[str] = []
        self.break_after: int | None = None
        self.before_files: Callable[[], object] | None = None

    def commit(self, hub_id: str, files: Path | Mapping[str, bytes]) -> str:
        """A new ``main``, and its hash."""
        if isinstance(files, Path):
            files = {
                path.relative_to(files).as_posix(): path.read_bytes() for path in files.rglob("*") if path.is_file()
            }
        count = len(self.commits.setdefault(hub_id, {}))
        revision = hashlib.sha1(f"{hub_id} {count}".encode()).hexdigest()
        self.commits[hub_id][revision] = dict(files)
        return revision

    def main(self, hub_id: str) -> dict[str, bytes]:
        """The files of the newest commit."""
        return list(self.commits[hub_id].values())[-1]


class _Handler(BaseHTTPRequestHandler):
    server: LocalHub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        if path.startswith("large/"):
            oid = path.removeprefix("large/")
            return self.send_file(self.contents_of(oid), {"ETag": f'"{oid}"'}, oid)
        is_api, hub_id, rest = _repository(path)
        if new := self.server.renamed.get(hub_id):
            return self.answer({}, 307, {"Location": self.path.replace(hub_id, new)})
        if refused := self.server.closed.get(hub_id) or (not is_api and self.server.files_closed.get(hub_id)):
            return self.answer({"error": "no"}, *refused)
        verb, revision, *rest = [*rest, "", ""]
        commits = self.server.commits.get(hub_id)
        if not commits:
            return self.answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        revision = list(commits)[-1] if revision in ("main", "") else revision
        if revision not in commits:
            return self.answer({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
        files = commits[revision]
        if not is_api:
            if self.server.before_files and self.command == "GET":
                act, self.server.before_files = self.server.before_files, None
                act()
            return self.resolve(revision, "/".join(rest).strip("/"), files)
        if verb == "tree":
            return self.answer([described(name, contents) for name, contents in files.items()])
        return self.answer({"id": hub_id, "sha": revision, "siblings": [{"rfilename": name} for name in files]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path = unquote(urlsplit(self.path).path).strip("/")
        self.server.asked.append(path)
        if path == "api/validate-yaml":
            return self.validate(json.loads(body))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer({"error": "Unauthorized"}, 401)
        if self.server.refusal:
            status, words = self.server.refusal
            return self.answer({"error": words}, status)
        if path == "api/repos/create":
            return self.create(json.loads(body))
        if path.endswith(".git/info/lfs/objects/batch"):
            wanted = json.loads(body)["objects"]
            urls = [f"{self.server.url}/lfs/{each['oid']}" for each in wanted]
            objects = [{**each, "actions": {"upload": {"href": url}}} for each, url in zip(wanted, urls, strict=True)]
            return self.answer({"transfer": "basic", "objects": objects})
        _, hub_id, (verb, *_) = _repository(path)
        return self.preupload(hub_id, json.loads(body)) if verb == "preupload" else self.receive(hub_id, body)

    def do_PUT(self) -> None:
        self.server.stored[self.path.split("/")[-1]] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({})

    def validate(self, asked: dict) -> None:
        self.server.cards.append((asked["repoType"], asked["content"]))
        errors = [{"message": words} for words in complaints(asked["content"], asked["repoType"])]
        self.answer({"errors": errors, "warnings": []}, 400 if errors else 200)

    def create(self, asked: dict) -> None:
        hub_id = f"{'spaces/' * (asked.get('type') == 'space')}{asked['organization']}/{asked['name']}"
        if hub_id in self.server.commits:
            return self.answer({"error": "You already created this repo", "url": f"{self.server.url}/{hub_id}"}, 409)
        self.server.created.append(asked)
        self.server.commit(hub_id, {".gitattributes": ATTRIBUTES.encode(), "README.md": b""})
        return self.answer({"url": f"{self.server.url}/{hub_id}", "name": hub_id})

    def preupload(self, hub_id: str, asked: dict) -> None:
        """Each file's way: what the repository tracks, and what is large or binary, as far as its first bytes tell."""
        tracked = self.server.main(hub_id)[".gitattributes"].decode()
        answers = []
        for file in asked["files"]:
            sample = base64.b64decode(file["sample"])
            with contextlib.suppress(UnicodeDecodeError):  # of a text, it may end within a character
                sample = codecs.getincrementaldecoder("utf-8")().decode(sample).encode()
            large = is_tracked(file["path"], tracked) or needs_lfs(sample) or file["size"] > 10 * 1024 * 1024
            answers.append({"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False})
        self.answer({"files": answers})

    def receive(self, hub_id: str, body: bytes) -> None:
        """A commit, taken as a whole or not at all."""
        files = dict(self.server.main(hub_id))
        for line in map(json.loads, body.splitlines()):
            value, name = line["value"], line["value"].get("path")
            if line["key"] == "file":
                files[name] = base64.b64decode(value["content"])
                if needs_lfs(files[name]):
                    return self.answer({"error": f"binary files must go through LFS: {name}"}, 400)
            elif line["key"] == "lfsFile":
                files[name] = self.server.stored[value["oid"]]
                self.server.lfs.add(name)
            elif line["key"] == "deletedFile":
                del files[name]
        revision = self.server.commit(hub_id, files)
        return self.answer({"commitUrl": f"{self.server.url}/{hub_id}/commit/{revision}", "commitOid": revision})

    def resolve(self, revision: str, name: str, files: Mapping[str, bytes]) -> None:
        if name not in files:
            return self.answer({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        entry = described(name, files[name])
        if "lfs" not in entry:
            return self.send_file(files[name], {"ETag": f'"{entry["oid"]}"', "X-Repo-Commit": revision}, name)
        oid = entry["lfs"]["oid"]
        headers = {"X-Repo-Commit": revision, "X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(entry["size"])}
        return self.answer({}, 302, {**headers, "Location": f"{self.server.store}/large/{oid}"})

    def contents_of(self, oid: str) -> bytes:
        everything = (files.values() for commits in self.server.commits.values() for files in commits.values())
        return next(c for contents in everything for c in contents if hashlib.sha256(c).hexdigest() == oid)

    def send_file(self, contents: bytes, headers: Mapping[str, str], name: str) -> None:
        contents = self.server.damaged.get(name, contents)
        if self.command == "HEAD":
            return self.reply(200, contents, headers)
        self.server.sent.append(name)
        status, begun = 200, 0
        if asked := self.headers.get("Range"):
            self.server.ranges.append(asked)
            begun = int(asked.removeprefix("bytes=").rstrip("-"))
            status = 206
            headers = {**headers, "Content-Range": f"bytes {begun}-{len(contents) - 1}/{len(contents)}"}
        self.reply(status, contents[begun:], headers)

    def answer(self, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        after = self.server.break_after
        if after is not None and len(body) > after:
            self.server.break_after = None
            self.wfile.write(body[:after])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _repository(path: str) -> tuple[bool, str, list[str]]:
    """Whether an address is the API's, the repository in it, and what follows."""
    is_api = path.startswith("api/")
    path = path.removeprefix("api/").removeprefix("models/")
    kind = "spaces/" * path.startswith("spaces/")
    user, name, *rest = [*path.removeprefix(kind).split("/"), ""]
    return is_api, f"{kind}{user}/{name}", rest


def described(name: str, contents: bytes) -> dict:
    """A file as the Hub lists it."""
    oid = hashlib.sha1(f"blob {len(contents)}\0".encode() + contents).hexdigest()
    entry: dict = {"type": "file", "path": name, "size": len(contents), "oid": oid}
    if name.endswith(LARGE):
        entry["lfs"] = {"oid": hashlib.sha256(contents).hexdigest(), "size": len(contents), "pointerSize": 134}
    return entry


@contextmanager
def serving() -> Iterator[LocalHub]:
    """A hub that answers while this lasts."""
    server = LocalHub()
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def asked_by_the_client() -> Iterator[LocalHub]:
    """A hub that the Hub's client asks while this lasts."""
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        yield server


GATED = (403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this model is restricted"})
UNKNOWN = (401, {"X-Error-Code": "RepoNotFound"})
TOO_MANY = (429, {"Retry-After": "37"})
"""How the Hub refuses."""


@pytest.fixture
def empty_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """A hub without repositories, to be written to with the token of the environment."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with asked_by_the_client() as server:
        yield server


@pytest.fixture(scope="session")
def hub_folders(tmp_path_factory) -> tuple[Path, Path]:
    """A model whose YAML takes its wav2vec2 from a second repository, and that one."""
    folder = tmp_path_factory.mktemp("models")
    base = write_base(folder / "base")
    return write_speechbrain(folder / "asr", base, source=BASE), base


@contextmanager
def a_hub(folders: tuple[Path, Path], place: Path) -> Iterator[LocalHub]:
    """A hub with both, which the client asks; the cache and the list of pins are in ``place``."""
    with asked_by_the_client() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASRQUANT_CACHE", str(place / "cache"))
        patch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(place / "hf"))
        patch.setattr(pins, "PINS", place / "pins.json")
        pins.PINS.write_text(json.dumps({MODEL: None}))
        for hub_id, folder in zip((MODEL, BASE), folders, strict=True):
            server.commit(hub_id, folder)
        yield server


@pytest.fixture(scope="session")
def made_pins(hub_folders, tmp_path_factory) -> Path:
    """A cache and a list with the model pinned."""
    place = tmp_path_factory.mktemp("made")
    with a_hub(hub_folders, place):
        pin(MODEL)
    return place


@pytest.fixture
def hub_server(hub_folders, tmp_path, monkeypatch) -> Iterator[LocalHub]:
    """A hub; nothing pinned yet, an empty cache, and an empty working directory."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with a_hub(hub_folders, tmp_path) as server:
        yield server


@pytest.fixture
def pinned(hub_server: LocalHub, made_pins: Path) -> dict[str, Path]:
    """Both repositories' folders in the cache, the model being pinned."""
    shutil.copytree(made_pins / "cache", hub.cache().parent)  # files in the place of links, to be changed
    shutil.copyfile(made_pins / "pins.json", pins.PINS)
    return {
        name: hub.folder_of(name, repository.revision, MODEL) for name, repository in pins.read_pins()[MODEL].items()
    }
