"""Folders from strangers must bring no code, and send for none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from asrquant.base.errors import UntrustedSourceError
from asrquant.sources.source import Found, Source

_KENLM = b"mmap lm "


def vet(found: Found, toolkit: Source) -> None:
    """Check that loading what was found runs no code, and reads nothing but it.

    Raises:
        SourceError: it cannot be read.
        UntrustedSourceError: says what is wrong.
    """
    for folder in {found.folder, *found.repositories.values()}:
        refuse_code(folder)
        refuse_kenlm_binaries(folder)
    toolkit.vet(found)


def refuse_code(folder: Path) -> None:
    """Check that a folder brings no Python, and that its configuration sends for none.

    Raises:
        UntrustedSourceError: names the file.
    """
    if code := sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py")):
        names = ", ".join(code[:5]) + (f" and {len(code) - 5} more" if len(code) > 5 else "")
        raise UntrustedSourceError(f"it brings Python code ({names}), which loading could run.")
    for path in sorted(folder.glob("*.json")):
        try:
            json.loads(path.read_bytes(), object_hook=_refuse_kernels)
        except UntrustedSourceError as error:
            raise UntrustedSourceError(f"{path.name} {error}") from None
        except (ValueError, RecursionError):  # whoever has to read it says what is wrong with it
            continue


def refuse_kenlm_binaries(folder: Path) -> None:
    """KenLM maps its own format into memory unchecked, so that a file can be made to crash it; ARPA it reads carefully."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                if file.read(len(_KENLM)) == _KENLM:
                    name = path.relative_to(folder).as_posix()
                    raise UntrustedSourceError(f"{name} is a KenLM binary, which is not checked when it is read.")


def _refuse_kernels(settings: dict[str, Any]) -> None:
    """A configuration can name an implementation of attention by its repository; transformers would run that."""
    for key, value in settings.items():
        if "implementation" in key and "/" in str(value):
            raise UntrustedSourceError(f"asks for code from the Hub ({key}: {str(value)[:80]!r}).")
