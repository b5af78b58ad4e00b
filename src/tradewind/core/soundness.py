"""Whether a DagSpec can be what it says: the bounds of what is scheduled, wherever it was read from.

Authors are told by the SDK, in the file and line that is wrong. This is for what arrives without the SDK: a stored row
that was changed by hand or cut off, and a file's answer that some other version wrote.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tradewind.core import dag_access
from tradewind.core.assets import POLICIES
from tradewind.core.dag import DagSpec, LengthSpec, TaskSpec
from tradewind.core.errors import InvalidInput
from tradewind.core.mapping import MOST_INSTANCES, literal_length
from tradewind.core.timetables import TimetableSpec

LONGEST_ID = 250
LONGEST_NOTE = 1000
DEEPEST = 50
"""How deep conditions over assets and expansion inputs may be nested."""
MOST = 2**31 - 1
"""Largest number that every database keeps in a column of INTEGER."""

_TIMETABLES = ("never", "once", "continuous", "cron", "delta", "events", "asset", "custom")
_LENGTHS = ("literal", "xcom", "map", "zip", "concat")


def fault_of(spec: DagSpec) -> str:
    """The first thing that is wrong with a Dag, as one sentence; empty when it is sound."""
    return next(_faults(spec), "")


def _faults(spec: DagSpec) -> Iterator[str]:
    if not spec.dag_id or len(spec.dag_id) > LONGEST_ID:
        yield f"Dag id {spec.dag_id[:40]!r} has {len(spec.dag_id)} characters; it must have 1 to {LONGEST_ID}."
        return
    where = f"Dag {spec.dag_id!r}"
    yield from _odd_numbers(
        where,
        max_active_tasks=spec.max_active_tasks,
        max_active_runs=spec.max_active_runs,
        max_consecutive_failed_dag_runs=spec.max_consecutive_failed_dag_runs,
    )
    yield from _odd_durations(where, dagrun_timeout_seconds=spec.dagrun_timeout_seconds)
    yield from _timetable(where, spec.timetable)
    if _depth(spec.assets) > DEEPEST:
        yield f"{where}: its condition over assets is nested deeper than {DEEPEST} levels."
    if fault := _access(spec):
        yield f"{where}: {fault}"
    if spec.asset_policy not in POLICIES:
        yield f"{where}: asset_policy {spec.asset_policy!r} is unknown; there are {', '.join(POLICIES)}."
    for task_id, task in spec.tasks.items():
        yield from _task(f"{where}, task {task_id[:LONGEST_ID]!r}", task_id, task, spec)
    yield from _cycle(where, spec)


def _access(spec: DagSpec) -> str:
    try:
        dag_access.access_of(spec.extra.get(dag_access.FIELD, {}))
    except InvalidInput as fault:
        return str(fault)
    return ""


def _task(where: str, task_id: str, task: TaskSpec, spec: DagSpec) -> Iterator[str]:
    if task.task_id != task_id:
        yield f"{where}: it is stored under this id, but calls itself {task.task_id[:LONGEST_ID]!r}."
    if not task_id or len(task_id) > LONGEST_ID:
        yield f"{where}: its id has {len(task_id)} characters; it must have 1 to {LONGEST_ID}."
    for upstream in task.upstream:
        if upstream not in spec.tasks:
            yield f"{where}: its upstream {upstream[:LONGEST_ID]!r} is no task of the Dag."
    if task.pool_slots < 1:
        yield f"{where}: pool_slots is {task.pool_slots}; it must be at least 1."
    yield from _odd_numbers(
        where,
        retries=task.retries,
        pool_slots=task.pool_slots,
        max_active_tis_per_dag=task.max_active_tis_per_dag,
        max_active_tis_per_dagrun=task.max_active_tis_per_dagrun,
    )
    yield from _odd_durations(
        where,
        retry_delay_seconds=task.retry_delay_seconds,
        retry_backoff=task.retry_backoff,
        max_retry_delay_seconds=task.max_retry_delay_seconds,
        execution_timeout_seconds=task.execution_timeout_seconds,
    )
    odd = [
        fault
        for name, length in (task.map.inputs if task.map else ())
        for fault in _length(f"{where}, expansion over {name[:LONGEST_ID]!r}", length, spec, DEEPEST)
    ]
    yield from odd
    if task.map and not odd and (literal_length(task.map) or 0) > MOST_INSTANCES:
        yield f"{where}: it expands into {literal_length(task.map)} instances; {MOST_INSTANCES} is the most."


def _odd_numbers(where: str, **numbers: int | None) -> Iterator[str]:
    for name, number in numbers.items():
        if number is not None and not 0 <= number <= MOST:
            yield f"{where}: {name} is {number}; it must be between 0 and {MOST}."


def _odd_durations(where: str, **durations: float | None) -> Iterator[str]:
    for name, value in durations.items():
        if value is not None and not (math.isfinite(value) and value >= 0):
            yield f"{where}: {name} is {value}; it must be a finite number that is not negative."


def _timetable(where: str, timetable: TimetableSpec) -> Iterator[str]:
    if timetable.kind not in _TIMETABLES:
        yield f"{where}: timetable kind {timetable.kind!r} is unknown; there are {', '.join(_TIMETABLES)}."
    if timetable.kind == "cron" and not timetable.crons:
        yield f"{where}: its timetable of kind cron has no cron expression."
    for name, seconds in (("delta_seconds", timetable.delta_seconds), ("window_seconds", timetable.window_seconds)):
        if seconds is not None and not math.isfinite(seconds):
            yield f"{where}: {name} of its timetable is {seconds}; it must be a finite number."
    if timetable.active_runs_limit is not None and timetable.active_runs_limit < 1:
        yield f"{where}: its timetable allows {timetable.active_runs_limit} active runs; it must allow at least 1."


def _length(where: str, length: LengthSpec, spec: DagSpec, levels: int) -> Iterator[str]:
    if levels == 0:
        yield f"{where}: it is nested deeper than {DEEPEST} levels."
        return
    if length.kind not in _LENGTHS:
        yield f"{where}: kind {length.kind!r} is unknown; there are {', '.join(_LENGTHS)}."
    if not 0 <= length.length <= MOST:
        yield f"{where}: its length is {length.length}; it must be between 0 and {MOST}."
    if length.kind == "xcom" and length.task_id not in spec.tasks:
        yield f"{where}: it names task {length.task_id[:LONGEST_ID]!r}, which is no task of the Dag."
    for part in length.parts:
        yield from _length(where, part, spec, levels - 1)


def _cycle(where: str, spec: DagSpec) -> Iterator[str]:
    """A task that comes, through others, before itself. Without recursion: a chain may have any length."""
    open_above = {task_id: {up for up in task.upstream if up in spec.tasks} for task_id, task in spec.tasks.items()}
    down: dict[str, list[str]] = {task_id: [] for task_id in spec.tasks}
    for task_id, above in open_above.items():
        for up in above:
            down[up].append(task_id)
    settled: set[str] = set()
    todo = [task_id for task_id, above in open_above.items() if not above]
    while todo:
        done = todo.pop()
        settled.add(done)
        for after in down[done]:
            open_above[after].discard(done)
            if not open_above[after]:
                todo.append(after)
    rest = [task_id for task_id in spec.tasks if task_id not in settled]
    if rest:
        yield f"{where}: tasks {', '.join(rest[:5])} wait for one another in a cycle."


def _depth(value: Any) -> int:
    """How deep lists and mappings are nested, level by level."""
    levels, layer = 0, [value]
    while layer := [part for one in layer for part in _parts(one)]:
        levels += 1
    return levels


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, (list, tuple)):
        yield from value
