"""Specs for tests: `dag("extract >> [clean, audit] >> load", retries=1)` beats thirty lines of setup."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from graphlib import TopologicalSorter
from typing import Any

from tradewind.core.dag import DagSpec, GroupSpec, LengthSpec, MapSpec, TaskSpec
from tradewind.core.states import TriggerRule
from tradewind.core.timetables import TimetableSpec

_DAG_FIELDS = frozenset(field.name for field in fields(DagSpec))
_TASK_FIELDS = frozenset(field.name for field in fields(TaskSpec)) - _DAG_FIELDS
NEVER = TimetableSpec(kind="never", summary="None")
CONTINUOUS = TimetableSpec(kind="continuous", summary="@continuous", active_runs_limit=1)


def dag(
    edges: str,
    *,
    dag_id: str = "etl",
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
    timetable: TimetableSpec = NEVER,
    **given: Any,
) -> DagSpec:
    """A DagSpec from chains like `a >> [b, c] >> d`, separated by `;` or line ends.

    Keywords that name a field of TaskSpec hold for every task, the others for the Dag; `tasks` adds fields of single
    ones. `upstream` comes from the chains alone.
    """
    upstream = _edges(edges)
    own = {name: dict(values) for name, values in (tasks or {}).items()}
    if unknown := own.keys() - upstream.keys():
        raise ValueError(f"tasks= names {sorted(unknown)}, which {edges!r} does not.")
    for_all = {name: value for name, value in given.items() if name in _TASK_FIELDS}
    for_dag = {name: value for name, value in given.items() if name not in _TASK_FIELDS}
    order = TopologicalSorter({name: sorted(above) for name, above in upstream.items()}).static_order()
    specs = {
        name: task(name, **{**for_all, **own.get(name, {}), "upstream": tuple(sorted(upstream[name]))})
        for name in order
    }  # fmt: skip
    for_dag.setdefault("file", f"{dag_id}.py")
    return DagSpec(dag_id=dag_id, tasks=specs, timetable=timetable, **for_dag)


def task(task_id: str, **given: Any) -> TaskSpec:
    """A TaskSpec; a trigger rule may be given as text."""
    given.setdefault("operator", "PythonOperator")
    if "trigger_rule" in given:
        given["trigger_rule"] = TriggerRule(given["trigger_rule"])
    return TaskSpec(task_id=task_id, **given)


def expand(**inputs: int | str | LengthSpec) -> MapSpec:
    """A product over literals (a length) and the results of tasks (their task_id)."""
    return MapSpec(mode="product", inputs=tuple((name, _length(value)) for name, value in inputs.items()))


def mapped_group(spec: DagSpec, group_id: str, names: str, over: MapSpec) -> DagSpec:
    """The Dag with these tasks (`a b c`) inside a group that expands over that; a map of their own comes behind."""
    inside = {}
    for name in names.split():
        each = spec.tasks[name]
        inputs = over.inputs + (each.map.inputs if each.map is not None else ())
        map_spec = MapSpec(mode="product", inputs=inputs)
        inside[name] = replace(each, map=map_spec, mapped_group=group_id, group_id=group_id)
    group = GroupSpec(group_id=group_id, task_ids=tuple(sorted(inside)), map=over)
    return replace(spec, tasks={**spec.tasks, **inside}, groups=(*spec.groups, group))


def every(*, days: float = 0, hours: float = 0, minutes: float = 0, **given: Any) -> TimetableSpec:
    """A delta timetable."""
    seconds = ((days * 24 + hours) * 60 + minutes) * 60
    return TimetableSpec(kind="delta", summary=f"{seconds:.0f} s", delta_seconds=seconds, **given)


def _length(value: int | str | LengthSpec) -> LengthSpec:
    match value:
        case LengthSpec():
            return value
        case str():
            return LengthSpec(kind="xcom", task_id=value)
        case _:
            return LengthSpec(kind="literal", length=value)


def _edges(text: str) -> dict[str, set[str]]:
    upstream: dict[str, set[str]] = {}
    for chain in re.split(r"[;\n]", text):
        before: list[str] = []
        for term in filter(None, (part.strip() for part in chain.split(">>"))):
            names = [name.strip() for name in term.strip("[]").split(",") if name.strip()]
            for name in names:
                upstream.setdefault(name, set()).update(before)
            before = names
    return upstream
