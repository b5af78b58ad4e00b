"""Tracebacks as an author wants them: of the Dag's code, not of the engine that called it."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from types import TracebackType

_OWN_FOLDER = str(Path(__file__).resolve().parents[2]) + os.sep


def author_traceback(error: BaseException) -> str:
    """The traceback as an author wants it: without the engine's own frames, unless there are no others."""
    return "".join(traceback.TracebackException.from_exception(_without_own_frames(error)).format())


def _without_own_frames(error: BaseException) -> BaseException:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        current.__traceback__ = _author_frames(current.__traceback__)
        current = current.__cause__ or current.__context__
    return error


def _author_frames(trace: TracebackType | None) -> TracebackType | None:
    links = []
    while trace is not None:
        if not _is_own(trace.tb_frame.f_code.co_filename):
            links.append(trace)
        trace = trace.tb_next
    kept: TracebackType | None = None
    for link in reversed(links):
        kept = TracebackType(kept, link.tb_frame, link.tb_lasti, link.tb_lineno)
    return kept


def _is_own(file: str) -> bool:
    return file.startswith((_OWN_FOLDER, "<frozen"))
