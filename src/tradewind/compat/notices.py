"""Old spellings that were asked for, each with the modern form, for the parser to attach to the Dags of a file."""

from __future__ import annotations

import importlib
import os
import sys
from types import FrameType

from tradewind.compat import table

Notice = tuple[str, int, str]
"""(file, line, sentence)"""

_seen: dict[Notice, None] = {}
_HERE, _IMPORTLIB = os.path.dirname(__file__), os.path.dirname(importlib.__file__)
_FOREIGN = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def notices() -> list[Notice]:
    """Every old spelling that this process has asked for, in the order in which it was met."""
    return list(_seen)


def clear_notices() -> None:
    _seen.clear()


def record(module: str, name: str, frame: FrameType) -> None:
    """Remember that `frame` asked for `module.name`, if that is an old spelling and the asker is an author's file."""
    modern = table.modern_of(module, name)
    file = frame.f_code.co_filename
    # The spellings inside installed packages are nothing that the author of a Dag file could change.
    if modern and not any(part in file for part in _FOREIGN):
        _seen[(file, frame.f_lineno, sentence(module, name, modern))] = None


def sentence(module: str, name: str, modern: str) -> str:
    return f"`from {module} import {name}` is an old spelling; write {modern}."


def asker() -> FrameType:
    """The frame of the code that asks for a name: the first that is neither ours nor the import system's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_machinery(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _is_machinery(file: str) -> bool:
    return file.startswith("<frozen importlib") or os.path.dirname(file) in (_HERE, _IMPORTLIB)
