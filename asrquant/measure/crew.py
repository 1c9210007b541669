"""Who does the work: this process, or workers elsewhere. One seam for all that is measured clip by clip or part by part.

A ``Bench`` is what a worker has before it: recognizers and what else it goes by. A task is what it is asked, such as a clip.
``Here`` is the one form of ``Crew``; the other is on Ray, in ``asrquant/cluster``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from asrquant.measure.conditions import Conditions
from asrquant.model.recognizer import Recognizer

Step = Callable[[], None]
"""Called often while work is done; what it raises, such as ``Cancelled``, ends it."""
T = TypeVar("T")
R = TypeVar("R")
_Result = TypeVar("_Result", covariant=True)


class AbsentError(Exception):
    """What a task reads from disk is not on this machine, or is another file than the one that is meant."""


@dataclass(frozen=True)
class Sent(Generic[T]):
    """A task as it leaves for another machine; ``bytes`` of files that go with it."""

    task: T
    bytes: int = 0


class Bench(Protocol[T, _Result]):
    """Work that can be done wherever its recognizers are: a frozen dataclass.

    The field ``recognizers`` goes to other machines in a way of its own, and comes there as a tuple of their likes; all else is
    pickled.
    """

    @property
    def recognizers(self) -> tuple[Recognizer, ...]:
        """The float one that others were made from, and these."""

    def ready(self) -> Callable[[T, Step], _Result]:
        """Make ready what all tasks share; returns the function that does one."""

    def size(self, task: T) -> int | None:
        """Bytes of what a task reads from disk; None where it reads nothing, or nothing that is there."""

    def sent(self, task: T, whole: bool) -> Sent[T]:
        """A task for another machine: with the files that it reads, or with what they are known by there.

        Raises:
            AsrQuantError: they are too large to go with it.
        """

    def lost(self, task: T, why: str) -> _Result:
        """What becomes of a task that took its workers down, time and again.

        Raises:
            AsrQuantError: the whole is worth nothing without it.
        """


@dataclass(frozen=True)
class Place:
    """Where tasks were done.

    Attributes:
        node: name of the machine.
        conditions: processor, threads and libraries there.
    """

    node: str
    conditions: Conditions


@dataclass(frozen=True)
class Done(Generic[R]):
    """A result.

    Attributes:
        result: of a task.
        place: where it was done; None is this process.
        again: whether the task has a result already, from a place of another kind, beside which this one is to be looked at.
    """

    result: R
    place: Place | None = None
    again: bool = False


class Crew(Protocol):
    """Does tasks."""

    @property
    def workers(self) -> int:
        """How many work at once."""

    def do(self, bench: Bench[T, R], tasks: Sequence[T], step: Step) -> Generator[Done[R], None, None]:
        """Each task's result as it comes, in whatever order, once; and some ``again``.

        To be closed (``contextlib.closing``) by whoever may not hear it to its end.
        """


class Here:
    """This process does them one after the other."""

    workers = 1

    def do(self, bench: Bench[T, R], tasks: Sequence[T], step: Step) -> Generator[Done[R], None, None]:
        """See ``Crew.do``."""
        work = bench.ready()
        for task in tasks:
            step()
            yield Done(work(task, step))


HERE: Crew = Here()
