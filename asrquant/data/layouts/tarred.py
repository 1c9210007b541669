"""NeMo's tarred data sets: a manifest whose rows name a shard, and the shards ``audio_0.tar``, ``audio_1.tar`` … beside it."""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from asrquant.base.errors import DatasetError
from asrquant.base.files import printable_name
from asrquant.data.columns import Names, Record
from asrquant.data.scope import Scope, is_sound

_SHARD = "shard_id"
_AGAIN = re.compile(r"-sub[0-9]+$")
"""At the end of the name of a second row of the same file, which lies in the shard once."""


def accepts(names: Iterable[str]) -> bool:
    """Whether a manifest with these columns is one of shards."""
    return _SHARD in names


def finder(manifest: Path, records: Sequence[Record], scope: Scope) -> Callable[[str, Record], Path]:
    """Where a row's file is, once all that rows name were taken out of the shards.

    Raises:
        DatasetError: a shard is not there, or is no tar.
    """
    column = Names.PATH.of({name for record in records for name in record.fields})
    wanted: dict[str, set[str]] = {}
    for record in records:
        wanted.setdefault(_text(record, _SHARD), set()).add(_stem(_text(record, column)))
    clips = {shard: _taken_out(_shard(manifest, shard, scope), names, scope) for shard, names in wanted.items()}

    def find(given: str, record: Record) -> Path:
        there = clips[_text(record, _SHARD)]
        stem = _stem(given)
        return there.get(stem) or there.get(_AGAIN.sub("", stem)) or manifest.parent / given

    return find


def _text(record: Record, column: str) -> str:
    value = record.fields.get(column)
    return value if isinstance(value, str) else ""


def _stem(name: str) -> str:
    """The name without its ending, as a shard may hold a row's file in another coding."""
    return Path(name).stem


def _shard(manifest: Path, shard: str, scope: Scope) -> Path:
    """The tar of a shard: beside the manifest, or a folder above it where each shard has a manifest."""
    if not re.fullmatch(r"[0-9]+", shard):
        raise DatasetError(f"{printable_name(manifest)} has the shard {shard[:20]!r}; a shard_id is a whole number.")
    name = f"audio_{shard}.tar"
    for folder in (manifest.parent, manifest.parent.parent):
        tar = folder / name
        if not scope.leads_out(tar) and tar.is_file():
            return tar
    raise DatasetError(f"{printable_name(manifest)} needs {name} beside it; there is none.")


def _taken_out(tar: Path, wanted: set[str], scope: Scope) -> dict[str, Path]:
    """The wanted files of a shard, by their names without ending; their names within the tar are never used as paths."""
    wanted = wanted | {_AGAIN.sub("", name) for name in wanted}
    room, found = scope.room(), dict[str, Path]()
    state = tar.stat()
    try:
        with tarfile.open(tar, "r:") as shard:  # without compression, as NeMo's are: what is taken out is no larger
            for member in shard:
                stem = _stem(member.name)
                if not member.isreg() or member.issparse() or stem not in wanted or not is_sound(Path(member.name)):
                    continue
                about = f"{tar.resolve()}\0{state.st_size}\0{state.st_mtime_ns}\0{member.offset_data}\0{member.size}"
                ending = Path(member.name).suffix.lower()
                kept = room / f"{hashlib.sha256(about.encode(errors='surrogateescape')).hexdigest()}{ending}"
                source = shard.extractfile(member)
                if not kept.is_file() and source is not None:
                    with tempfile.NamedTemporaryFile(dir=room, delete=False) as beside:
                        shutil.copyfileobj(source, beside)
                    Path(beside.name).replace(kept)
                found[stem] = kept
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DatasetError(f"{printable_name(tar)} cannot be read as a tar: {error}.") from None
    return found
