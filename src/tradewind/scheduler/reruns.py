"""Wishes to run again what has run: clear, mark, backfill. What they read from the database, and their answers."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tradewind.core.backfill_plan import Backfill, BackfillPlan, Reprocess, Slot
from tradewind.core.errors import DagNotFound, InvalidInput, TaskIsRunning, TaskNotFound, Unreadable
from tradewind.core.inputs import (
    BackfillFound,
    CancelBackfill,
    Clear,
    CreateBackfill,
    DropPartitions,
    MarkTasks,
    PauseBackfill,
)
from tradewind.core.markers import Place, plan_across
from tradewind.core.past import PreviousRun
from tradewind.core.plan import Plan
from tradewind.core.records import TaskKey
from tradewind.core.rerun_plan import RerunPlan, RerunWish, RunStep, matching, plan_rerun
from tradewind.core.states import HOLDS_SLOT, TaskState
from tradewind.core.world import LiveRun, World
from tradewind.scheduler.owner import Rows
from tradewind.scheduler.params import check_conf
from tradewind.scheduler.wishes import Body, Context, Wish, handles, moment, one_of
from tradewind.store import loader, queries
from tradewind.store.times import to_us

LOOK_AGAIN = timedelta(seconds=5)
"""When a backfill's dates are looked up again after the database could not be read."""


@handles("run.clear")
def clear_run(context: Context, body: Body, actor: str) -> Wish:
    return clear_tasks(context, {**body, "run_id": body["run_id"], "task_ids": None, "task_regex": None}, actor)


@handles("task.clear")
def clear_tasks(context: Context, body: Body, actor: str) -> Wish:
    dag_id, plan = _dag_named(context, body)
    wish = _rerun_wish(plan, dag_id, body)
    lives = _runs_named(context, dag_id, body, keep_version=wish.latest is False)
    dry_run = bool(body.get("dry_run"))
    if not wish.downstream:
        reached, rerun = lives, plan_rerun(wish, lives, plan)
    else:
        with context.engine.connect() as connection:
            stored = _Stored(connection, context.world(), keep_version=wish.latest is False)
            rerun, reached = plan_across(wish, lives, context.world().plans, stored)
    _check_plan(rerun, body)
    return Clear(plan=rerun, loaded=tuple(reached), dry_run=dry_run)


def _check_plan(plan: RerunPlan, body: Body) -> None:
    """Raise where the plan does what whoever asks has ruled out: reach Dags beside `within`, or stop what runs."""
    within = body.get("within")
    if within is not None and any(step.dag_id not in within for step in plan.steps):
        raise InvalidInput("Nothing is cleared, because by now this would reach other Dags too; look at it again.")
    if body.get("prevent_running"):
        # News that an attempt has started may come later, so one that was given out counts as well.
        running = [task.key for step in plan.steps for task in step.tasks if task.state in HOLDS_SLOT]
        if running:
            run_id = next(step.run_id for step in plan.steps if step.number == running[0].run)
            raise TaskIsRunning(running[0].task_id, run_id, len(running))


@handles("run.drop_partitions")
def drop_partitions(context: Context, body: Body, actor: str) -> Wish:
    """Runs are for no partition any more: one run, or those for partitions of a key or of a range of dates."""
    dag_id, _ = _dag_named(context, body)
    names = ("run_id", "partition_key", "partition_date_start", "partition_date_end")
    if not any(body.get(name) for name in names):
        raise InvalidInput(f"Say which runs are meant, by {', '.join(names)}.")
    lives = [
        live for live in _runs_named(context, dag_id, body, keep_version=False) if live.run.partition_key is not None
    ]
    clear = bool(body.get("clear_task_instances"))
    steps = [
        RunStep(run.number, run.dag_id, run.run_id, run.state, tuple(live.tasks.values()) if clear else ())
        for live in sorted(lives, key=lambda live: live.run.number)
        if (run := live.run)
    ]
    return DropPartitions(
        plan=RerunPlan(tuple(steps)), clear=clear, loaded=tuple(lives), dry_run=bool(body.get("dry_run"))
    )


@dataclass(slots=True)
class _Stored:
    """What the database has for the markers of a plan."""

    connection: Connection
    world: World
    keep_version: bool

    def rendered(self, keys: Collection[TaskKey]) -> dict[TaskKey, dict[str, Any]]:
        found = queries.rendered_fields(self.connection, keys)
        return {key: fields for key, text in found.items() if isinstance(fields := _json(text), dict)}

    def runs(self, places: Collection[Place]) -> dict[Place, LiveRun | str]:
        dates = defaultdict(list)
        for dag_id, date in places:
            dates[dag_id].append(date)
        found: dict[Place, LiveRun | str] = {}
        for dag_id, wanted in dates.items():
            by_date = queries.numbers_by_date(self.connection, dag_id, [to_us(date) for date in wanted])
            for date in wanted:
                if (number := by_date.get(to_us(date))) is not None:
                    found[dag_id, date] = self._run(number)
        return found

    def _run(self, number: int) -> LiveRun | str:
        """One at a time: a run that cannot be read keeps nobody from the others."""
        try:
            return loader.load_runs(self.connection, [number], self.world, keep_version=self.keep_version)[0]
        except Unreadable as fault:
            return str(fault)


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


@handles("task.mark")
def mark_tasks(context: Context, body: Body, actor: str) -> Wish:
    dag_id, plan = _dag_named(context, body)
    named = _named(body)
    whole = _texts(body.get("task_ids"), "task_ids") or ([] if named else [str(body["task_id"])])
    state = one_of(TaskState, body["state"], "state")
    lives = _runs_named(context, dag_id, {**body, "run_id": body["run_id"]}, keep_version=False)
    index = body.get("map_index")
    for task_id in whole:
        if not any(task_id == name and index in (None, at) for live in lives for name, at in live.tasks):
            raise TaskNotFound(dag_id, task_id)
    wish = RerunWish(
        task_ids=frozenset(whole) | {task_id for task_id, _ in named},
        map_indexes=None if index is None else frozenset({int(index)}),
        named=frozenset(pair for pair in named if pair[0] not in whole),
        upstream=bool(body.get("upstream")),
        downstream=bool(body.get("downstream")),
        around=False,
    )
    marks = plan_rerun(wish, lives, plan)
    return MarkTasks(plan=marks, state=state, loaded=tuple(lives), dry_run=bool(body.get("dry_run")))


def _dag_named(context: Context, body: Body) -> tuple[str, Plan]:
    dag_id = str(body["dag_id"])
    plan = context.world().plans.get(dag_id)
    if plan is None:
        raise DagNotFound(dag_id)
    return dag_id, plan


def _texts(value: Any, name: str) -> list[str]:
    found = value or []
    if not isinstance(found, (list, tuple)) or not all(isinstance(text, str) for text in found):
        raise InvalidInput(f"{name} must be a list of texts, not {value!r:.60}.")
    return list(found)


def _named(body: Body) -> frozenset[tuple[str, int]]:
    """Single instances that a command names as `instances`: [[task_id, map_index], …]."""
    pairs = body.get("instances") or ()
    for task_id, index in pairs:
        if not isinstance(task_id, str) or type(index) is not int:
            raise InvalidInput(f"instances holds {[task_id, index]!r:.60}, which is not a task's id and a map index.")
    return frozenset((task_id, index) for task_id, index in pairs)


def _rerun_wish(plan: Plan, dag_id: str, body: Body) -> RerunWish:
    whole = frozenset(_texts(body.get("task_ids"), "task_ids"))
    named = frozenset(pair for pair in _named(body) if pair[0] not in whole)
    task_ids = whole | {task_id for task_id, _ in named}
    for task_id in sorted(task_ids):
        if task_id not in plan.spec.tasks:
            raise TaskNotFound(dag_id, task_id)
    if regex := body.get("task_regex") or "":
        matching(regex, ())  # refused even where there is no run
    indexes = body.get("map_indexes")
    if indexes is None and body.get("map_index") is not None:
        indexes = [body["map_index"]]
    return RerunWish(
        task_ids=task_ids or None,
        named=named,
        task_regex=regex,
        map_indexes=frozenset(map(int, indexes)) if indexes else None,
        upstream=bool(body.get("upstream")),
        downstream=bool(body.get("downstream")),
        only_failed=bool(body.get("only_failed")),
        only_running=bool(body.get("only_running")),
        latest=body.get("latest"),
    )


def _runs_named(context: Context, dag_id: str, body: Body, *, keep_version: bool) -> list[LiveRun]:
    """The runs of a clear: one with those after or before it, or those of a range, or for partitions."""
    start, end = moment(body.get("start"), "start date"), moment(body.get("end"), "end date")
    first, last = (moment(body.get(f"partition_date_{side}"), f"partition date {side}") for side in ("start", "end"))
    with context.engine.connect() as connection:
        if (key := body.get("partition_key")) is not None or first is not None or last is not None:
            numbers = queries.runs_of_partitions(connection, dag_id, key, to_us(first), to_us(last))
            return loader.load_runs(connection, numbers, context.world(), keep_version=keep_version)
        if run_id := body.get("run_id"):
            run = queries.run_asked(connection, dag_id, run_id)
            start = end = run.logical_date or run.run_after
            numbers = [run.number]
        if body.get("past"):
            start = None
        if body.get("future"):
            end = None
        if not run_id or body.get("past") or body.get("future"):
            numbers = queries.runs_between(connection, dag_id, to_us(start), to_us(end))
        return loader.load_runs(connection, numbers, context.world(), keep_version=keep_version)


# --- backfills ---------------------------------------------------------------------------------------------------


@handles("backfill.create")
def create_backfill(context: Context, body: Body, actor: str) -> Wish:
    dag_id, plan = _dag_named(context, body)
    conf = body.get("conf") or {}
    if not isinstance(conf, dict):
        raise InvalidInput(f"conf must be a JSON object, not {type(conf).__name__}.")
    check_conf(dag_id, plan.spec.params, conf)
    backfill = Backfill(
        id=0,
        dag_id=dag_id,
        from_date=_date(body, "from_date"),
        to_date=_date(body, "to_date"),
        conf=conf,
        reprocess=one_of(Reprocess, body.get("reprocess_behavior") or "none", "reprocess_behavior"),
        max_active=_whole(body.get("max_active_runs"), "max_active_runs", 10),
        backwards=bool(body.get("run_backwards")),
        latest=body.get("latest"),
        user=actor or None,
    )
    with context.engine.connect() as connection:
        existing = queries.runs_by_date(connection, dag_id, to_us(backfill.from_date), to_us(backfill.to_date))
    return CreateBackfill(backfill=backfill, existing=existing, dry_run=bool(body.get("dry_run")))


@handles("backfill.pause")
def pause_backfill(context: Context, body: Body, actor: str) -> Wish:
    return PauseBackfill(id=_whole(body["id"], "id"), paused=True)


@handles("backfill.unpause")
def unpause_backfill(context: Context, body: Body, actor: str) -> Wish:
    return PauseBackfill(id=_whole(body["id"], "id"), paused=False)


@handles("backfill.cancel")
def cancel_backfill(context: Context, body: Body, actor: str) -> Wish:
    return CancelBackfill(id=_whole(body["id"], "id"))


def look_for_runs(context: Context, dag_id: str, submit: Callable[..., None]) -> None:
    """Tell the owner what there is for the next dates of a Dag's backfill.

    A backfill that cannot go on is paused with the reason, rather than tried for ever.
    """

    def done(_: Any, error: Exception | None) -> None:
        held = context.world().backfills.get(dag_id)
        if error is not None and held is not None:
            submit(PauseBackfill(id=held.record.id, paused=True, reason=str(error)))

    submit(lambda: next_runs(context, dag_id), done)


def next_runs(context: Context, dag_id: str) -> Wish:
    """What the database has for the next dates of a Dag's backfill."""
    world = context.world()
    held = world.backfills.get(dag_id)
    if held is None:
        return Rows(())
    slots = list(islice(held.waiting, max(held.room, 0)))
    keep = held.record.latest is False
    try:
        with context.engine.connect() as connection:
            found = [(slot.position, *_run_at(connection, world, dag_id, slot, keep=keep)) for slot in slots]
    except DBAPIError:
        held.asked = False
        world.at(context.now() + LOOK_AGAIN, "backfill", dag_id)
        return Rows(())
    return BackfillFound(dag_id=dag_id, id=held.record.id, found=tuple(found))


def _run_at(
    connection: Connection, world: World, dag_id: str, slot: Slot, *, keep: bool
) -> tuple[LiveRun | None, PreviousRun | None]:
    """The run that there is for a date; where there is none, the run before the one that will be made."""
    run_id = queries.run_taking(connection, dag_id, None, to_us(slot.due.logical_date))
    run = queries.run_named(connection, dag_id, run_id) if run_id else None
    if run is not None:
        return loader.load_runs(connection, [run.number], world, keep_version=keep)[0], None
    plan = world.plans.get(dag_id)
    if plan is None or not plan.past:
        return None, None
    place = (slot.due.logical_date or slot.due.run_after, world.next_run_number)
    return None, loader.run_before(connection, world, dag_id, place, catchup=plan.spec.catchup)


def _date(body: Body, name: str) -> datetime:
    found = moment(str(body[name]), name)
    if found is None:
        raise InvalidInput(f"{name} is empty; write it like 2024-01-31T06:00:00+00:00.")
    return found


def _whole(value: Any, name: str, default: int | None = None) -> int:
    try:
        return int(default if value is None and default is not None else value)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name} {value!r} is not a whole number.") from None


# --- answers -----------------------------------------------------------------------------------------------------


def answer_of(answer: Any) -> Any:
    """Plans and backfills as plain values; anything else as it is."""
    match answer:
        case RerunPlan():
            return {
                "tasks": [list(key) for key in answer.targets],
                "states": {state.value: count for state, count in answer.states.items()},
                "runs": [
                    {
                        "number": step.number,
                        "dag_id": step.dag_id,
                        "run_id": step.run_id,
                        "state": step.state,
                        "tasks": len(step.tasks),
                        "refused": step.refused,
                    }
                    for step in answer.steps
                ],
                "notes": list(answer.notes),
            }
        case BackfillPlan():
            actions = Counter(slot.action.value for slot in answer.slots)
            fields = {**backfill_fields(answer.backfill), "actions": dict(actions)}
            # A backfill that was stored has its dates in rows.
            return fields if answer.backfill.id else {**fields, "runs": [_slot_fields(slot) for slot in answer.slots]}
        case Backfill():
            return backfill_fields(answer)
        case _:
            return answer


def backfill_fields(backfill: Backfill) -> dict[str, Any]:
    """A backfill as plain values, named as Airflow's API names them; times are ISO 8601."""
    return {
        "id": backfill.id,
        "dag_id": backfill.dag_id,
        "from_date": backfill.from_date.isoformat(),
        "to_date": backfill.to_date.isoformat(),
        "dag_run_conf": dict(backfill.conf),
        "is_paused": backfill.is_paused,
        "reprocess_behavior": backfill.reprocess.value,
        "max_active_runs": backfill.max_active,
        "run_backwards": backfill.backwards,
        "state": backfill.state,
        "created_at": backfill.created_at.isoformat() if backfill.created_at else None,
        "completed_at": backfill.completed_at.isoformat() if backfill.completed_at else None,
    }


def _slot_fields(slot: Slot) -> dict[str, Any]:
    date = slot.due.logical_date
    return {
        "logical_date": date.isoformat() if date else None,
        "run_after": slot.due.run_after.isoformat(),
        "action": slot.action.value,
        "reason": slot.reason,
    }
