"""Log lines of triggers, told apart: many run in one process, and each line belongs to one of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime

from tradewind.sdk.execution.capture import text_and_trace
from tradewind.sdk.execution.masking import masker
from tradewind.wire.logs import LogLine

LineSink = Callable[[str, LogLine], None]

current_trigger: ContextVar[str] = ContextVar("current_trigger", default="")
"""The trigger for which this code runs; tasks and threads that a trigger starts inherit it."""


class TriggerLogHandler(logging.Handler):
    """Gives each record that is logged for a trigger to `sink`, masked; all others are not its business."""

    def __init__(self, sink: LineSink) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        trigger = current_trigger.get()
        if not trigger:
            return
        try:
            self._sink(trigger, _line(record))
        except Exception:  # a log that cannot be written ends no trigger
            self.handleError(record)


def _line(record: logging.LogRecord) -> LogLine:
    text, trace = text_and_trace(record)
    mask = masker().mask
    return LogLine(
        t=datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
        l=record.levelname.lower(),
        m=mask(text),
        n=record.name,
        f=f"{record.filename}:{record.lineno}",
        x=mask(trace),
    )
