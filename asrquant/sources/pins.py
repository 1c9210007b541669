"""``pins.json``: which Hub models are offered, and at which commit each loads, with the sha256 of every file.

A model is pinned with the repositories that loading it reads: its own, and those that it refers to, such as the wav2vec2 that
a SpeechBrain model was fine-tuned from. One that is listed with ``null`` is pinned when it is first asked for, in a second
file of the same form, which lies in the cache.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from asrquant.base.account import cache_path
from asrquant.base.errors import SourceError
from asrquant.base.files import File, sha256

PINS = Path(__file__).with_name("pins.json")
_WORD, _PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]*", r"[\w (),+-][\w (),+.-]*"
HUB_ID = re.compile(f"{_WORD}/{_WORD}")
_Id = Annotated[str, Field(pattern=f"^{_WORD}/{_WORD}$")]
FILE_NAME = re.compile(f"{_PART}(/{_PART})*")
_Name = Annotated[str, Field(pattern=f"^{FILE_NAME.pattern}$")]
"""Nothing hidden, nothing that leads out, nothing that the Hub's client takes for a wildcard."""


@dataclass(frozen=True)
class Repository:
    """A repository of the Hub at one commit.

    Attributes:
        revision: the commit.
        files: what is loaded from it, and nothing else.
    """

    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    files: Annotated[Mapping[_Name, File], Field(min_length=1)]


Pin = Mapping[str, Repository]
"""Hub id → repository: the model's own, and those that loading it reads besides."""
_Pins = TypeAdapter(dict[_Id, dict[_Id, Repository] | None])


def read_pins(path: Path | None = None) -> dict[str, Pin | None]:
    """The listed models and their pins.

    Raises:
        SourceError: the file is not what this version writes.
    """
    path = path or PINS
    return _parse(path.read_bytes(), path.name)


def local_pins() -> Path:
    """The pins that were made here, when a model was first asked for."""
    return cache_path("pins.json")


def read_local_pins() -> dict[str, Pin | None]:
    """The pins that were made here.

    Raises:
        SourceError: the file is not what this version writes.
    """
    path = local_pins()
    try:
        contents = path.read_bytes()
    except OSError:  # none yet, or not for this account
        return {}
    return _parse(
        contents,
        path.name,
        f"delete it from asrquant's cache ({path.parent.name}/{path.name}), and models are pinned anew.",
    )


def pinned(hub_id: str) -> Pin | None:
    """A model's pin; one that came with asrquant goes before one that was made here, which may only have more files of it.

    Raises:
        SourceError: a list is damaged.
    """
    shipped = read_pins().get(hub_id)
    if (found := read_local_pins().get(hub_id)) is None or shipped is None:
        return found if shipped is None else shipped
    return found if _extends(found, shipped) else shipped


def _extends(longer: Pin, pin: Pin) -> bool:
    return longer.keys() >= pin.keys() and all(
        longer[name].revision == repository.revision and longer[name].files.items() >= repository.files.items()
        for name, repository in pin.items()
    )


def _parse(contents: bytes, name: str, advice: str = "get the repository whole.") -> dict[str, Pin | None]:
    try:
        pins: dict[str, Pin | None] = dict(_Pins.validate_json(contents))
    except ValidationError as error:
        first = error.errors()[0]
        where = " → ".join(map(str, first["loc"])) or "it"
        raise SourceError(f"{name} cannot be used: {where}: {first['msg']}; {advice}") from None
    for hub_id, pin in pins.items():
        if pin is not None and hub_id not in pin:
            raise SourceError(f"{name} cannot be used: {hub_id} is pinned without its own files; pin it again.")
    return pins


def write_pin(hub_id: str, pin: Pin, path: Path | None = None) -> None:
    """Put a model's pin into the list, in the place of what was there; the file is replaced whole.

    Raises:
        SourceError: the file cannot be written, or the pin is none.
    """
    path = path or PINS
    partial = path.with_name(f".{path.name}.partial")
    pins = {**(read_pins(path) if path.is_file() else {}), hub_id: pin}
    contents = _Pins.dump_json({name: dict(pin) if pin else None for name, pin in sorted(pins.items())}, indent=1)
    _parse(contents, path.name)
    try:
        with partial.open("wb") as file:
            file.write(contents + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise SourceError(f"{path.name} cannot be written: {error.strerror}.") from error


def check_files(folder: Path, files: Mapping[str, File], what: str, again: str) -> None:
    """Check that a folder holds these files, unchanged, and no others.

    Args:
        folder: where they lie, some below it.
        files: path there → length and sha256.
        what: the folder as people know it, for the error.
        again: how to get it right, for the error.

    Raises:
        SourceError: names the file that is missing, changed or too many.
    """
    there = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    if extra := sorted(there - files.keys()):
        raise SourceError(f"{what} has a file too many: {extra[0]} does not belong to it; {again}")
    for name, file in files.items():
        if name not in there or not (folder / name).is_file():
            raise SourceError(f"{what} is incomplete: {name} is missing; {again}")
        if (folder / name).stat().st_size != file.bytes or sha256(folder / name) != file.sha256:
            raise SourceError(f"{what} is damaged: {name} is not what it was when it was pinned; {again}")
