"""Whether something else had the processor while something was timed: how long this process's threads waited for their turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MOST_WAITING = 0.2
"""Share of the time of threads that had something to do which they may have waited: beyond it, times are those of a crowd."""
_TASKS = Path("/proc/self/task")
_NANO = 1e9


@dataclass(frozen=True)
class Turns:
    """Of all threads of this process, since they began.

    Attributes:
        ran: seconds on a processor.
        waited: seconds ready to run, while others had it.
    """

    ran: float
    waited: float

    def share_since(self, before: Turns) -> float:
        """Share of the time since ``before`` that threads with something to do had to wait, 0 to 1."""
        ran, waited = max(0.0, self.ran - before.ran), max(0.0, self.waited - before.waited)
        return waited / (ran + waited) if ran + waited else 0.0


def turns(tasks: Path = _TASKS) -> Turns | None:
    """What the system says of this process's threads; None where it does not say."""
    ran = waited = 0
    try:
        for task in tasks.iterdir():
            try:
                run, wait, _ = (task / "schedstat").read_text(encoding="ascii").split()
            except FileNotFoundError:
                if (task / "comm").exists():  # the thread is there, and the system does not say
                    return None
                continue
            ran, waited = ran + int(run), waited + int(wait)
    except (OSError, ValueError):
        return None
    return Turns(ran / _NANO, waited / _NANO) if ran else None


def alone_in_all(spent: Iterable[tuple[Turns | None, Turns | None]]) -> bool:
    """The same for several stretches of time together."""
    total, known = Turns(0.0, 0.0), True
    for before, after in spent:
        if before is None or after is None:
            known = False
        else:
            total = Turns(total.ran + after.ran - before.ran, total.waited + after.waited - before.waited)
    return alone(Turns(0.0, 0.0), total) if known else True


def alone(before: Turns | None, after: Turns | None) -> bool:
    """Whether a process had the processor to itself in between, as far as the system says."""
    return before is None or after is None or after.share_since(before) <= MOST_WAITING
