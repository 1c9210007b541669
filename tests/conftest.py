"""What many tests use: the embedded model, loaded once, and the bundled clips."""

from __future__ import annotations

import functools
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import pytest

import asrquant
from asrquant.base import settings
from asrquant.data.dataset import Utterance
from asrquant.export.store import Artifact, read_artifact
from asrquant.model.recognizer import Recognizer

pytest_plugins = ["pages", "local_hub"]
ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The page's tests come first, as they are the longest.

    Where one of them fails it is tried once more, which pytest counts and names: on a machine that does other things too a
    browser, a server and its worker come to their answers in an order that no test has foreseen. So it is with a Ray's nodes.
    """
    items.sort(key=lambda item: item.path.parent.name != "ui")
    for item in items:
        if item.path.parent.name in ("ui", "cluster") or item.get_closest_marker("page"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Who does what: a file is one process's, as its tests share what they have built, and the page's files are two processes'.

    Each page has a server, its worker and a browser, so that a third one would only slow the other two down.
    """
    from xdist.scheduler import LoadScopeScheduling

    names = [path.name for path in sorted((ROOT / "tests" / "ui").glob("test_*.py"))]

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return f"page {names.index(Path(file).name) % 2}" if "/ui/" in file else file

    return ByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def settings_follow_the_environment(tmp_path_factory) -> Iterator[None]:
    """Read whenever they are asked for, not once a process, so that what a test says in the environment holds at once.

    The cache is an empty one: what was built there another day would be neither slow nor under test.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "_read", settings._read.__wrapped__)
        patch.setenv("ASRQUANT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def logs_reach_pytest() -> Iterator[None]:
    """A server that an earlier test configured in this process keeps its log to itself; ``caplog`` would see nothing."""
    logging.getLogger("asrquant").propagate = True
    yield


@pytest.fixture(scope="session")
def an4() -> Recognizer:
    return asrquant.load("an4")


@pytest.fixture(scope="session")
def greedy(an4: Recognizer) -> Recognizer:
    return an4.with_decoder("greedy")


@pytest.fixture(scope="session")
def exported(an4: Recognizer, tmp_path_factory) -> Callable[[str, str], tuple[Recognizer, Artifact]]:
    """Exports a preset in a format, once for all processes of pytest, and returns the live recognizer and the artifact."""
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "exports"
    folder.mkdir(exist_ok=True)

    @functools.cache
    def make(preset: str, format: str) -> tuple[Recognizer, Artifact]:
        live, made = quantized(preset), folder / f"an4-{preset}-{format}"
        with filelock.FileLock(folder.with_name(f"{made.name}.lock")):
            return live, read_artifact(made) if made.is_dir() else asrquant.export(live, format, folder, original=an4)

    @functools.cache
    def quantized(preset: str) -> Recognizer:
        return asrquant.quantize(an4, preset)

    return make


@pytest.fixture(scope="session")
def examples() -> tuple[Utterance, ...]:
    return asrquant.example_clips()


@pytest.fixture(scope="session")
def model_folder() -> Path:
    return ROOT / "artifacts" / "an4-wav2vec2-ctc"


@pytest.fixture
def model_copy(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the embedded model to damage or change."""
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


@pytest.fixture(scope="session")
def an4_eval() -> Path:
    folder = SHARED / "an4" / "eval"
    if not folder.is_dir():
        pytest.skip("the whole of AN4's eval is not beside this checkout (../shared/data/an4/eval)")
    return folder
