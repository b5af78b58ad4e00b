"""A process that runs author code for a while, and is afterwards as it was: path, environment, signals, names."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from tradewind.core.errors import TradewindError
from tradewind.sdk.connection import ENV_PREFIXES as CONNECTION_PREFIXES
from tradewind.sdk.execution.masking import masker
from tradewind.sdk.execution.runtime import Runtime, runtime_installed
from tradewind.sdk.variable import ENV_PREFIXES as VARIABLE_PREFIXES
from tradewind.testing.names import airflow_names

_monotonic = time.monotonic
BESIDE = ("config", "plugins")
"""Folders beside the Dags folder that are importable too, as in an Airflow home."""


class NotInMainThread(TradewindError):
    """Author code is timed and stopped by signals, which Python handles in the main thread alone."""

    def __init__(self) -> None:
        super().__init__("Dags are read and run in the main thread of the process; call this from there.")


@contextmanager
def surroundings(
    folder: Path, runtime: Runtime, *, variables: Iterable[str] = (), connections: Iterable[str] = ()
) -> Iterator[None]:
    """Author code may run inside: `airflow` is Tradewind's, the folder is importable, `runtime` answers.

    The names of variables and connections that the test itself gives are taken out of the environment, where the SDK
    looks first.
    """
    if threading.current_thread() is not threading.main_thread():
        raise NotInMainThread
    with ExitStack() as stack:
        stack.enter_context(airflow_names())
        stack.enter_context(_importable(folder))
        stack.enter_context(process_kept())
        for prefixes, names in ((VARIABLE_PREFIXES, variables), (CONNECTION_PREFIXES, connections)):
            for name in names:
                for prefix in prefixes:
                    os.environ.pop(prefix + name.upper(), None)
        stack.enter_context(masker().forgetting())
        stack.enter_context(runtime_installed(runtime))
        yield


@contextmanager
def process_kept() -> Iterator[None]:
    """Environment, working directory, standing alarms are afterwards what they were, and Ctrl-C is not lost."""
    environment, folder = dict(os.environ), os.getcwd()
    with _alarm_kept(), _interrupt_kept():
        try:
            yield
        finally:
            _restore(environment)
            os.chdir(folder)


def _restore(environment: dict[str, str]) -> None:
    now = dict(os.environ)
    for name in now.keys() - environment.keys():
        del os.environ[name]
    for name, value in environment.items():
        if now.get(name) != value:
            os.environ[name] = value


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    path, bytecode = list(sys.path), sys.dont_write_bytecode
    beside = (folder.parent / name for name in BESIDE)
    sys.path += [str(each) for each in (folder, *beside) if str(each) not in path and each.is_dir()]
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = path, bytecode


@contextmanager
def _alarm_kept() -> Iterator[None]:
    """The time limit of the test itself (pytest-timeout) goes on after a limit of author code has used the timer. One
    that was over meanwhile, and was taken for a failure of the task, is told again."""
    handler, left = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]
    ends = _monotonic() + left
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, handler if handler is not None else signal.SIG_DFL)
        left_now = ends - _monotonic()
        if left and left_now <= 0 and callable(handler):
            handler(signal.SIGALRM, None)
        elif left and not signal.getitimer(signal.ITIMER_REAL)[0]:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, left_now))


@contextmanager
def _interrupt_kept() -> Iterator[None]:
    """An attempt makes a failed task of whatever is raised in it; Ctrl-C is meant for the test."""
    before: Any = signal.getsignal(signal.SIGINT)
    came = False

    def interrupted(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
    if came:
        raise KeyboardInterrupt
