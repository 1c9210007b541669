"""What a Space is sent: which files, by which way, whether the page starts from them, and whether the Hub would take them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import huggingface_hub.constants
import pytest
from hub_rules import complaints, front_matter, is_tracked, needs_lfs
from huggingface_hub import SpaceCardData
from local_hub import TOKEN, LocalHub
from packaging.requirements import Requirement
from pages import ROOT, health, serve, wait_for

from asrquant.base.errors import ExportError
from asrquant.cli import main
from asrquant.export import space
from asrquant.export.space import ATTRIBUTES, Upload, publish, read_upload, write_folder
from asrquant.sources.listed import LISTED
from asrquant.sources.loading import offered

SPACE = "someone/asrquant"
PINS = dict(
    line.split("#")[0].strip().lower().split("==")
    for line in (ROOT / "requirements.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="no git on this machine")
needs_git_lfs = pytest.mark.skipif(
    not shutil.which("git-lfs"), reason="no git-lfs on this machine (apt-get install git-lfs)"
)


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false"]
    ran = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, check=True)
    return ran.stdout.decode()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as it is now, in one commit, with files beside it that git ignores."""
    folder = tmp_path_factory.mktemp("space") / "asrquant"
    left = shutil.ignore_patterns(".git", ".venv", "build", "exports", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, folder, ignore=left)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all of it")
    (folder / "artifacts" / "exports").mkdir()
    (folder / "artifacts" / "exports" / "secret.bin").write_bytes(b"\0")
    (folder / "asrquant" / "__pycache__").mkdir()
    (folder / "asrquant" / "__pycache__" / "old.pyc").write_bytes(b"\0")
    return folder


@pytest.fixture(scope="module")
def upload(checkout: Path) -> Upload:
    return read_upload(checkout)


def test_what_is_sent_is_what_git_has_and_the_page_needs(checkout: Path, upload: Upload) -> None:
    tracked = set(git(checkout, "ls-files", "-z").split("\0"))
    assert upload.commit == git(checkout, "rev-parse", "HEAD").strip()
    assert set(upload.files) <= tracked  # .gitattributes is in both, and not the same
    assert all(upload.files[name] == (checkout / name).read_bytes() for name in set(upload.files) - {ATTRIBUTES})
    assert {name.split("/")[0] for name in upload.files} == {
        ATTRIBUTES, "README.md", "app.py", "requirements.txt", "packages.txt", "asrquant", "artifacts", "examples",
        "LICENSE", "SECURITY.md", "docs",
    }  # fmt: skip
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", upload.files["README.md"].decode())
    assert len(links) > 4 and [name for name in links if name not in upload.files] == []


def test_what_the_hub_takes_through_lfs_only_goes_there(upload: Upload) -> None:
    attributes = upload.files[ATTRIBUTES].decode()
    assert {name for name, contents in upload.files.items() if needs_lfs(contents)} <= upload.lfs
    assert upload.lfs == {name for name in upload.files if is_tracked(name, attributes)}
    assert {Path(name).suffix for name in upload.lfs} == {".ckpt", ".flac", ".gz", ".nemo", ".png"}


def test_the_front_matter_is_a_spaces(upload: Upload) -> None:
    readme = upload.files["README.md"].decode()
    said = front_matter(readme)
    assert complaints(readme, "space") == [] and SpaceCardData(**said).to_dict() == said
    assert said["sdk"] == "gradio" and said["sdk_version"] == PINS["gradio"] and said["app_file"] in upload.files
    target = re.search(r'python_version = "(.*)"', (ROOT / "pyproject.toml").read_text())
    assert said["python_version"] == target[1]
    listed = upload.files["packages.txt"].decode().splitlines()
    preloaded = {line.split()[0] for line in said["preload_from_hub"]}
    assert said["models"] == list(LISTED) == list(offered())[2:] and preloaded - set(LISTED) == {
        "facebook/wav2vec2-large-lv60"
    }
    assert "cmake" in listed and all(re.fullmatch("[a-z0-9.+-]+", package) for package in listed)


def test_the_pins_fit_what_a_space_installs_beside_them() -> None:
    """It asks pip for Gradio with two extras and for the pins in one command; what does not fit ends the build."""
    wanted = [Requirement(each) for each in requires("gradio") or ()]
    asked = [
        r for r in wanted if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in ("", "oauth", "mcp"))
    ]
    assert {"mcp", "pydantic", "numpy"} <= {requirement.name for requirement in asked}
    held = [requirement for requirement in asked if requirement.name.lower() in PINS]
    assert [str(r) for r in held if not r.specifier.contains(PINS[r.name.lower()])] == [] and len(held) > 3


def test_this_repository_needs_no_lfs(checkout: Path) -> None:
    names = git(checkout, "ls-files").splitlines()
    said = git(checkout, "check-attr", "filter", "text", "--", *names).splitlines()
    assert not [line for line in said if "filter: lfs" in line]
    marked = {line.split(": ")[0] for line in said if line.endswith("text: unset")}
    assert {name for name in names if needs_lfs((checkout / name).read_bytes())} <= marked


def test_the_page_starts_from_what_is_sent(upload: Upload, tmp_path: Path) -> None:
    write_folder(upload, tmp_path / "space")
    environment = {
        "SPACE_ID": SPACE,
        "ASRQUANT_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    with serve(tmp_path, tmp_path / "space", **environment) as url:
        wait_for(url, "idle")
        assert health(url)["status"] == "ok"
    with pytest.raises(ExportError, match="is not empty"):
        write_folder(upload, tmp_path / "space")


@needs_git_lfs
def test_the_folder_can_be_pushed_with_git(upload: Upload, tmp_path: Path) -> None:
    folder, remote = tmp_path / "space", tmp_path / "hub.git"
    write_folder(upload, folder)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "lfs", "install", "--local")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "asrquant")
    assert set(git(folder, "lfs", "ls-files", "--name-only").splitlines()) == upload.lfs
    blobs = subprocess.run(["git", "-C", str(folder), "archive", "HEAD"], capture_output=True, check=True, env={
        **os.environ, "GIT_LFS_SKIP_SMUDGE": "1"}).stdout  # fmt: skip
    assert len(blobs) < 3_000_000  # pointers, where the files themselves are 12 MB
    git(tmp_path, "init", "--quiet", "--bare", str(remote))
    git(folder, "push", "--quiet", remote.as_uri(), "main")
    git(tmp_path, "clone", "--quiet", "--branch", "main", remote.as_uri(), str(tmp_path / "clone"))
    assert all((tmp_path / "clone" / name).read_bytes() == contents for name, contents in upload.files.items())


def test_the_command_sends_it(checkout: Path, upload: Upload, empty_hub: LocalHub) -> None:
    command = [sys.executable, "-m", "asrquant", "space", SPACE]
    environment = {**os.environ, "HF_ENDPOINT": empty_hub.url, "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN}
    ran = subprocess.run([*command, "--private"], cwd=checkout, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    (revision,) = list(empty_hub.commits[f"spaces/{SPACE}"])[1:]  # one commit, so that the Space is built once
    assert (
        f"sent  {empty_hub.url}/spaces/{SPACE}/commit/{revision}" in ran.stdout and TOKEN not in ran.stdout + ran.stderr
    )
    assert f"{len(upload.files)} files" in ran.stdout and upload.commit in ran.stdout
    assert empty_hub.created == [
        {"name": "asrquant", "organization": "someone", "type": "space", "sdk": "gradio", "visibility": "private"}
    ]
    assert empty_hub.main(f"spaces/{SPACE}") == upload.files and empty_hub.lfs == upload.lfs
    assert empty_hub.cards == [("space", upload.files["README.md"].decode())]


def test_a_second_time_what_is_gone_goes(upload: Upload, empty_hub: LocalHub) -> None:
    empty_hub.commit(f"spaces/{SPACE}", {
        ATTRIBUTES: b"", "README.md": b"old", "asrquant/engines/dropped.py": b"x", "notes.txt": b"mine"})  # fmt: skip
    publish(upload, SPACE)
    assert empty_hub.created == []
    assert empty_hub.main(f"spaces/{SPACE}") == {**upload.files, "notes.txt": b"mine"}


@pytest.mark.parametrize(
    ("status", "says"), [(402, "it asks for a paid plan"), (403, "may not write"), (500, "try again later")]
)
def test_a_refusal_is_a_sentence(upload: Upload, empty_hub: LocalHub, monkeypatch, status: int, says: str) -> None:
    empty_hub.refusal = (status, "words")
    with pytest.raises(ExportError, match=rf"The Hub refused {SPACE} \(HTTP {status}\): .*{says}"):
        publish(upload, SPACE)
    assert f"spaces/{SPACE}" not in empty_hub.commits


def test_looking_needs_neither_token_nor_hub(checkout: Path, capsys, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(space, "ROOT", checkout)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert main(["space", SPACE, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"8,428,640 +LFS +artifacts/an4-wav2vec2-ctc/wav2vec2\.ckpt", out) and "Nothing was sent" in out
    assert re.search(r"\d {7}app\.py", out) and "secret" not in out and "tests/" not in out
    assert main(["space", SPACE]) == 2
    assert "set HF_TOKEN" in capsys.readouterr().err
    assert main(["space", "asrquant", "--dry-run"]) == 2
    assert "write user/name" in capsys.readouterr().err


def test_only_a_clean_checkout_is_sent(checkout: Path, tmp_path: Path, monkeypatch) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(checkout), str(clone))
    (clone / "asrquant" / "forgotten.py").write_text("")
    with pytest.raises(ExportError, match=r"1 changes, first '\?\? asrquant/forgotten.py'\); commit them"):
        read_upload(clone)
    (clone / "asrquant" / "forgotten.py").unlink()
    (clone / "app.py").write_text("changed")
    with pytest.raises(ExportError, match="is not as its commit"):
        read_upload(clone)
    git(clone, "rm", "--quiet", "--force", "app.py", "packages.txt")
    git(clone, "commit", "--quiet", "--message", "less")
    with pytest.raises(ExportError, match=r"cannot be sent as a commit: git says .*pathspec 'app.py'"):
        read_upload(clone)
    with pytest.raises(ExportError, match="is no checkout of its own"):
        read_upload(clone / "asrquant")
    shutil.rmtree(clone / ".git")
    with pytest.raises(ExportError, match="git says 'fatal: not a git repository"):
        read_upload(clone)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExportError, match="git cannot be run"):
        read_upload(clone)
