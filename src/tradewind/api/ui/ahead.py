"""Runs that a Dag's schedule will make, as far as that can be said without the author's code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tradewind.core.dag import DagSpec
from tradewind.core.timetables import DataInterval, DueRun, next_run
from tradewind.store.paging import Row
from tradewind.store.times import from_us


def coming_runs(row: Row, spec: DagSpec, now: datetime) -> Iterator[DueRun]:
    """The run that the scheduler has planned, and those after it. Of a timetable of the author's own only the first."""
    due = _stored(row, "next")
    if spec.timetable.kind == "custom":
        if due is not None:
            yield due
        return
    restriction = spec.restriction()
    due = due or next_run(spec.timetable, _stored(row, "last"), restriction, now)
    while due is not None:
        yield due
        due = next_run(spec.timetable, due, restriction, now)


def _stored(row: Row, which: str) -> DueRun | None:
    run_after = from_us(row[f"{which}_run_after"])
    if run_after is None:
        return None
    start, end = from_us(row[f"{which}_interval_start"]), from_us(row[f"{which}_interval_end"])
    return DueRun(from_us(row[f"{which}_logical_date"]), DataInterval.between(start, end), run_after)
