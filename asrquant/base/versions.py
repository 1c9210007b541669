"""Versions of the libraries that are installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed(library: str) -> str | None:
    """The version of a library, by the name that pip knows; None where it is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None
