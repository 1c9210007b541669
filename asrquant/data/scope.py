"""Where a data set's files may lie, and what lies there: links are followed, and nothing outside is looked at."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asrquant.audio.containers import ENDINGS
from asrquant.base.account import cache_folder
from asrquant.data.textfile import read_text

MOST_FILES = 5_000_000
MOST_FILES_OF_STRANGERS = 20_000
"""That are looked at in a folder, before the rest is left alone."""
MAX_UNPACKED = 2_000_000_000
MAX_UNPACKED_OF_STRANGERS = 200_000_000
"""Bytes that a compressed manifest may become."""
_TEXTS_KEPT = 2
"""Of the last files: several layouts look at the same one, and then it is read."""
_DATA_ROOT = re.compile(r"\$data_root\b|\$?\{data_root\}")
_TAKEN_OUT = "__taken_out"
JUNK_FOLDERS = frozenset((".ipynb_checkpoints", "__MACOSX", ".git", "@eaDir", _TAKEN_OUT))
"""What notebooks, macOS, Git and network drives leave in folders: copies, or no sound at all."""
_passing: tempfile.TemporaryDirectory[str] | None = None


@dataclass(frozen=True)
class Listing:
    """The files below a folder, in order, and whether these are all."""

    files: tuple[Path, ...]
    whole: bool


@dataclass(frozen=True)
class Scope:
    """Where the files of a data set may lie.

    Attributes:
        inside: folder that they must lie in, for a stranger's data set; None allows every place.
        data_root: what ``$data_root`` in a path means, and where else relative paths may begin.
        words: whether rows need words; else a table may be without a column for them.
    """

    inside: Path | None = None
    data_root: Path | None = None
    words: bool = True
    _listings: dict[Path, Listing] = field(default_factory=dict, repr=False, compare=False)
    _texts: dict[Path, str] = field(default_factory=dict, repr=False, compare=False)
    _unpacked: list[int] = field(default_factory=list, repr=False, compare=False)
    _stems: dict[Path, dict[str, dict[str, Path]]] = field(default_factory=dict, repr=False, compare=False)

    def leads_out(self, path: Path) -> bool:
        """Whether a path is one that must not be looked at."""
        if self.inside is None:
            return False
        try:
            return not path.resolve().is_relative_to(self.inside.resolve())
        except (OSError, ValueError, RuntimeError):  # no name of a file, or links in a circle
            return True

    def find(self, given: str, folder: Path, *beside: str) -> Path:
        """The file that a data set in ``folder`` calls so, whether it is there or not.

        Args:
            given: what the data set says: absolute, from ``~`` or ``$data_root``, or relative.
            folder: of the file in which it says so.
            beside: folders in that folder where it may lie as well.
        """
        if "data_root" in given:
            given = _DATA_ROOT.sub(lambda _: str(self.data_root or folder), given)
        path = Path(given)
        if given.startswith("~"):
            with contextlib.suppress(RuntimeError):  # there is no such account
                path = path.expanduser()
        tried = self._places(path, given, folder, beside)
        return next((each for each in tried if not self.leads_out(each) and is_file(each)), folder / path)

    def _places(self, path: Path, given: str, folder: Path, beside: Sequence[str]) -> Iterator[Path]:
        """Where a file may lie, the likeliest first."""
        if self.data_root:
            yield self.data_root / path
        yield folder / path
        yield from (folder / name / path for name in beside)
        if "\\" in given and os.sep == "/":
            yield folder / given.replace("\\", "/")
        if not given.isascii():  # macOS decomposes names
            yield from (folder / unicodedata.normalize(form, given) for form in ("NFC", "NFD"))

    def text(self, path: Path) -> str:
        """The text of a file (``read_text``); strangers' may unpack to no more, all together, than a zip of theirs may hold."""
        if path not in self._texts:
            most = MAX_UNPACKED if self.inside is None else max(0, MAX_UNPACKED_OF_STRANGERS - sum(self._unpacked))
            packed = path.suffix.lower() == ".gz"
            self._unpacked.append(most if packed else 0)  # should that be too little, nothing is left
            text = read_text(path, most)
            self._unpacked[-1] = len(text) if packed else 0
            while len(self._texts) >= _TEXTS_KEPT:
                self._texts.pop(next(iter(self._texts)))
            self._texts[path] = text
        return self._texts[path]

    def files(self, folder: Path) -> Listing:
        """Every file below a folder, also by links, each folder once; without what systems leave behind."""
        if folder not in self._listings:
            most = MOST_FILES if self.inside is None else MOST_FILES_OF_STRANGERS
            found: list[Path] = []
            whole = True
            for file in self._walk(folder):
                if len(found) == most:
                    whole = False
                    break
                found.append(file)
            self._listings[folder] = Listing(tuple(sorted(found)), whole)
        return self._listings[folder]

    def sound_beside(self, folder: Path, stem: str) -> Path | None:
        """The sound file of that name in a folder, whatever its ending, in capitals or not."""
        if folder not in self._stems:
            stems: dict[str, dict[str, Path]] = {}
            for entry in _entries(folder):
                file = folder / entry.name
                if is_sound(file):
                    stems.setdefault(file.stem, {}).setdefault(file.suffix.lower(), file)
            self._stems[folder] = stems
        endings = self._stems[folder].get(stem)
        return min(endings.items(), key=lambda item: _IN_ORDER[item[0]])[1] if endings else None

    def sounds_in(self, folder: Path) -> list[Path]:
        """The sound files in a folder, not those below."""
        return [folder / entry.name for entry in _entries(folder) if is_sound(Path(entry.name))]

    def room(self) -> Path:
        """A folder for clips that are taken out of an archive: the cache; or one that passes with the process or the job."""
        global _passing
        if self.inside is not None:
            taken_out = self.inside / _TAKEN_OUT
            taken_out.mkdir(exist_ok=True)
            return taken_out
        if folder := cache_folder("datasets"):
            return folder
        if _passing is None or not Path(_passing.name).is_dir():
            _passing = tempfile.TemporaryDirectory()
        return Path(_passing.name)

    def _walk(self, folder: Path) -> Iterator[Path]:
        """Links last: what can be reached by two ways is reached by the one without."""
        folders, links = [folder], deque[Path]()
        seen: set[str] = set()
        while folders or links:
            here = folders.pop() if folders else links.popleft()
            real = os.path.realpath(here)
            if real in seen or self.leads_out(here):
                continue
            seen.add(real)
            for entry in _entries(here):
                if not _is_folder(entry):
                    if not entry.is_symlink() or not self.leads_out(here / entry.name):
                        yield here / entry.name
                elif entry.is_symlink():
                    links.append(here / entry.name)
                else:
                    folders.append(here / entry.name)


def is_file(path: Path) -> bool:
    """Whether there is such a file; what cannot be a file's name is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_sound(path: Path) -> bool:
    """Whether a file's name is one of a sound file."""
    return path.suffix.lower() in ENDINGS


_IN_ORDER = {ending: place for place, ending in enumerate((".flac", *(each for each in ENDINGS if each != ".flac")))}
"""Of several files of one name, the first is taken."""


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, in order, without what systems leave behind; nothing where it cannot be looked into."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (each for each in entries if not each.name.startswith("._") and each.name not in JUNK_FOLDERS),
                key=lambda each: each.name,
            )
    except (OSError, ValueError):
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
