"""What a preset leaves float inside of what it quantizes, by role, by path, or as ``first_convolution``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from asrquant.model.engine_settings import FIRST_CONVOLUTION
from asrquant.model.modules import ROLES, Roles, get_module

_WORTH_IT = (nn.Linear, nn.modules.conv._ConvNd)
"""A part without any of these is not quantized by itself: its neighbours' rounding is all that it would get."""


def float_paths(model: object, roles: Roles, ignored: Iterable[str]) -> tuple[str, ...]:
    """Paths of the modules that stay float; what computes features does so whatever the settings say.

    Args:
        model: a recognizer, or anything with ``mods`` as SpeechBrain's models have them.
        roles: of its modules.
        ignored: roles, module paths, or ``first_convolution``; what the model does not have of a name that is not a path, and
            an empty name, are nothing.

    Raises:
        PresetError: there is no such module.
    """
    found = []
    for name in (*ignored, roles.front_end or ""):
        if path := _path(model, roles, name):
            get_module(model, path)
            found.append(path)
    return tuple(found)


def _path(model: object, roles: Roles, name: str) -> str | None:
    if name == FIRST_CONVOLUTION:
        return first_convolution(model, roles)
    return roles.path(name) if name in ROLES else name


def first_convolution(model: object, roles: Roles) -> str | None:
    """Path of the one that sees the wave, or the features made of it; None where there is none."""
    root = roles.feature_extractor or "encoder"
    for path, module in get_module(model, root).named_modules(prefix=root):
        if isinstance(module, nn.modules.conv._ConvNd) and not (roles.front_end and is_under(path, roles.front_end)):
            return str(path)
    return None


def is_under(path: str, parent: str) -> bool:
    """Whether a module is another or inside of it."""
    return f"{path}.".startswith(f"{parent}.")


def split(model: object, path: str, left_out: Sequence[str]) -> tuple[str, ...]:
    """The largest modules that make up one, less what is left out; the module itself where nothing of it is.

    Args:
        model: see ``float_paths``.
        path: of the module.
        left_out: paths, as ``float_paths`` gives them.
    """
    if any(is_under(path, other) for other in left_out):
        return ()
    if not any(is_under(other, path) for other in left_out):
        return (path,)
    return tuple(
        piece
        for name, child in get_module(model, path).named_children()
        if any(isinstance(part, _WORTH_IT) for part in child.modules())
        for piece in split(model, f"{path}.{name}", left_out)
    )
