"""Attributes that are somewhere else now: they answer for one version more, and say where to look."""

from __future__ import annotations

import warnings
from typing import Generic, TypeVar, cast

_T = TypeVar("_T")


class Moved(Generic[_T]):
    """An attribute that reads another one, with a ``DeprecationWarning``.

    Without an annotation in a dataclass's body it is no field, so it can be neither given nor replaced.
    """

    def __init__(self, path: str, default: _T, only: type = object) -> None:
        """Read ``path`` from the object on; ``default`` where there is no such attribute, or not of the type ``only``."""
        self._path = path
        self._default = default
        self._only = only

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the old name."""
        self._name = name

    def __get__(self, owner: object | None, kind: type) -> _T:
        """What the attribute is now."""
        warnings.warn(
            f"{kind.__name__}.{self._name} will go; read {kind.__name__}.{self._path} instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        found = owner
        for name in self._path.split("."):
            found = getattr(found, name, self._default)
        return cast(_T, found) if isinstance(found, self._only) else self._default
