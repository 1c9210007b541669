"""The modules that a preset means on a model, and whether PyTorch's eager mode can quantize them."""

from __future__ import annotations

from typing import Any

from asrquant.base.errors import PresetError
from asrquant.model.engine_settings import TorchEager
from asrquant.model.ignored import float_paths, split
from asrquant.model.modules import ROLES, Roles, dynamic_parts, get_module, not_dynamic, not_static
from asrquant.model.presets import Preset

_NAMED = 8


def resolve(preset: Preset, model: Any, roles: Roles) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The module paths that a preset means on a model, as (dynamic, static).

    A role that the model does not have is passed over, so that a named preset holds for models of other families; a
    path that it does not have is an error.

    Raises:
        PresetError: names a path that does not exist, or that cannot be quantized so, and says why.
    """
    dynamic: tuple[str, ...] = ()
    settings = preset.settings_for(TorchEager)
    left_out = float_paths(model, roles, settings.ignored)
    static = tuple(piece for path in _paths(settings.static, roles) for piece in split(model, path, left_out))
    for path in _paths(settings.dynamic, roles):
        if reason := not_dynamic(get_module(model, path)):
            raise PresetError(f"{path} cannot be quantized dynamically: {reason}.")
        for piece in split(model, path, left_out):
            if not (parts := dynamic_parts(piece, get_module(model, piece))):
                raise PresetError(
                    f"{piece} cannot be quantized dynamically: its class uses the float weights of its layers."
                )
            dynamic += parts
    for path in static:
        if reason := not_static(get_module(model, path)):
            raise PresetError(f"{path} cannot be quantized statically: {reason}.")
    _refuse_nested(dynamic, static)
    if not dynamic and not static:
        raise PresetError(
            f"The preset {preset.name!r} quantizes nothing on this model: {_what_there_is(settings, model)}; choose "
            "other modules."
        )
    return dynamic, static


def _what_there_is(settings: TorchEager, model: Any) -> str:
    wanted = ", ".join(dict.fromkeys((*settings.dynamic, *settings.static)))
    named = get_module(model, "encoder").named_modules(prefix="encoder")
    parts = [f"{path} ({type(part).__name__})" for path, part in named if list(part.parameters(recurse=False))]
    there = ", ".join(parts[:_NAMED]) + (f" and {len(parts) - _NAMED} more" if len(parts) > _NAMED else "")
    return f"it is for {wanted or 'no modules'}, and there is {there}"


def _paths(names: tuple[str, ...], roles: Roles) -> tuple[str, ...]:
    paths = [roles.path(name) if name in ROLES else name for name in names]
    return tuple(path for path in paths if path)


def _refuse_nested(dynamic: tuple[str, ...], static: tuple[str, ...]) -> None:
    for path in static:
        for other in (*dynamic, *static):
            if other != path and (other.startswith(path + ".") or path.startswith(other + ".")):
                raise PresetError(f"{path} is to be static and overlaps {other}; name modules that do not overlap.")
            if other in dynamic and other == path:
                raise PresetError(f"{path} is to be dynamic and static at once; choose one.")
