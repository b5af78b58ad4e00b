"""The event log, read row by row as it grows: no gap, and every state follows from the one before (I1 and I9)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.workload import BEGIN, RunKey
from tradewind.testing.world import LEGAL

LEGAL_OF_RUNS = {
    ("queued", "running"), ("queued", "success"), ("queued", "failed"), ("running", "success"), ("running", "failed"),
    ("success", "queued"), ("failed", "queued"), ("success", "failed"), ("failed", "success"),
}  # fmt: skip
_NEW_ROWS = (
    'SELECT seq, name, dag_id, run_id, task_id, map_index, try_number, "before", "after" FROM event '
    "WHERE seq > ? ORDER BY seq"
)


class EventRow(NamedTuple):
    """A row of the event log. `at` is in microseconds."""

    seq: int
    at: int
    name: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    before: str
    after: str
    reason: str
    body: dict[str, object]


class EventLog:
    """What the rows so far have said. `expected` are the runs that there may be; with `made_by_assets` also such whose
    names nobody knows before, and which somebody else judges."""

    def __init__(self, database: Database, expected: Collection[RunKey], *, made_by_assets: bool = False) -> None:
        self.last = 0
        """The number of the newest row."""
        self.changed_us = 0
        """When a row was last seen to have come."""
        self._database = database
        self._expected = expected
        self._made_by_assets = made_by_assets
        self._runs: dict[RunKey, str] = {}
        self._tasks: dict[tuple[RunKey, str, int], tuple[str, int]] = {}

    def read(self, now_us: int, lead: timedelta = timedelta(0)) -> bool:
        """Take in what is new and say whether there was anything; `lead` is how far the wall clocks may be ahead."""
        rows = self._database.rows(_NEW_ROWS, self.last)
        for row in rows:
            if row[0] != self.last + 1:
                raise Broken(f"I9: event {row[0]} follows event {self.last}")
            self.last = row[0]
            match row[1]:
                case "run.created":
                    self._created(RunKey(row[2], row[3]), BEGIN + timedelta(microseconds=now_us) + lead)
                case "run.moved":
                    self._run_moved(RunKey(row[2], row[3]), row[7], row[8])
                case "task.moved":
                    self._task_moved((RunKey(row[2], row[3]), row[4], row[5]), row[6], row[7], row[8])
        if rows:
            self.changed_us = now_us
        return bool(rows)

    def _created(self, key: RunKey, now: datetime) -> None:
        kind, _, due = key.run_id.partition("__")
        if key not in self._expected and not (kind == "asset_triggered" and self._made_by_assets):
            raise Broken(f"I1: {key} was neither due nor asked for")
        if key in self._runs:
            raise Broken(f"I1: {key} was made twice")
        if kind == "scheduled" and datetime.fromisoformat(due) > now:
            raise Broken(f"I1: {key} was made at {now}, before it was due")
        self._runs[key] = "queued"

    def _run_moved(self, key: RunKey, before: str, after: str) -> None:
        if self._runs.get(key) != before or (before, after) not in LEGAL_OF_RUNS:
            raise Broken(f"I9: {key} went from {before} to {after}, and was {self._runs.get(key)}")
        self._runs[key] = after

    def _task_moved(self, key: tuple[RunKey, str, int], try_number: int, before: str, after: str) -> None:
        state, tries = self._tasks.get(key, ("none", 0))
        if state != before or (before, after) not in LEGAL:
            raise Broken(f"I9: {_named(key)} went from {before} to {after}, and was {state}")
        if try_number < tries:
            raise Broken(f"I9: {_named(key)} went back from try {tries} to {try_number}")
        self._tasks[key] = after, try_number


def _named(key: tuple[RunKey, str, int]) -> Any:
    (dag_id, run_id), task_id, map_index = key
    return f"{dag_id} {run_id} {task_id}" + (f"[{map_index}]" if map_index >= 0 else "")
