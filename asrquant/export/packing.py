"""An artifact's folder → its zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

from asrquant.base.files import sha256
from asrquant.base.progress import Progress, silent

_CHUNK = 1 << 22
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same files make the same zip, whenever it is made


def pack(folder: Path, progress: Progress = silent) -> None:
    """Write ``folder`` as ``folder.zip`` beside it, unpacking to a folder of that name, and the zip's sha256.

    Stored, not compressed: int8 weights hardly shrink.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    total, done = sum(path.stat().st_size for path in files), 0
    packed = folder.with_name(folder.name + ".zip")
    with zipfile.ZipFile(packed, "x", zipfile.ZIP_STORED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}", _EPOCH)
            entry.external_attr, entry.file_size = 0o644 << 16, path.stat().st_size
            with path.open("rb") as source, archive.open(entry, "w") as target:
                while block := source.read(_CHUNK):
                    progress("packing (MB)", done // 1_000_000, total // 1_000_000)
                    target.write(block)
                    done += len(block)
    packed.with_name(packed.name + ".sha256").write_text(f"{sha256(packed)}  {packed.name}\n", encoding="utf-8")
