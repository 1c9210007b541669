"""A ``hyperparams.yaml`` as a tree of mappings, which nothing evaluates."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FILE = "hyperparams.yaml"
SEED = re.compile(r"!apply:(torch\.manual_seed|speechbrain\.utils\.(seed\.)?seed_everything)")
"""What recipes leave at the top of the file; here it is not called."""


@dataclass(frozen=True)
class Node:
    """A mapping of the file.

    Attributes:
        keys: that lead to it from the top.
        tag: its own, such as ``!new:torch.nn.ReLU``; empty where it has none.
        contents: with references resolved.
    """

    keys: tuple[str, ...]
    tag: str
    contents: Any


@functools.lru_cache(maxsize=8)  # a file is asked several questions, and reading it takes a tenth of a second
def mappings(text: str) -> tuple[Node, ...]:
    """Every mapping of a text whose tags have been checked, each where it is written."""
    from hyperpyyaml import resolve_references
    from ruamel.yaml import YAML

    return tuple(_below(YAML().load(text), YAML().load(resolve_references(text)), ()))


def _below(written: Any, resolved: Any, keys: tuple[str, ...]) -> Iterator[Node]:
    if isinstance(written, dict) and isinstance(resolved, dict):
        yield Node(keys, tag_of(written), resolved)
        for key, child in written.items():
            yield from _below(child, resolved.get(key), (*keys, key))


def walk(root: Any) -> Iterator[Any]:
    """Every node once, keys too, whatever aliases lead to it."""
    waiting, seen = [root] if root is not None else [], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node.value, list):
            waiting.extend(part for child in node.value for part in (child if isinstance(child, tuple) else [child]))


@functools.lru_cache(maxsize=8)
def seeds(text: str) -> tuple[str, ...]:
    """Keys at the top that would set a seed."""
    from ruamel.yaml import YAML

    tree = YAML().load(text)
    return tuple(key for key, node in tree.items() if SEED.fullmatch(tag_of(node))) if isinstance(tree, dict) else ()


def tag_of(node: Any) -> str:
    """What a node is marked with; empty where it is not."""
    return str(getattr(getattr(node, "tag", None), "value", None) or "")
