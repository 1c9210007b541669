"""What runs in a worker process of Ray's: it makes a bench ready once and then does one task at a time."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

from asrquant.base.errors import ClusterError
from asrquant.cluster.packed import Crate, unpack
from asrquant.measure.conditions import here
from asrquant.measure.crew import AbsentError, Place, Step

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Answer:
    """Of a worker to a task; ``absent`` where it does not have the task's files."""

    result: Any = None
    absent: bool = False


@dataclass(frozen=True)
class Orders:
    """What a worker is made ready with.

    Attributes:
        bench: without its recognizers.
        crate: these.
        threads: that a task has.
        code: ``code()`` of whoever sends this.
    """

    bench: Any
    crate: Crate
    threads: int
    code: str


class Worker:
    """Becomes an actor of Ray's."""

    def __init__(self) -> None:
        self._work: Callable[[Any, Step], Any] | None = None

    def ready(self, orders: Orders) -> Place:
        """Open the recognizers; returns where this is.

        Raises:
            AsrQuantError: this machine cannot do the work.
        """
        import ray

        node = socket.gethostname()
        if code() != orders.code:
            raise ClusterError(f"{node} has another version of asrquant; install the same on all nodes.")
        torch.set_num_threads(orders.threads)
        self._work = replace(orders.bench, recognizers=unpack(orders.crate, ray.get)).ready()
        return Place(node, here())

    def do(self, task: Any) -> Answer:
        """Do one."""
        if self._work is None:
            raise ClusterError("A worker was asked before it was ready; start anew.")
        try:
            return Answer(self._work(task, lambda: None))
        except AbsentError:
            return Answer(absent=True)


@cache
def code() -> str:
    """Digest of this package's own code."""
    found = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        found.update(path.relative_to(_PACKAGE).as_posix().encode() + path.read_bytes())
    return found.hexdigest()
