"""What people do about backfills and kept state in a workload."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class StartBackfill:
    """Ask for the runs of a past range; refused while the Dag has another backfill that is not over."""

    at: timedelta
    dag_id: str
    first: datetime
    last: datetime
    reprocess: str = "none"
    max_active: int = 10
    backwards: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseBackfill:
    """Pause the backfill that the Dag has then, and let the one that it has at `until` go on."""

    at: timedelta
    until: timedelta
    dag_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBackfill:
    """Cancel the backfill that the Dag has then."""

    at: timedelta
    dag_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanStates:
    """Delete what is kept for a time that is over and beside assets that no Dag names: here, beside all of them."""

    at: timedelta
    dag_id: str
    """Whose tasks keep something there."""


JobAction = StartBackfill | PauseBackfill | CancelBackfill | CleanStates
