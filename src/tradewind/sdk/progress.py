"""`progress(done, total, unit)`: how far a task has come, shown live in the UI and on the command line."""

from __future__ import annotations

import time

from tradewind.sdk.execution.runtime import current_runtime
from tradewind.wire.messages import Progress

_SHORTEST_GAP_SECONDS = 0.2
_attempt = ""
_next_at = 0.0


def progress(done: float, total: float | None = None, unit: str = "") -> None:
    """Say how much is done, and of how much. Call it as often as is handy: at most five a second are sent, and the
    one that completes the total always. Outside a task nothing happens."""
    global _next_at
    now = time.monotonic()
    complete = total is not None and done >= total
    if not _attempt or (now < _next_at and not complete):
        return
    _next_at = now + _SHORTEST_GAP_SECONDS
    current_runtime().send(
        Progress(attempt=_attempt, done=float(done), total=None if total is None else float(total), unit=unit)
    )


def begin(attempt: str) -> None:
    """Progress is about this attempt from now on; an empty id ends it."""
    global _attempt, _next_at
    _attempt, _next_at = attempt, 0.0
