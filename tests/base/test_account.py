"""Accounts that servers really use: no home, no cache or checkout that can be written; and terminals that lack characters."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import gradio_client
import huggingface_hub.constants
import pytest
from local_hub import MODEL

import asrquant
from asrquant.base import account, terminal
from asrquant.base.errors import DatasetError, ExportError, SettingError, SourceError
from asrquant.export.store import Exports
from asrquant.sources import hub

ROOT = Path(__file__).parents[2]
CLIP = str(ROOT / "examples" / "clips" / "eval" / "mdms2" / "1" / "mdms2-1-an402.flac")
UID = 12345
NOT_A_FOLDER = "/dev/null/cache"
"""What root cannot write either."""
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A terminal of ASCII alone."""
LACKING: dict[str, dict[str, str]] = {
    "no home": {},
    "a home that cannot be written": {"HOME": "/dev/null"},
}


def _as_other() -> tuple[str, ...]:
    """How to run a command as an account without a name and a home; may read everything, where Python lies in root's own home."""
    drop = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups")
    may_read = ("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search")
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return ()
    for prefix in (drop, (*drop, *may_read)):
        again = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import torch'], check=True)"
        asked = [*prefix, sys.executable, "-c", again]
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return prefix
    return ()


@pytest.fixture(scope="module")
def other() -> tuple[str, ...]:
    if prefix := _as_other():
        return prefix
    pytest.skip("only root can run a command as another account (setpriv), and only a Python that it may read")


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    """A folder that every account can write to; pytest's own are for one account."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def environment(room: Path, **more: str) -> dict[str, str]:
    """This process's, but for what tells of a home."""
    lacks = ("HOME", "ASRQUANT_CACHE", "ASRQUANT_EXPORTS", "XDG_CACHE_HOME")
    return {**{name: value for name, value in os.environ.items() if name not in lacks}, "TMPDIR": str(room), **more}


def run(command: Sequence[str], room: Path, lacking: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(room, **lacking),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def cli(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "asrquant", *arguments]


COMPARE = cli("compare", CLIP, "--preset", "openvino-fp32", "--runs", "1", "--decoder", "greedy")
TOLD = "set ASRQUANT_CACHE to a folder that can be"


@pytest.mark.parametrize(
    "lacking", [LACKING["no home"], pytest.param(LACKING["a home that cannot be written"], marks=pytest.mark.long)]
)
@pytest.mark.long
def test_whatever_the_account_lacks_a_comparison_is_made(lacking: dict[str, str], room: Path) -> None:
    """As whoever runs the tests, whose home the system may know without ``HOME``."""
    told = run(COMPARE, room, lacking)
    assert told.returncode == 0 and "RTF, encoder" in told.stdout and "Traceback" not in told.stderr, told.stderr
    if lacking:
        assert told.stderr.count(TOLD) == 1, told.stderr


def test_an_account_without_name_and_home_in_a_checkout_that_it_may_only_read(
    other: tuple[str, ...], room: Path
) -> None:
    assert "compare" in run([*other, *cli("--help")], room, {}).stdout
    out = room / "exports"
    making = cli("export", "--preset", "openvino-fp32", "--format", "openvino-ir", "--no-benchmark", "--out", str(out))
    made = run([*other, *making], room, {})
    assert made.returncode == 0 and "Traceback" not in made.stderr, made.stderr
    assert made.stderr.count(TOLD) == 1, made.stderr
    (script,) = out.glob("*/*/transcribe.py")
    heard = run([*other, sys.executable, str(script), CLIP], room, {})
    assert heard.returncode == 0 and heard.stdout.strip(), heard.stderr
    refused = run([*other, *cli("export", "--no-benchmark")], room, {})
    assert refused.returncode == 2
    assert "cannot be written to exports: Permission denied; set ASRQUANT_EXPORTS" in refused.stderr
    assert not (ROOT / "~").exists()


@pytest.mark.long
def test_the_page_of_such_an_account(other: tuple[str, ...], room: Path) -> None:
    """Beside another account's page, whose folder Gradio would take."""
    (room / "gradio").mkdir(mode=0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with (room / "log.txt").open("w", encoding="utf-8") as log:
        server = subprocess.Popen(
            [*other, sys.executable, "app.py"], cwd=ROOT, stdout=log, stderr=log,
            env=environment(room, GRADIO_SERVER_PORT=port, PYTHONUNBUFFERED="", **PLAIN),
        )  # fmt: skip
    try:
        while not (answers := _answers(port) and port in read(room)) and server.poll() is None:
            time.sleep(0.5)
        assert answers, read(room)
        page = gradio_client.Client(f"http://127.0.0.1:{port}", verbose=False, download_files=str(room))
        said = page.predict(
            gradio_client.handle_file(CLIP), "openvino-fp32", "", "an4", "greedy", 1, api_name="/compare"
        )
        assert "speedup" in json.dumps(said)
    finally:
        server.terminate()
        assert server.wait(30) == 0
    said = read(room)
    assert said.count(TOLD) == 1 and "Traceback" not in said, said


def read(room: Path) -> str:
    """The server's log, in which its address stands."""
    return (room / "log.txt").read_text(encoding="utf-8")


def _answers(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_no_place_for_caches_or_temporary_files(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASRQUANT_CACHE", str(tmp_path / "made" / "for it"))
    folder = account.cache_folder("x")
    assert folder == tmp_path / "made" / "for it" / "x" and folder.is_dir() and not list(folder.iterdir())
    monkeypatch.setenv("ASRQUANT_CACHE", NOT_A_FOLDER)
    account._tell.cache_clear()
    told: list[str] = []
    monkeypatch.setattr(account, "_log", SimpleNamespace(warning=lambda text, *values: told.append(text % values)))
    assert [account.cache_folder(name) for name in ("x", "y", "x")] == [None] * 3
    assert len(told) == 1 and "set ASRQUANT_CACHE" in told[0]
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [NOT_A_FOLDER])
    with pytest.raises(SettingError, match="set TMPDIR"):
        asrquant.load("an4")


def test_artifacts_that_cannot_be_kept(tmp_path: Path) -> None:
    nowhere = Exports(NOT_A_FOLDER)
    nowhere.sweep()
    assert nowhere.artifacts() == ()
    with pytest.raises(ExportError, match="set ASRQUANT_EXPORTS"):
        nowhere.check()
    Exports(tmp_path / "new").check()


def test_a_model_that_cannot_be_kept(hub_server, monkeypatch, pinned) -> None:
    monkeypatch.setenv("ASRQUANT_CACHE", NOT_A_FOLDER)
    with pytest.raises(SourceError, match=r"cannot be written .*; set ASRQUANT_CACHE to a folder"):
        asrquant.load(MODEL)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", NOT_A_FOLDER)
    with pytest.raises(SourceError, match=r"could not be downloaded: .* set HF_HOME to a folder"):
        hub.download(MODEL, "main")


def test_a_model_in_a_cache_that_may_only_be_read(pinned, monkeypatch) -> None:
    """As an image has it; ``unwritable`` stands in for an account that root, who runs the tests, is not."""
    monkeypatch.setattr(hub, "unwritable", lambda folder: "Read-only file system")
    assert asrquant.load(MODEL).source == MODEL


def test_a_terminal_without_the_characters_loses_nothing(room: Path) -> None:
    asked = cli(
        "compare", CLIP, "--preset", "speechbrain-int8", "--runs", "1", "--decoder", "greedy", "--reference", "É"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252:strict"}
    told = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, timeout=300, check=False)
    said = told.stdout.decode("cp1252")
    assert told.returncode == 0 and "->" in said and "É" in said and "RTF, encoder" in said, told.stderr
    told = subprocess.run(asked, cwd=ROOT, env={**os.environ, **PLAIN}, capture_output=True, timeout=300, check=False)
    assert told.returncode == 2 and b"no text in this terminal's encoding" in told.stderr


def test_a_reference_that_is_no_text(an4) -> None:
    with pytest.raises(DatasetError, match="no text"):
        asrquant.compare(an4, an4, CLIP, "\udcc9COLE", 1)


def test_what_a_terminal_lacks_is_spelled_or_escaped() -> None:
    assert "NO→O × 2 – é 你 \udce9".encode("ascii", terminal._HANDLER) == b"NO->O x 2 - \\xe9 \\u4f60 \\udce9"


@pytest.mark.long
def test_a_pipe_that_nobody_reads_ends_in_no_traceback_and_files_are_written(tmp_path: Path) -> None:
    file = tmp_path / "numbers.json"
    asked = cli("compare", CLIP, "--preset", "original", "--runs", "1", "--decoder", "greedy", "--json", str(file))
    for unbuffered in ("", "1"):  # what is left for Python's end, and what fails at once
        reading, writing = os.pipe()
        os.close(reading)
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        told = subprocess.run(
            asked,
            cwd=ROOT,
            env=environment,
            stdout=writing,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        os.close(writing)
        assert told.returncode == 0 and "Error" not in told.stderr and "Exception" not in told.stderr, told.stderr
        assert json.loads(file.read_text(encoding="utf-8"))["runs"] == 1
        file.unlink()


def test_a_full_disk_or_a_file_that_cannot_be_written_is_a_sentence(capsys) -> None:
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(
            cli("modules"), cwd=ROOT, stdout=full, stderr=subprocess.PIPE, encoding="utf-8", check=False
        )
    assert told.returncode == 1 and told.stderr.strip().endswith("asrquant: standard output: No space left on device.")
    assert "Traceback" not in told.stderr
