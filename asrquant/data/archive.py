"""A zip from a stranger → files in a folder, or one sentence why not."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from asrquant.audio.containers import ENDINGS as SOUNDS
from asrquant.base.errors import DatasetError
from asrquant.data.scope import JUNK_FOLDERS

MAX_ENTRIES = 5_000
MAX_BYTES = 200_000_000
ENDINGS = (*SOUNDS, ".txt", ".csv", ".tsv", ".jsonl", ".json", ".jsonl.gz", ".json.gz", ".wrd", ".scp", ".tar")
NAMES = ("text", "segments", "utt2spk")
"""What a data set is made of (names: Kaldi's); everything else in a zip stays in it."""
_BLOCK = 1 << 20


def unpack(path: Path, folder: Path) -> None:
    """Write the data set's files in a zip below ``folder``, which must exist.

    Raises:
        DatasetError: it is no zip, is damaged or encrypted, holds too much, or a name or link that leads out of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in _checked(archive) if _is_wanted(entry)]
            if not entries:
                raise DatasetError(f"The zip holds no file that ends in {', '.join(ENDINGS)}.")
            left = MAX_BYTES
            for entry in entries:
                target = folder / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                left -= _extract(archive, entry, target, left)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DatasetError(f"The zip cannot be read: {str(error) or 'it is damaged'}.") from None


def _checked(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise DatasetError(f"The zip has {len(entries):,} entries; at most {MAX_ENTRIES:,} are taken.")
    names: set[str] = set()
    for entry in entries:
        name = PurePosixPath(entry.filename)
        shown = entry.filename[:80]
        if name.is_absolute() or ".." in name.parts or "\\" in entry.filename or ":" in entry.filename:
            raise DatasetError(f"The zip has an entry {shown!r}, which leads out of it; nothing was unpacked.")
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DatasetError(f"The zip has an entry {shown!r} that is a link or a device; nothing was unpacked.")
        if entry.flag_bits & 1:
            raise DatasetError("The zip is encrypted; send one without a password.")
        if str(name) in names:
            raise DatasetError(f"The zip has two entries {shown!r}; names must be unique.")
        names.add(str(name))
    if (total := sum(entry.file_size for entry in entries)) > MAX_BYTES:
        raise DatasetError(f"The zip unpacks to {total / 1e6:,.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are taken.")
    return entries


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(entry.filename)
    if entry.is_dir() or name.name.startswith("._") or not JUNK_FOLDERS.isdisjoint(name.parts):
        return False
    return name.name.lower().endswith(ENDINGS) or name.name in NAMES


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Bytes written; what an entry says of its size is not believed."""
    written = 0
    with archive.open(entry) as source, target.open("xb") as out:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > left:
                raise DatasetError(f"The zip unpacks to more than {MAX_BYTES / 1e6:.0f} MB; send less.")
            out.write(block)
    return written
