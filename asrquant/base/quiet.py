"""Libraries that are called here say nothing of their own, unless somebody asks for it: the terminal's words are ours.

Each library is silenced where it is called and for as long as it is, at the place where it would speak: its log, its warnings,
its bars, C++'s ``std::cerr``. Neither standard error nor standard output is ever redirected, so that what other threads say,
exceptions and the last words of a process that crashes stay.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import Any

_loud = False


def loud(wanted: bool = True) -> None:
    """Let the libraries speak from now on, or not: the terminal's ``--verbose``."""
    global _loud
    _loud = wanted


def is_loud() -> bool:
    """Whether the libraries may speak."""
    return _loud


class Shared(AbstractContextManager[None]):
    """A change to the whole process that lasts while at least one thread is inside, and is undone by the last to leave."""

    def __init__(self, change: Callable[[], AbstractContextManager[None]]) -> None:
        """``change`` makes the change when it is entered, and undoes it when it is left, in whatever thread."""
        self._change = change
        self._lock = threading.Lock()
        self._inside = 0
        self._undo = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._undo.enter_context(self._change())
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._undo.close()


@contextmanager
def quietly() -> Iterator[None]:
    """No warnings of Python's, and nothing below an error of transformers' log; none of its bars.

    Enter it again after an import of transformers: its log is there only then.
    """
    with ExitStack() as quiet:
        if not _loud:
            quiet.enter_context(_warnings)
            if "transformers.utils.logging" in sys.modules:
                quiet.enter_context(_transformers)
        yield


@contextmanager
def kenlm_quietly() -> Iterator[None]:
    """No advice and no bar while KenLM reads an n-gram; what is wrong with it comes as an exception."""
    with contextlib.nullcontext() if _loud else _cerr:
        yield


@contextmanager
def root_quietly() -> Iterator[None]:
    """Nothing below an error of what is logged by no logger's name, as ONNX Runtime's quantizer does.

    Such a call sets logging up where nobody has, and the program would log otherwise from then on.
    """
    with contextlib.nullcontext() if _loud else _root:
        yield


@contextmanager
def _no_root() -> Iterator[None]:
    root, silent = logging.getLogger(), logging.NullHandler()
    root.addFilter(_is_loud_or_an_error)
    root.addHandler(silent)
    try:
        yield
    finally:
        root.removeHandler(silent)
        root.removeFilter(_is_loud_or_an_error)


@contextmanager
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _only_errors_of_transformers() -> Iterator[None]:
    """It logs to standard error by a handler of its own, and draws bars while it reads weights."""
    log: Any = sys.modules["transformers.utils.logging"]
    level = log.get_verbosity()
    log.set_verbosity(max(level, logging.ERROR))
    hook = log.set_tqdm_hook(lambda bar, args, settings: bar(*args, **{**settings, "disable": True}))
    try:
        yield
    finally:
        log.set_tqdm_hook(hook)
        log.set_verbosity(level)


@contextmanager
def _no_cerr() -> Iterator[None]:
    """C++'s ``std::cerr`` takes nothing, in the whole process; whatever else writes to standard error goes on."""
    clear = _clear_cerr()
    clear(_BAD)
    try:
        yield
    finally:
        clear(_GOOD)


_GOOD, _BAD = 0, 1
"""States of a stream (``std::ios_base::iostate``): one that is bad drops what is written to it."""


@cache
def _clear_cerr() -> Callable[[int], object]:
    """``std::cerr.clear(state)``; where GNU's C++ library is not there, nothing.

    ``std::ostream`` begins with the pointer to its virtual table, in which the third word before the functions is the offset
    of its base ``std::ios``, whose member ``clear`` is (Itanium C++ ABI, 2.5).
    """
    try:
        library = ctypes.CDLL("libstdc++.so.6")
        stream = ctypes.addressof(ctypes.c_char.in_dll(library, "_ZSt4cerr"))
        clear = library["_ZNSt9basic_iosIcSt11char_traitsIcEE5clearESt12_Ios_Iostate"]
    except (OSError, ValueError, AttributeError):
        return lambda state: None
    table = ctypes.c_size_t.from_address(stream).value
    base = stream + ctypes.c_ssize_t.from_address(table - 3 * ctypes.sizeof(ctypes.c_void_p)).value
    clear.argtypes, clear.restype = (ctypes.c_void_p, ctypes.c_int), None
    return lambda state: clear(base, state)


_warnings, _transformers, _cerr = Shared(_no_warnings), Shared(_only_errors_of_transformers), Shared(_no_cerr)
_root = Shared(_no_root)


class _Errors(logging.Handler):
    """For a library that has no handler: where nobody has set logging up either, Python would show its warnings too."""

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers and logging.lastResort:
            logging.lastResort.handle(record)


logging.getLogger("speechbrain").addHandler(_Errors(logging.ERROR))


def _is_loud_or_an_error(record: logging.LogRecord) -> bool:
    return _loud or record.levelno >= logging.ERROR


# A build of PyTorch for GPUs warns, on a machine without one, as soon as NNCF looks for a compiler; nothing here needs either.
logging.getLogger("torch.utils.cpp_extension").addFilter(_is_loud_or_an_error)
