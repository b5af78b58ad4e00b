"""Which runs there must be: those that a timetable makes due, and those that somebody asks for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from tradewind.core.dag import DagSpec
from tradewind.testing.simulation.workload import RunKey, Trigger, Workload


def runs_of(workload: Workload, spec: DagSpec) -> list[RunKey]:
    """The runs that there must be, oldest first."""
    due = [f"scheduled__{at.isoformat()}" for at in _due(spec)] if spec.timetable.kind != "never" else []
    asked = [a.run_id for a in workload.actions if isinstance(a, Trigger) and a.dag_id == spec.dag_id]
    return [RunKey(spec.dag_id, run_id) for run_id in due + asked]


def _due(spec: DagSpec) -> Iterable[datetime]:
    """When the runs of a timetable (`once`, or `delta` or every few minutes with both dates) are due: every tick from
    start to end."""
    start, end, step = spec.start_date, spec.end_date, timedelta(seconds=spec.timetable.delta_seconds or 0)
    if spec.timetable.kind == "once" and start:
        return [start]
    if spec.timetable.crons and not step:
        step = timedelta(minutes=60 / len(spec.timetable.crons[0].minutes))
    if not step or not start or not end:
        raise ValueError(f"Which runs of {spec.timetable} are due from {start} to {end} is not worked out here.")
    ticks = [start + n * step for n in range((end - start) // step + 1)]
    return [tick + step for tick in ticks] if spec.timetable.data_interval else ticks
