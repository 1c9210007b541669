"""What a job reports from the worker to whoever asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asrquant.jobs.models import Wanted

CANCELLED = "Cancelled."
SORRY = "Something went wrong on our side (reference {}); please try again."


@dataclass(frozen=True)
class Step:
    """Progress of a job."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Preparing:
    """A model is loaded or built from now on, which another visitor may wait for, too; None: not any more.

    For the supervisor, which tells nobody.
    """

    what: Wanted | None


@dataclass(frozen=True)
class Partial:
    """Something that a job has to show before it is done."""

    value: Any


@dataclass(frozen=True)
class Done:
    """A job's result; ``note`` says why it is not the whole, where the visitor did not ask for that."""

    value: Any
    note: str = ""


@dataclass(frozen=True)
class Failed:
    """Why a job did not finish, for the visitor to read; ``kind`` is for the log."""

    message: str
    kind: str = ""


Event = Step | Preparing | Partial | Done | Failed
