"""Where the model and the clips lie that come with asrquant: in the checkout, or in the package where it was installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_INSTALLED = _PACKAGE / "assets"
"""What a wheel has of them (see ``pyproject.toml``); in a checkout there is no such folder."""


def checkout() -> Path | None:
    """The folder of the checkout that this code lies in; None where it was installed from a wheel."""
    return None if _INSTALLED.is_dir() else _PACKAGE.parent


def assets() -> Path:
    """The folder that has the embedded models, each in a folder of ``artifacts``, and ``examples/clips`` in it."""
    return checkout() or _INSTALLED


def default_exports_folder() -> Path:
    """Where artifacts go if nothing else is said: in the checkout, else in the folder ``exports`` of the working directory."""
    folder = checkout()
    return folder / "artifacts" / "exports" if folder else Path("exports").absolute()
