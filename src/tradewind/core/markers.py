"""Clearing across Dags: what is reached through the ExternalTaskMarkers among the tasks that are cleared.

A marker names a task of another Dag, in the run of a logical date. Cleared with its downstream, it brings that task
and the downstream of it along, and through the markers among those further Dags.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from tradewind.core.errors import InvalidInput
from tradewind.core.plan import Plan
from tradewind.core.records import TaskInstance, TaskKey
from tradewind.core.rerun_plan import RerunPlan, RerunWish, RunStep, run_step
from tradewind.core.world import LiveRun

FIELDS = ("external_dag_id", "external_task_id", "logical_date")

Place = tuple[str, datetime]
"""A Dag, and the logical date of one of its runs."""


class Named(NamedTuple):
    """What a marker names."""

    dag_id: str
    task_id: str
    date: datetime

    @property
    def place(self) -> Place:
        return self.dag_id, self.date


class Stored(Protocol):
    """What is known beyond memory. It is asked once for each link of a chain of markers."""

    def rendered(self, keys: Collection[TaskKey]) -> Mapping[TaskKey, Mapping[str, Any]]:
        """The template fields of markers as last rendered, of those that have any."""

    def runs(self, places: Collection[Place]) -> Mapping[Place, LiveRun | str]:
        """The runs that there are; text says why one cannot be had."""


def plan_across(
    wish: RerunWish, lives: Iterable[LiveRun], plans: Mapping[str, Plan], stored: Stored
) -> tuple[RerunPlan, list[LiveRun]]:
    """What the wish makes of these runs and, through markers, of others; and all runs that it was made of.

    What a marker names and does not exist is a note of the plan. Raises InvalidInput when more markers follow one
    another than the `recursion_depth` of the first one allows, or when they go round in a circle.
    """
    reach = _Reach(wish, plans, lives)
    level = {one.task.key: one for live in tuple(reach.lives.values()) for one in reach.take(wish, live)}
    seen: set[TaskKey] = set()
    length = 0
    while level:
        length += 1
        seen |= level.keys()
        for marker in level.values():
            _refuse(marker, length, is_circle=length > len(seen))
        level = _next_level(reach, level, stored)
    return reach.plan(), list(reach.lives.values())


@dataclass(frozen=True, slots=True)
class _Marker:
    """A marker among the tasks of a run."""

    live: LiveRun
    task: TaskInstance
    facts: Mapping[str, Any]
    most: int
    """How many may be in a row with it: what the first one of the row allows."""

    def __str__(self) -> str:
        _, task_id, index = self.task.key
        run = self.live.run
        return f"marker {task_id}{f'[{index}]' if index >= 0 else ''} of run {run.run_id} of Dag {run.dag_id!r}"


class _Reach:
    """What has been chosen so far: of each run, and in which order the notes came up."""

    def __init__(self, wish: RerunWish, plans: Mapping[str, Plan], lives: Iterable[LiveRun]) -> None:
        self.wish, self.plans = wish, plans
        self.lives = {live.run.number: live for live in lives}
        self.places: dict[Place, LiveRun | str | None] = {
            (live.run.dag_id, live.run.logical_date): live for live in self.lives.values() if live.run.logical_date
        }
        self.notes: dict[str, None] = {}
        self._steps: dict[int, RunStep] = {}
        self._left: dict[int, RunStep] = {}

    def take(self, wish: RerunWish, live: LiveRun, most: int = 0) -> Iterator[_Marker]:
        """Add what the wish chooses of a run; the markers in it, in a row of `most` or the first of a row."""
        step = run_step(wish, live, self.plans[live.run.dag_id])
        if step is None:
            return
        self.lives[step.number] = live
        if step.refused:
            self._left[step.number] = step
            return
        before = self._steps.get(step.number)
        tasks = {task.key: task for task in (*step.tasks, *(before.tasks if before else ()))}
        self._steps[step.number] = replace(step, tasks=tuple(tasks[key] for key in sorted(tasks)))
        for task in step.tasks:
            spec = live.spec_of(task.key.task_id)
            if spec is not None and (facts := spec.extra.get("marker")) is not None:
                yield _Marker(live, task, facts, most or facts["recursion_depth"])

    def note(self, marker: _Marker, text: str) -> None:
        self.notes[f"Nothing of another Dag is cleared for {marker}: {text}"] = None

    def plan(self) -> RerunPlan:
        steps = sorted((*self._steps.values(), *self._left.values()), key=lambda step: step.number)
        return RerunPlan(tuple(steps), self.wish.latest, tuple(self.notes))


def _refuse(marker: _Marker, length: int, *, is_circle: bool) -> None:
    if is_circle:
        raise InvalidInput(
            f"Nothing is cleared, because the markers go round in a circle and come to {marker} again; take one out."
        )
    if length > marker.most:
        raise InvalidInput(
            f"Nothing is cleared, because {marker} is number {length} in a row of markers, and recursion_depth of the "
            f"first allows {marker.most}; raise that, or clear the Dags one by one."
        )


def _next_level(reach: _Reach, level: Mapping[TaskKey, _Marker], stored: Stored) -> dict[TaskKey, _Marker]:
    """Take what these markers name; the markers among that."""
    rendered = stored.rendered([key for key, marker in level.items() if marker.facts.get("rendered")])
    named: dict[TaskKey, Named] = {}
    for key, marker in level.items():
        found = _named(marker, rendered.get(key))
        if isinstance(found, str):
            reach.note(marker, found)
        elif found.dag_id not in reach.plans:
            reach.note(marker, f"there is no Dag {found.dag_id!r}.")
        else:
            named[key] = found
    wanted = {one.place: None for one in named.values() if one.place not in reach.places}
    runs = stored.runs(tuple(wanted)) if wanted else {}
    reach.places |= {place: runs.get(place) for place in wanted}
    following: dict[TaskKey, _Marker] = {}
    for key, one in named.items():
        for other in _take_named(reach, level[key], one):
            known = following.setdefault(other.task.key, other)
            if other.most < known.most:
                following[other.task.key] = other
    return following


def _take_named(reach: _Reach, marker: _Marker, named: Named) -> Iterable[_Marker]:
    live = reach.places[named.place]
    if live is None:
        reach.note(marker, f"Dag {named.dag_id!r} has no run of {named.date.isoformat()}.")
    elif isinstance(live, str):
        reach.note(marker, live)
    elif live.spec_of(named.task_id) is None:
        reach.note(marker, f"Dag {named.dag_id!r} has no task {named.task_id!r}.")
    else:
        ids = frozenset({named.task_id})
        wish = replace(
            reach.wish, task_ids=ids, task_regex="", map_indexes=None, named=frozenset(), instances=None, upstream=False
        )  # fmt: skip
        return tuple(reach.take(wish, live, marker.most))
    return ()


def _named(marker: _Marker, rendered: Mapping[str, Any] | None) -> Named | str:
    """What the marker names, or why that is not known."""
    values = {name: marker.facts.get(name) or "" for name in FIELDS}
    for name in marker.facts.get("rendered", ()):
        if rendered is None or name not in rendered:
            return f"its {name} is known once it has run."
        values[name] = "" if rendered[name] is None else str(rendered[name])
    dag_id, task_id, text = values.values()
    if not text:
        date = marker.live.run.logical_date
        return Named(dag_id, task_id, date) if date else "its run has no logical date."
    try:
        at = datetime.fromisoformat(text)
        return Named(dag_id, task_id, (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC))
    except (ValueError, OverflowError):
        return f"its logical_date {text!r} is not a date; let it be like 2024-01-31T06:00:00+00:00."
