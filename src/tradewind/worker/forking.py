"""The fork of an attempt, without what `os.fork` renews for programs that have threads.

After a fork CPython makes new locks for the interpreter, for `threading` and for every handler of `logging`, and seeds
`random`. In a code host, which has one thread and holds no lock between two messages, only the seed matters; the rest
costs the child some 220 page faults, as many as a whole attempt (measured: 1.6 ms and 262 faults with `os.fork`, 0.7 ms
and 42 with the C library's). So where it is safe the C library's fork is called, with the interpreter's lock held.

It is not done where code has asked to be told of forks (`os.register_at_fork`), outside Linux, and on CPython 3.12 and
later, which keep more state that only `os.fork` renews, and copy fewer pages since their common objects are immortal.
"""

import _random
import ctypes
import os
import random
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

_asked_by: set[str] = set()
_generator: Any = getattr(random.seed, "__self__", None)
_seed = partial(_random.Random.seed, _generator)
"""`random.seed()` without its way through Python."""

_fork: Any = None
if sys.platform == "linux" and sys.implementation.name == "cpython" and sys.version_info < (3, 12):
    _fork = ctypes.PyDLL(None).fork

KNOWN = frozenset({"logging", "random", "threading", "concurrent.futures.thread", "tradewind.sdk.execution.interrupts"})
"""Modules whose wishes are fulfilled here, or mean nothing to a host with one thread and no attempt of its own."""


def watch_register_at_fork() -> None:
    """Take note of who asks to be told of forks. Called before anything else is imported."""
    register = os.register_at_fork

    def register_and_note(**hooks: Any) -> None:
        _asked_by.add(sys._getframe(1).f_globals.get("__name__", "?"))
        register(**hooks)

    os.register_at_fork = register_and_note


def is_light() -> bool:
    """Whether `fork` takes the short way in this process."""
    return _fork is not None and _asked_by <= KNOWN and threading.active_count() == 1


def chosen_fork() -> Callable[[], int]:
    """As `os.fork`, by the short way if that is safe now and will be: decided once, since it takes a dozen pages."""
    return _light_fork if is_light() else os.fork


def _light_fork() -> int:
    pid: int = _fork()
    if pid == 0:
        _seed()
        if _generator.gauss_next is not None:  # the half of a pair that the parent has drawn
            _generator.gauss_next = None
    elif pid < 0:
        return os.fork()  # raises what the C library could not
    return pid
