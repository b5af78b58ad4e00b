"""What can be seen of another Dag's runs: how far they are, for sensors that poke and triggers that ask alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from tradewind.sdk.execution.moments import microseconds
from tradewind.sdk.execution.runtime import ask, current_runtime


class Verdict(Enum):
    """What the awaited runs have come to."""

    ALLOWED = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Awaited:
    """Runs of one Dag, by their logical dates or ids, or tasks of them; and what their states mean."""

    dag_id: str
    logical_dates: tuple[datetime, ...] | None = None
    run_ids: tuple[str, ...] | None = None
    task_ids: tuple[str, ...] | None = None
    group_id: str | None = None
    allowed: frozenset[str] = frozenset({"success"})
    failed: frozenset[str] = frozenset()
    skipped: frozenset[str] = field(default=frozenset())

    @property
    def runs(self) -> int:
        """How many runs are awaited."""
        return len(self.run_ids if self.run_ids is not None else self.logical_dates or ())

    @property
    def is_whole_dag(self) -> bool:
        return self.task_ids is None and self.group_id is None

    def selection(self) -> dict[str, Any]:
        """The arguments of a request that name these runs."""
        if self.run_ids is not None:
            return {"dag_id": self.dag_id, "run_ids": list(self.run_ids)}
        dates = [microseconds(date) for date in self.logical_dates or ()]
        return {"dag_id": self.dag_id, "logical_dates_us": dates}


def look(awaited: Awaited) -> Verdict:
    """Ask the engine how far the runs are."""
    request = current_runtime().request
    if awaited.is_whole_dag:
        return _verdict_of_runs(awaited, lambda states: int(request("run.count", **awaited.selection(), states=states)))
    members = request("dag.get", dag_id=awaited.dag_id) if awaited.group_id is not None else None
    task_ids = _task_ids(awaited, members)
    states = request("task.states", **awaited.selection(), task_ids=list(task_ids)) or {}
    return verdict_of_tasks(awaited, task_ids, states)


async def look_async(awaited: Awaited) -> Verdict:
    """The same, from code that runs in an event loop."""
    if awaited.is_whole_dag:
        known: dict[frozenset[str], int] = {}
        for wanted in (awaited.failed, awaited.skipped, awaited.allowed):
            if wanted:
                known[wanted] = int(await ask("run.count", **awaited.selection(), states=sorted(wanted)))
        return _verdict_of_runs(awaited, lambda states: known.get(frozenset(states), 0))
    members = await ask("dag.get", dag_id=awaited.dag_id) if awaited.group_id is not None else None
    task_ids = _task_ids(awaited, members)
    states = await ask("task.states", **awaited.selection(), task_ids=list(task_ids)) or {}
    return verdict_of_tasks(awaited, task_ids, states)


def verdict_of_tasks(
    awaited: Awaited, task_ids: Sequence[str], states: Mapping[str, Mapping[str, str | None]]
) -> Verdict:
    """From the states by run id and task (`task_id`, or `task_id_N` of a mapped one): every instance of every task must
    be allowed in every run; one that failed or was skipped is enough."""
    names = set(task_ids)
    seen = [[(_task_of(name, names), state) for name, state in run.items()] for run in states.values()]
    found = {state for run in seen for _, state in run}
    if found & awaited.failed:
        return Verdict.FAILED
    if found & awaited.skipped:
        return Verdict.SKIPPED
    complete = [run for run in seen if {task_id for task_id, _ in run} >= names and _all_allowed(awaited, run)]
    return Verdict.ALLOWED if names and len(complete) == awaited.runs else Verdict.OPEN


def _all_allowed(awaited: Awaited, run: Iterable[tuple[str, str | None]]) -> bool:
    return all(state in awaited.allowed for _, state in run)


def _task_of(name: str, task_ids: set[str]) -> str:
    if name in task_ids:
        return name
    task_id, _, index = name.rpartition("_")
    return task_id if index.isdigit() and task_id in task_ids else name


def _task_ids(awaited: Awaited, dag: Mapping[str, Any] | None) -> tuple[str, ...]:
    if awaited.group_id is None:
        return awaited.task_ids or ()
    return tuple((dag or {}).get("groups", {}).get(awaited.group_id, ()))


def _verdict_of_runs(awaited: Awaited, count: Any) -> Verdict:
    if awaited.failed and count(sorted(awaited.failed)):
        return Verdict.FAILED
    if awaited.skipped and count(sorted(awaited.skipped)):
        return Verdict.SKIPPED
    return Verdict.ALLOWED if count(sorted(awaited.allowed)) == awaited.runs else Verdict.OPEN
