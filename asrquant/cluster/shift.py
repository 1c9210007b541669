"""A run of many tasks on a Ray cluster: workers are hired, tasks handed out one at a time, and what is lost is done again."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from asrquant.base.errors import AsrQuantError, ClusterError, first_line
from asrquant.cluster.worker import Answer, Orders, Worker
from asrquant.measure.conditions import Conditions
from asrquant.measure.crew import Bench, Done, Place, R, Step, T

TRIES = 3
"""Workers that a task may take down."""
AGAIN = 8
"""Tasks that a kind of machine does again which another kind has done."""
CARRIED_BYTES = 1_000_000_000
"""Of files that are on their way to nodes at once."""
_PAUSE, _LOOK_AROUND = 0.5, 5.0
_MOMENT = 2.0
_NODE_DIED = "node has died"
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Hand:
    """A worker: the node that it is on, and where that is once it is ready."""

    actor: Any
    node: str
    place: Place | None = None


@dataclass(frozen=True)
class _Errand:
    """What a worker is about: a task by its number; None is to make itself ready."""

    hand: _Hand
    task: int | None = None
    again: bool = False
    carried: int = 0


@dataclass(eq=False)
class _Nodes:
    """What went wrong on which node, and which of them lack the tasks' files."""

    refused: dict[str, str] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    blind: set[str] = field(default_factory=set)


class Shift(Generic[T, R]):
    """One run; ``results`` is heard once, and ``end`` is called in any case."""

    def __init__(self, bench: Bench[T, R], tasks: Sequence[T], orders: Orders, step: Step) -> None:
        self._bench, self._tasks, self._step = bench, tasks, step
        self._threads, self._orders = orders.threads, ray.put(orders)
        self._waiting = deque(range(len(tasks)))
        self._left = len(tasks)
        self._tries: Counter[int] = Counter()
        self._hands: list[_Hand] = []
        self._idle: deque[_Hand] = deque()
        self._errands: dict[Any, _Errand] = {}
        self._nodes = _Nodes()
        self._again: dict[Conditions, deque[int]] = {}
        self._asked_again: Counter[Conditions] = Counter()
        self._looked_around = 0.0

    def results(self) -> Generator[Done[R], None, None]:
        """Each task's once, and some again from another kind of machine.

        Raises:
            ClusterError: no node can do the work.
        """
        while self._left or any(errand.again for errand in self._errands.values()) or self._owed():
            self._hire()
            self._hand_out()
            self._step()
            if not self._errands:
                time.sleep(_PAUSE)
                continue
            running = list(self._errands)
            if ray.wait(running, timeout=_PAUSE)[0]:
                for reference in ray.wait(running, num_returns=len(running), timeout=0)[0]:
                    yield from self._came(reference, self._errands.pop(reference))

    def _owed(self) -> bool:
        """Whether a worker that is there has still something to do again."""
        return any(hand.place and self._again[hand.place.conditions] for hand in self._hands)

    def end(self) -> None:
        """Let all workers go, whatever they are about."""
        for hand in self._hands:
            ray.kill(hand.actor)
        self._hands.clear()

    def _hire(self) -> None:
        """As many workers on each node as it has room for, as long as there are tasks for them."""
        if time.monotonic() - self._looked_around < _LOOK_AROUND:
            return
        self._looked_around = time.monotonic()
        nodes = {each["NodeID"]: each for each in ray.nodes() if each["Alive"]}
        fit = {name: room(each, self._threads) for name, each in nodes.items() if name not in self._nodes.refused}
        if not any(fit.values()) and not self._hands:
            reasons = list(self._nodes.refused.values())
            raise ClusterError(reasons[0] if reasons else nowhere(self._threads))
        there = Counter(hand.node for hand in self._hands)
        for name, places in fit.items():
            for _ in range(places - there[name]):
                if len(self._hands) >= self._left:
                    return
                strategy = NodeAffinitySchedulingStrategy(name, soft=False)
                made = ray.remote(Worker).options(num_cpus=self._threads, scheduling_strategy=strategy)
                hand = _Hand(made.remote(), name)
                self._hands.append(hand)
                self._errands[hand.actor.ready.remote(self._orders)] = _Errand(hand)

    def _hand_out(self) -> None:
        for _ in range(len(self._idle)):
            hand = self._idle.popleft()
            if not self._give(hand):
                self._idle.append(hand)

    def _give(self, hand: _Hand) -> bool:
        """Give a worker something to do; False where there is nothing for it now."""
        once_more = self._again[hand.place.conditions] if hand.place else deque()
        queue = once_more or self._waiting
        if not queue:
            return False
        number, whole = queue[0], hand.node in self._nodes.blind
        carried = sum(errand.carried for errand in self._errands.values())
        if whole and carried and carried + (self._bench.size(self._tasks[number]) or 0) > CARRIED_BYTES:
            return False
        queue.popleft()
        sent = self._bench.sent(self._tasks[number], whole)
        self._errands[hand.actor.do.remote(sent.task)] = _Errand(hand, number, queue is once_more, sent.bytes)
        return True

    def _came(self, reference: Any, errand: _Errand) -> Generator[Done[R], None, None]:
        """What a worker answered, or that it cannot any more."""
        try:
            answer = ray.get(reference)
        except RayTaskError as error:
            self._complained(errand, error)
            return
        except RayError as error:  # it, or its node, is gone
            yield from self._died(errand, error)
            return
        hand = errand.hand
        self._idle.append(hand)
        if errand.task is None:
            hand.place = answer
            self._again.setdefault(answer.conditions, deque())
        elif not isinstance(answer, Answer) or answer.absent:
            self._nodes.blind.add(hand.node)
            self._return(errand)
        else:
            yield Done(answer.result, hand.place, errand.again)
            if not errand.again:
                self._left -= 1
                self._have_others_do(errand)

    def _have_others_do(self, errand: _Errand) -> None:
        """Have a task that was done be done again by each other kind of machine, until each has done a few."""
        place = errand.hand.place
        for kind, numbers in self._again.items():
            if place and errand.task is not None and kind != place.conditions and self._asked_again[kind] < AGAIN:
                self._asked_again[kind] += 1
                numbers.append(errand.task)

    def _return(self, errand: _Errand) -> None:
        """A task that was not done is the next one."""
        if errand.task is not None and not errand.again:
            self._waiting.appendleft(errand.task)

    def _complained(self, errand: _Errand, error: RayTaskError) -> None:
        """A worker raised something: where it made itself ready, its node is left out, else the run ends."""
        cause = error.cause
        said = cause if isinstance(cause, AsrQuantError) else ClusterError(f"A worker failed: {first_line(cause)}")
        if errand.task is not None:
            raise said from None
        self._dismiss(errand.hand)
        self._leave_out(errand.hand.node, str(said))

    def _died(self, errand: _Errand, error: RayError) -> Generator[Done[R], None, None]:
        """A worker is gone: by its task, or with its node, which is no task's fault."""
        hand = errand.hand
        self._dismiss(hand)
        self._looked_around = 0.0  # for another one at once
        if not _alive(hand.node, error):
            self._return(errand)
        elif errand.task is None:
            self._nodes.failures[hand.node] += 1
            if self._nodes.failures[hand.node] >= TRIES:
                self._leave_out(hand.node, f"A worker could not be started on it: {first_line(error)}")
        elif errand.again:
            return
        else:
            self._tries[errand.task] += 1
            if self._tries[errand.task] < TRIES:
                self._return(errand)
                return
            self._left -= 1
            why = f"took {TRIES} workers down, one after the other, as by memory that ran out; run it alone to see why"
            yield Done(self._bench.lost(self._tasks[errand.task], why), hand.place)

    def _dismiss(self, hand: _Hand) -> None:
        ray.kill(hand.actor)
        self._hands.remove(hand)

    def _leave_out(self, node: str, why: str) -> None:
        if node not in self._nodes.refused:
            self._nodes.refused[node] = why
            _log.warning("a node is left out: %s", why)


def room(node: Any, threads: int) -> int:
    """How many workers of so many threads a node of ``ray.nodes()`` has room for."""
    return int(node["Resources"].get("CPU", 0) // threads)


def nowhere(threads: int) -> str:
    """What to say where no node has room for one."""
    return f"No node of this Ray has {threads} CPUs, which is what a task takes; set ASRQUANT_THREADS to fewer."


def _alive(node: str, error: RayError) -> bool:
    """Whether a worker's node lives although it is gone itself; looked at for a moment, as Ray notices a node's end later."""
    end = time.monotonic() + _MOMENT
    while any(each["NodeID"] == node and each["Alive"] for each in ray.nodes()):
        if _NODE_DIED in str(error):
            return False
        if time.monotonic() > end:
            return True
        time.sleep(_PAUSE)
    return False
