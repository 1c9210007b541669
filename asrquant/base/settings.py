"""What the environment says, read once and in this file only.

Each setting is a field of ``Settings`` and knows its variable. ``docs/settings.md`` has the table of them. What a public page may
do follows from them in ``policy``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from asrquant.base.assets import default_exports_folder
from asrquant.base.errors import SettingError

EXPORTS, CACHE = "ASRQUANT_EXPORTS", "ASRQUANT_CACHE"
"""Named by the errors of those who cannot write there."""
_MOST_THREADS = 1024
"""Beyond any machine that this is for; a pool of what is mistyped above it does not start."""
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_FOLDER = "a folder's path, with no ~ in the place of the home folder, which only a shell knows"
_GIGABYTES = "a number of gigabytes above 0, such as 0.5"


@dataclass(frozen=True)
class Variable:
    """An environment variable that is a setting.

    Attributes:
        name: its own.
        meaning: in a line.
        otherwise: what holds where it is not set, or empty.
        allowed: what may be given, to follow "give".
        parse: its text → the setting; a ``ValueError`` refuses it.
    """

    name: str
    meaning: str
    otherwise: str
    allowed: str
    parse: Callable[[str], Any]

    def read(self, text: str) -> Any:
        """The setting.

        Raises:
            SettingError: says which variable has which value, and what to give.
        """
        try:
            return self.parse(text)
        except ValueError:
            raise SettingError(f"{self.name} is {text!r}; give {self.allowed}.") from None


def _threads(text: str) -> int:
    if not 1 <= (count := int(text)) <= _MOST_THREADS:
        raise ValueError
    return count


def _gigabytes(text: str) -> int:
    """In bytes."""
    if not 0 < (count := 1e9 * float(text)) < math.inf:
        raise ValueError
    return int(count)


def _seconds(text: str) -> float:
    if not 0 < (count := float(text)) < math.inf:
        raise ValueError
    return count


def _folder(text: str) -> Path:
    if not text.strip() or text.startswith("~"):
        raise ValueError
    return Path(text)


def _yes(text: str) -> bool:
    return [*_YES, *_NO].index(text.strip().lower()) < len(_YES)


def _is_set(text: str) -> bool:
    return True


@dataclass(frozen=True)
class Settings:
    """The settings, each with the variable that it is read from; made without arguments, those of an empty environment."""

    threads: Annotated[
        int | None,
        Variable(
            "ASRQUANT_THREADS",
            "threads of everything that computes",
            "what `OMP_NUM_THREADS` says, else one for each CPU that the process may use",
            f"a number of threads, 1 to {_MOST_THREADS}",
            _threads,
        ),
    ] = None
    openmp: Annotated[
        bool,
        Variable(
            "OMP_NUM_THREADS",
            "PyTorch's own: threads that it takes by itself; all else then has as many",
            "does not count",
            "what OpenMP takes, such as 4",
            _is_set,
        ),
    ] = False
    exports: Annotated[
        Path,
        Variable(
            EXPORTS,
            "the folder of all artifacts",
            "`artifacts/exports` in a checkout, else `exports` in the working directory",
            _FOLDER,
            _folder,
        ),
    ] = field(default_factory=default_exports_folder)
    exports_bytes: Annotated[
        int, Variable("ASRQUANT_EXPORTS_GB", "what all artifacts together may take", "4", _GIGABYTES, _gigabytes)
    ] = 4_000_000_000
    cache: Annotated[
        Path,
        Variable(
            CACHE,
            "the folder of pins made here, links to pinned models, built models, what races found, and clips from saved data "
            "sets",
            "`~/.cache/asrquant`",
            _FOLDER,
            _folder,
        ),
    ] = field(default_factory=lambda: Path.home() / ".cache" / "asrquant")
    models_bytes: Annotated[
        int,
        Variable(
            "ASRQUANT_MODELS_GB",
            "what models in the cache may take: built ones, and on a public page downloaded ones too; those that "
            "were not used for longest give way",
            "20",
            _GIGABYTES,
            _gigabytes,
        ),
    ] = 20_000_000_000
    build_seconds: Annotated[
        float | None,
        Variable(
            "ASRQUANT_BUILD_SECONDS",
            "how long a model may be loaded or built for a request, beside its work",
            "900 on a public page, else no limit",
            "a number of seconds above 0, such as 600",
            _seconds,
        ),
    ] = None
    race: Annotated[
        bool,
        Variable(
            "ASRQUANT_RACE",
            "whether the page, at its start and while nobody waits, makes the models of the tab On your device, and has all "
            "presets run in turns to find the one that is first on this machine, unless that is known",
            "1",
            f"{_YES[0]} ({', '.join(_YES[1:])}) or {_NO[0]} ({', '.join(_NO[1:])})",
            _yes,
        ),
    ] = True
    showcase: Annotated[
        bool,
        Variable(
            "ASRQUANT_SHOWCASE",
            "whether the page, at its start, measures the comparison of a bundled clip that it begins with",
            "1",
            f"{_YES[0]} ({', '.join(_YES[1:])}) or {_NO[0]} ({', '.join(_NO[1:])})",
            _yes,
        ),
    ] = True
    uploads: Annotated[
        Path | None,
        Variable(
            "GRADIO_TEMP_DIR",
            "Gradio's own: the folder of uploads and downloads, which then stays when the page ends",
            "a folder that goes with the page",
            _FOLDER,
            _folder,
        ),
    ] = None
    uploads_bytes: Annotated[
        int,
        Variable("ASRQUANT_UPLOADS_GB", "what uploads and downloads together may take", "1", _GIGABYTES, _gigabytes),
    ] = 1_000_000_000
    public: Annotated[
        bool,
        Variable(
            "ASRQUANT_PUBLIC",
            "whether the page is open to strangers and guards itself as on a Space",
            "0",
            f"{_YES[0]} ({', '.join(_YES[1:])}) or {_NO[0]} ({', '.join(_NO[1:])})",
            _yes,
        ),
    ] = False
    space: Annotated[
        str,
        Variable(
            "SPACE_ID",
            "Hugging Face's own: the name of the Space that this is; makes the page public, whatever `ASRQUANT_PUBLIC` says",
            "not a Space",
            "the Space's name, such as user/name",
            str,
        ),
    ] = ""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """The settings of an environment; a variable that is empty is as one that is not set.

        Raises:
            SettingError: one of them cannot be used.
        """
        said = {name: (each, environment.get(each.name)) for name, each in variables().items()}
        return cls(**{name: each.read(text) for name, (each, text) in said.items() if text})


def variables() -> dict[str, Variable]:
    """Fields of ``Settings`` → the variables that they are read from, in their order."""
    return {name: hint.__metadata__[0] for name, hint in get_type_hints(Settings, include_extras=True).items()}


def table() -> str:
    """The variables as ``docs/settings.md`` has them."""
    rows = [("variable", "meaning", "not set", "allowed values"), ("---",) * 4]
    rows += [(f"`{each.name}`", each.meaning, each.otherwise, each.allowed) for each in variables().values()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


_given: Settings | None = None


def settings() -> Settings:
    """The settings of this process: those that it was given, else the environment's, read when they are first asked for.

    Raises:
        SettingError: one of the environment's cannot be used.
    """
    return _given or _read()


@cache
def _read() -> Settings:
    return Settings.read(os.environ)


def use_settings(given: Settings) -> None:
    """Have these in this process, whatever its environment says: for the worker, which has the server's."""
    global _given
    _given = given
