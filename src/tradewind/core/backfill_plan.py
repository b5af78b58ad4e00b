"""What a backfill would do: the ticks of the schedule in a range, and what becomes of each; as it is shown and stored.

A plan is a list of slots in the order in which they are run. What happens to a slot depends on whether there is a run
for its date, and on what was asked about such runs. `decision` says so twice: when the plan is made and shown, and
when the slot's turn comes, since somebody may have made or ended that run meanwhile.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from tradewind.core.dag import DagSpec
from tradewind.core.errors import InvalidInput
from tradewind.core.records import DagRun
from tradewind.core.states import RUN_FINISHED, RunState
from tradewind.core.timetables import DueRun
from tradewind.core.timetables.span import runs_between

MOST_RUNS = 10_000
"""Dates that one backfill takes at most."""


class Reprocess(StrEnum):
    """What a backfill does with dates that have a run which is over."""

    NONE = "none"
    FAILED = "failed"
    COMPLETED = "completed"


class Action(StrEnum):
    """What becomes of one date."""

    CREATE = "create"
    CLEAR = "clear"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """Runs over a past range that somebody asked for. `id` 0 is a plan that is only shown."""

    id: int
    dag_id: str
    from_date: datetime
    to_date: datetime
    conf: Mapping[str, Any] = field(default_factory=dict)
    reprocess: Reprocess = Reprocess.NONE
    max_active: int = 10
    backwards: bool = False
    latest: bool | None = None
    is_paused: bool = False
    state: str = "active"
    """`active`, `completed` or `cancelled`."""
    reason: str = ""
    user: str | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """One date of a backfill. `position` counts from 1 in the order in which the dates are run."""

    position: int
    due: DueRun
    action: Action
    reason: str = ""
    run: int | None = None
    """The number of its run: the one that was there, or the one that was made."""
    is_done: bool = False
    """Its turn has come, or it will be left as it is."""


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """A backfill and its slots, in order."""

    backfill: Backfill
    slots: tuple[Slot, ...]


@dataclass(slots=True)
class LiveBackfill:
    """A backfill that is not over, as memory holds it."""

    record: Backfill
    waiting: deque[Slot] = field(default_factory=deque)
    open: dict[int, None] = field(default_factory=dict)
    """Its runs that are not over."""
    first: int | None = None
    """Its first run, which looks at no run before."""
    asked: bool = field(default=False, compare=False)
    """What there is for its next dates is being looked up."""

    @property
    def room(self) -> int:
        return self.record.max_active - len(self.open)


def plan_backfill(spec: DagSpec, wish: Backfill, existing: Mapping[datetime, DagRun], now: datetime) -> BackfillPlan:
    """What the backfill will do. Raises InvalidInput with what forbids it."""
    _check(spec, wish)
    dues = list(_dues(spec, wish, now))
    if not dues:
        raise InvalidInput(
            f"{spec.dag_id} has no run by its schedule ({spec.timetable.summary or 'None'}) from "
            f"{wish.from_date.isoformat()} to {wish.to_date.isoformat()} that is due by now; choose another range."
        )
    if len(dues) > MOST_RUNS:
        raise InvalidInput(f"A backfill takes at most {MOST_RUNS} runs; choose a shorter range than this.")
    if wish.backwards:
        dues.reverse()
    slots = []
    for position, due in enumerate(dues, 1):
        run = existing.get(due.logical_date) if due.logical_date else None
        action, reason = decision(run, wish.reprocess)
        number = run.number if run else None
        slots.append(Slot(position, due, action, reason, number, is_done=action is Action.LEAVE))
    return BackfillPlan(wish, tuple(slots))


def decision(run: DagRun | None, reprocess: Reprocess) -> tuple[Action, str]:
    """What becomes of a date, and why, given the run that there is for it."""
    if run is None:
        return Action.CREATE, ""
    if run.state not in RUN_FINISHED:
        return Action.LEAVE, f"its run {run.run_id} is {run.state} already"
    wanted = {
        Reprocess.NONE: False,
        Reprocess.FAILED: run.state is RunState.FAILED,
        Reprocess.COMPLETED: True,
    }[reprocess]
    if wanted:
        return Action.CLEAR, f"its run {run.run_id} was {run.state}"
    return Action.LEAVE, f"its run {run.run_id} was {run.state}, and runs that are {_left(reprocess)} stay as they are"


def _left(reprocess: Reprocess) -> str:
    return "over" if reprocess is Reprocess.NONE else "successful"


def _check(spec: DagSpec, wish: Backfill) -> None:
    if wish.from_date > wish.to_date:
        raise InvalidInput("A backfill begins no later than it ends; swap --from-date and --to-date.")
    if wish.max_active < 1:
        raise InvalidInput(f"max_active_runs must be at least 1, not {wish.max_active}.")
    past = [task.task_id for task in spec.tasks.values() if task.depends_on_past or task.wait_for_downstream]
    if wish.backwards and past:
        raise InvalidInput(f"{past[0]} of {spec.dag_id} looks at the run before, so it cannot be run backwards.")
    match spec.timetable.kind:
        case "custom":
            problem = f"the past dates of {spec.timetable.custom or 'a custom timetable'} are known to its code alone"
        case "never" | "asset" | "continuous":
            problem = f"its schedule ({spec.timetable.summary or 'None'}) names no dates"
        case _:
            return
    raise InvalidInput(
        f"{spec.dag_id} cannot be backfilled: {problem}; `tradewind dags trigger {spec.dag_id} -l DATE` makes the run "
        "of one date."
    )


def _dues(spec: DagSpec, wish: Backfill, now: datetime) -> Iterator[DueRun]:
    """Runs of the schedule whose logical date lies in the range, both ends included, and that are due already."""
    bounds = spec.restriction()
    begin, end = wish.from_date.astimezone(UTC), wish.to_date.astimezone(UTC)
    start = bounds.earliest
    if spec.timetable.kind != "once" and (start is None or start > begin):
        start = begin  # what lies before the Dag's start date was asked for by name
    bounds = replace(bounds, earliest=start, latest=end)
    for count, due in enumerate(runs_between(spec.timetable, bounds, begin, now + timedelta(microseconds=1))):
        if due.logical_date is None or due.logical_date > end or count > 2 * MOST_RUNS:
            return
        if due.logical_date >= begin:
            yield due
