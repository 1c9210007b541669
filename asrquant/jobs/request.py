"""What a visitor may ask for. A request is checked where it is made, and travels to the worker, which carries it out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from asrquant.base.errors import RequestError
from asrquant.base.progress import Progress
from asrquant.jobs.models import Models, Wanted


@dataclass(frozen=True)
class Work:
    """What the worker lends to the request that it carries out.

    Attributes:
        models: that it keeps in memory.
        progress: called at each step; may raise ``Cancelled``.
        show: called with what is to be shown before all is done; it must pickle.
    """

    models: Models
    progress: Progress
    show: Callable[[object], None]


class Request(Protocol):
    """A frozen dataclass that pickles; it is made of values that were checked, or not made at all."""

    def facts(self) -> Mapping[str, str]:
        """What the log says of it: its kind, and names that asrquant gave. Nothing of a visitor's own."""

    def wants(self) -> Collection[Wanted]:
        """The models that it will have built, if they are not there."""

    def run(self, work: Work) -> object:
        """Do in the worker what is asked for; the result must pickle.

        Raises:
            AsrQuantError: it cannot be done; the visitor reads why.
        """


@dataclass(frozen=True)
class Refused:
    """What was asked for and cannot be, in the place of a request.

    Attributes:
        message: for the visitor.
        kind: of error, for the log.
    """

    message: str
    kind: str

    def facts(self) -> Mapping[str, str]:
        """Nothing: what was refused has not been checked."""
        return {}

    def wants(self) -> Collection[Wanted]:
        """None."""
        return ()

    def run(self, work: Work) -> object:
        """Nothing can be done.

        Raises:
            RequestError: always.
        """
        raise RequestError(self.message)
