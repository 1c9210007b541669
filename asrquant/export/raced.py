"""What races found, put aside in the cache: one record a machine and model.

``CACHE/raced/KEY.json`` has the record and its sha256. The key is a digest of the model, the conditions, and the code that builds
encoders, so that a record is never another machine's, nor of before a change. What is not as it was written is not believed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import uuid
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from asrquant.base.account import cache_folder, cache_path
from asrquant.base.files import fsync
from asrquant.export.fingerprints import step_key
from asrquant.measure.conditions import here
from asrquant.measure.winner import Race
from asrquant.model.recognizer import Recognizer
from asrquant.show.race import race_line

FOLDER = "raced"
"""In the cache."""
_FORM = "race-1"
"""Another number where a record has another form, or is measured otherwise."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Record:
    """A file.

    Attributes:
        key: its own, so that a file that was renamed is none.
        race: what was found.
        sha256: of ``race`` as JSON.
    """

    key: str
    race: Race
    sha256: str


_AS_JSON, _RACE = TypeAdapter(_Record), TypeAdapter(Race)


def find(original: Recognizer) -> Race | None:
    """The record of a float model on this machine, as this process would measure it; None where there is none."""
    try:
        if not any(cache_path(FOLDER).glob("*.json")):
            return None
    except OSError:  # the cache is another account's
        return None
    key = _key(original)
    path = _path(key) if key else None
    if key is None or path is None or not path.is_file():
        return None
    try:
        record = _AS_JSON.validate_json(path.read_bytes(), strict=True)
        if record.key != key or record.sha256 != _digest(record.race) or record.race.conditions != here():
            raise ValueError("it is not as it was written here")
    except (OSError, ValueError, ValidationError) as error:
        _log.warning("the race in %s cannot be used and is not believed: %s", path.name, str(error).splitlines()[0])
        return None
    return record.race


def in_a_line(original: Recognizer) -> str:
    """What the record says, in a sentence for a report; empty where there is none."""
    found = find(original)
    return race_line(found) if found else ""


def keep(original: Recognizer, race: Race) -> Path | None:
    """Put a record aside, whole or not at all, in the place of an older one; None where it cannot be, which the log is told."""
    root, key = cache_folder(FOLDER), _key(original)
    if root is None or key is None:
        return None
    path = _path(key)
    beside = root / f".{uuid.uuid4().hex}.new"
    try:
        beside.write_bytes(_AS_JSON.dump_json(_Record(key, race, _digest(race)), indent=1) + b"\n")
        fsync(beside)
        beside.replace(path)
    except OSError as error:
        _log.warning("what the race found cannot be kept in the cache: %s", error)
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        return None
    return path


def forget(original: Recognizer) -> bool:
    """Remove the record of a float model on this machine; whether there was one.

    Raises:
        OSError: it cannot be removed.
    """
    key = _key(original)
    if key is None or not (path := _path(key)).is_file():
        return False
    path.unlink()
    return True


def _key(original: Recognizer) -> str | None:
    """None where code made the model that may be another the next time."""
    return step_key(original, f"{_FORM} {here()!r}")


def _path(key: str) -> Path:
    return cache_path(FOLDER) / f"{key}.json"


def _digest(race: Race) -> str:
    return hashlib.sha256(json.dumps(json.loads(_RACE.dump_json(race)), sort_keys=True).encode()).hexdigest()
