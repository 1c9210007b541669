"""Where something was measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch as pytorch

from asrquant.base.processor import cpu_name


@dataclass(frozen=True)
class Machine:
    """Where something was measured."""

    cpu: str
    threads: int
    torch: str
    backend: str

    def __str__(self) -> str:
        """All of it in one line."""
        threads = f"{self.threads} thread{'s' * (self.threads != 1)}"
        return f"{self.cpu}, {threads}, torch {self.torch}, backend {self.backend}"


def this_machine(backend: str = "") -> Machine:
    """CPU, threads and versions of this process."""
    return Machine(cpu_name(), pytorch.get_num_threads(), pytorch.__version__, backend or "none")
