"""A module twice, its weights once."""

from __future__ import annotations

from copy import deepcopy
from itertools import chain
from typing import TypeVar

from torch import nn

_Module = TypeVar("_Module", bound=nn.Module)


def copy_sharing_weights(module: _Module) -> _Module:
    """A copy of a module whose parts can be replaced, and whose weights are the module's own: to be read and not written.

    A large model would else be in memory twice while a few of its layers are replaced.
    """
    tensors = chain(module.parameters(), module.buffers())
    return deepcopy(module, {id(tensor): tensor for tensor in tensors})
