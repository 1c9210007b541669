"""A ``.nemo`` file, or its unpacked folder → its members, read in bounded time and memory: the file may be a stranger's.

It is a tar, compressed with gzip in older versions of NeMo. Nothing is unpacked under a name that the file says.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from asrquant.base.errors import SourceError, UntrustedSourceError
from asrquant.base.files import printable_name, sha256

CONFIG, WEIGHTS = "model_config.yaml", "model_weights.ckpt"
SUFFIX = ".nemo"
MAX_SMALL = 20_000_000
"""Bytes of a member that is not the weights."""
MAX_MEMBERS = 1_000
MAX_EXPANSION = 20
"""How many times its length a compressed file may unpack to; weights do not shrink much."""
_GZIP = b"\x1f\x8b"
_AT_ONCE = 1 << 20
_NAME = re.compile(r"[\w][\w .+-]{0,200}")
_BROKEN = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError, ValueError)


@dataclass(frozen=True)
class Package:
    """What lies in a ``.nemo``.

    Attributes:
        config: its YAML.
        weights: a file of its own while the package is open.
        small: other members, by name.
    """

    config: bytes
    weights: Path
    small: dict[str, bytes]


def is_package(path: Path) -> bool:
    """Whether a path is a ``.nemo`` file, a folder with one, or a folder that holds what is in one."""
    if path.is_dir():
        return ((path / CONFIG).is_file() and (path / WEIGHTS).is_file()) or len(list(path.glob(f"*{SUFFIX}"))) == 1
    return path.suffix == SUFFIX and path.is_file()


def digest(path: Path) -> dict[str, str]:
    """The sha256 of the file by its name; nothing for an unpacked folder. For a file that ``opened`` did not refuse."""
    path = _file(path)
    return {} if path.is_dir() else {printable_name(path): sha256(path)}


def _file(path: Path) -> Path:
    """The ``.nemo`` file itself, or the unpacked folder."""
    if path.is_dir() and not (path / CONFIG).is_file():
        return next(path.glob(f"*{SUFFIX}"))
    return path


@contextmanager
def opened(path: Path) -> Iterator[Package]:
    """The members of what ``is_package`` is true of, while this lasts.

    Raises:
        SourceError: it is damaged, or holds no model.
        UntrustedSourceError: a member has no business there; names it.
    """
    path = _file(path)
    if path.is_dir():
        yield _from_folder(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / WEIGHTS
        try:
            with _bytes(path) as source:
                small = _members(source, weights)
        except _BROKEN as error:
            raise SourceError(f"it is no tar, or a damaged one: {str(error)[:100] or type(error).__name__}.") from error
        if CONFIG not in small or not weights.is_file():
            absent = WEIGHTS if CONFIG in small else CONFIG
            raise SourceError(f"it holds no {absent}, so it is no model as NeMo saves it.")
        yield Package(small.pop(CONFIG), weights, small)


def _from_folder(folder: Path) -> Package:
    small: dict[str, bytes] = {}
    for path in sorted(folder.iterdir())[:MAX_MEMBERS]:
        if path.is_symlink():
            raise UntrustedSourceError(f"{path.name} is a link, which could lead anywhere.")
        if path.is_file() and path.name != WEIGHTS and path.stat().st_size <= MAX_SMALL:
            small[path.name] = path.read_bytes()
    if CONFIG not in small:
        raise SourceError(f"its {CONFIG} is larger than {MAX_SMALL // 10**6} MB.")
    return Package(small.pop(CONFIG), folder / WEIGHTS, small)


@contextmanager
def _bytes(path: Path) -> Iterator[_Bounded]:
    """The tar in a file, unpacked where it is compressed."""
    stat = path.stat()
    if stat.st_blocks * 512 < stat.st_size // 2:
        raise UntrustedSourceError(f"the file itself is sparse: most of its {stat.st_size} bytes are holes.")
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield _Bounded(unpacked, MAX_EXPANSION * stat.st_size + _AT_ONCE)
        else:
            yield _Bounded(file, stat.st_size)


class _Bounded:
    """A file of which only so much is read: in all, and for each thing that is asked of it."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, most: int) -> None:
        self._file, self._left, self._step = file, most, 0

    def allow(self, step: int) -> None:
        """Let so much be read until the next time: what a header says of its own length is not believed."""
        self._step = step + 2 * _AT_ONCE  # the reader reads ahead

    def read(self, size: int) -> bytes:
        """Read."""
        got = self._file.read(size)
        self._left -= len(got)
        self._step -= len(got)
        if self._left < 0:
            raise UntrustedSourceError(
                f"it unpacks to more than {MAX_EXPANSION} times its length, which weights do not."
            )
        if self._step < 0:
            raise UntrustedSourceError("the description of a member in it is longer than a description is.")
        return got


def _members(source: _Bounded, weights: Path) -> dict[str, bytes]:
    """Look at each member and read it: the weights into a file, the others into memory."""
    small: dict[str, bytes] = {}
    source.allow(0)
    # As a stream, from its start to its end: nothing is sought, so nothing is read twice.
    with tarfile.open(fileobj=source, mode="r|", bufsize=_AT_ONCE) as tar:  # type: ignore[call-overload]
        for _ in range(MAX_MEMBERS):
            source.allow(0)
            if (member := tar.next()) is None:
                return small
            if member.isdir() and member.name in (".", ""):
                continue
            name = _name(member)
            if name in small or (name == WEIGHTS and weights.exists()):
                raise UntrustedSourceError(f"it has two members called {name}.")
            if name != WEIGHTS and sum(map(len, small.values())) + member.size > MAX_SMALL:
                raise UntrustedSourceError(
                    f"what is in it beside the weights has more than {MAX_SMALL // 10**6} MB, with {name} of {member.size} bytes."
                )
            source.allow(member.size)
            content = tar.extractfile(member)
            assert content is not None, "it is a regular file"
            if name == WEIGHTS:
                with weights.open("wb") as file:
                    shutil.copyfileobj(content, file, _AT_ONCE)
            else:
                small[name] = content.read()
    raise UntrustedSourceError(f"it has more than {MAX_MEMBERS} members; a model has a handful.")


def _name(member: tarfile.TarInfo) -> str:
    """The name of a member that is a plain file at the top.

    Raises:
        UntrustedSourceError: it is something else.
    """
    name = member.name.removeprefix("./")
    shown = repr(member.name[:80])
    if member.issym() or member.islnk():
        raise UntrustedSourceError(f"its member {shown} is a link, which could lead anywhere.")
    if member.issparse():
        raise UntrustedSourceError(f"its member {shown} is sparse: it would take {member.size} bytes unpacked.")
    if not member.isreg():
        raise UntrustedSourceError(f"its member {shown} is neither a file nor the folder they lie in.")
    if not _NAME.fullmatch(name):
        raise UntrustedSourceError(f"its member {shown} would lie elsewhere than beside the others.")
    return name
