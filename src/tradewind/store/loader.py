"""Building the World from the database: at start, after a takeover, and after a commit that failed."""

import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, or_, select

from tradewind.core.asset_queue import WaitingEvent
from tradewind.core.assets import keys_of
from tradewind.core.backfill_plan import Action, LiveBackfill
from tradewind.core.past import Place, PreviousRun, as_previous, place_of, worth_keeping
from tradewind.core.plan import Plan
from tradewind.core.records import DagRun, TaskInstance, TaskKey
from tradewind.core.runs import WAKE_AHEAD
from tradewind.core.states import RunState, RunType, TaskState
from tradewind.core.world import MOST_OVER, LiveRun, World
from tradewind.store import tables as t
from tradewind.store.rows import (
    TASK_COLUMNS,
    asset_event_of,
    attempt_of,
    backfill_of,
    dag_of,
    deferral_of,
    pool_of,
    question_of,
    run_of,
    slot_of,
    task_of,
)
from tradewind.store.specs import decode_spec
from tradewind.store.times import from_us, to_us

OPEN_RUNS = (RunState.QUEUED.value, RunState.RUNNING.value)


def load_world(
    engine: Engine, *, parallelism: int, next_run_number: int, now: datetime, max_retry_delay_seconds: float = 86400.0
) -> World:
    """Everything unfinished. Costs what is unfinished, never the history."""
    world = World(parallelism=parallelism, max_retry_delay_seconds=max_retry_delay_seconds)
    world.next_run_number = next_run_number
    # What is built here stays: the collector would look through it again and again (a quarter of the time).
    with _without_collector(), engine.connect() as connection:
        for row in connection.execute(select(t.pool)).mappings():
            world.pools[row["name"]] = pool_of(row)
        _load_dags(connection, world)
        _load_backfills(connection, world)
        _load_runs(connection, world)
        _load_attempts(connection, world)
        _load_past(connection, world)
        _load_deferrals(connection, world)
        _load_asset_events(connection, world)
    _set_timers(world, now)
    return world


@contextmanager
def _without_collector() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _load_dags(connection: Connection, world: World) -> None:
    rows = connection.execute(
        select(t.dag, t.dag_version.c.spec).join(t.dag_version, t.dag_version.c.id == t.dag.c.version)
    ).mappings()
    for row in rows:
        record = dag_of(row)
        world.set_dag(record, Plan(decode_spec(row["spec"]), record.version))


def _load_backfills(connection: Connection, world: World) -> None:
    """Backfills that are not over, and the dates whose turn has not come; their runs follow with the other runs."""
    for row in connection.execute(select(t.backfill).where(t.backfill.c.state == "active")).mappings():
        held = LiveBackfill(backfill_of(row))
        mine = select(t.backfill_run).where(t.backfill_run.c.backfill == held.record.id)
        waiting = mine.where(t.backfill_run.c.is_done.is_(False)).order_by(t.backfill_run.c.position)
        held.waiting.extend(slot_of(slot) for slot in connection.execute(waiting).mappings())
        begun = mine.where(t.backfill_run.c.is_done, t.backfill_run.c.action != Action.LEAVE.value)
        first = connection.execute(begun.order_by(t.backfill_run.c.position).limit(1)).mappings().first()
        held.first = first["run"] if first else None
        world.backfills[held.record.dag_id] = held


def _load_runs(connection: Connection, world: World) -> None:
    rows = connection.execute(select(t.run).where(t.run.c.state.in_(OPEN_RUNS)).order_by(t.run.c.number)).mappings()
    runs = [run_of(row) for row in rows]
    opened = select(t.run.c.number).where(t.run.c.state.in_(OPEN_RUNS))
    tasks = _tasks_by_run(connection, t.task_instance.c.run.in_(opened))
    for run in runs:
        plan = _plan_of(connection, world, run)
        if plan is None:
            continue
        live = LiveRun(run, plan, tasks.get(run.number, ()))
        _load_previous(connection, world, live)
        world.add_run(live)
    _load_xcoms(connection, world.runs, t.xcom.c.run.in_(opened))


def _tasks_by_run(connection: Connection, which: Any) -> dict[int, list[TaskInstance]]:
    columns = [t.task_instance.c[name] for name in TASK_COLUMNS]
    tasks: dict[int, list[TaskInstance]] = defaultdict(list)
    for chunk in connection.execute(select(*columns).where(which)).partitions(10_000):
        for row in chunk:
            tasks[row[0]].append(task_of(row))
    return tasks


def _load_xcoms(connection: Connection, runs: Mapping[int, LiveRun], which: Any) -> None:
    columns = (t.xcom.c.run, t.xcom.c.task_id, t.xcom.c.map_index, t.xcom.c.key, t.xcom.c.length)
    for number, task_id, map_index, key, length in connection.execute(select(*columns).where(which)):
        if live := runs.get(number):
            live.keep_xcom(TaskKey(number, task_id, map_index), key, b"", length)
    # Offers read the values themselves from the database when memory has none.
    for live in runs.values():
        live.xcoms.clear()


def _load_attempts(connection: Connection, world: World) -> None:
    active = t.attempt.c.state.in_(("assigned", "running"))
    lost_runs: set[int] = set()
    rows = [attempt_of(row) for row in connection.execute(select(t.attempt).where(active)).mappings()]
    for attempt in rows:
        if attempt.key.run not in world.runs:
            lost_runs.add(attempt.key.run)
    for live in load_runs(connection, lost_runs, world):
        world.add_run(live)
    for attempt in rows:
        if attempt.key.run in world.runs:
            world.put_attempt(attempt)


def _load_deferrals(connection: Connection, world: World) -> None:
    asked = select(t.question).join(t.deferral, t.deferral.c.id == t.question.c.id)
    questions = {row["id"]: question_of(row) for row in connection.execute(asked).mappings()}
    for row in connection.execute(select(t.deferral)).mappings():
        deferral = deferral_of(row, questions.get(row["id"]))
        if deferral.key.run in world.runs:
            world.put_deferral(deferral)


def _load_asset_events(connection: Connection, world: World) -> None:
    """What waits for Dags, and where the ledger ends."""
    number, event = t.asset_event.c.number, t.asset_queue.c.event
    waiting = select(t.asset_queue.c.dag_id.label("waits"), t.asset_event).join(t.asset_event, number == event)
    for row in connection.execute(waiting.order_by(number)).mappings():
        found = asset_event_of(row)
        keys = keys_of(found.name, found.uri, found.aliases)
        world.assets.put(row["waits"], WaitingEvent(found.number, found.at, keys))
    newest = connection.execute(select(t.asset_event).order_by(number.desc()).limit(1)).mappings().first()
    if newest is not None:
        world.assets.next_number, world.assets.last_at = newest["number"] + 1, from_us(newest["at"])


def load_runs(
    connection: Connection, numbers: Iterable[int], world: World, *, keep_version: bool = False
) -> list[LiveRun]:
    """Runs with their tasks, whatever their state; ones in memory are given as they are there."""
    wanted = list(numbers)
    found = [world.runs[n] for n in wanted if n in world.runs]
    missing = [n for n in wanted if n not in world.runs]
    if not missing:
        return found
    tasks = _tasks_by_run(connection, t.task_instance.c.run.in_(missing))
    loaded: dict[int, LiveRun] = {}
    for row in connection.execute(select(t.run).where(t.run.c.number.in_(missing))).mappings():
        run = run_of(row)
        plan = _plan_of(connection, world, run, keep_version=keep_version)
        if plan is not None:
            live = loaded[run.number] = LiveRun(run, plan, tasks[run.number])
            _load_previous(connection, world, live)
    _load_xcoms(connection, loaded, t.xcom.c.run.in_(missing))
    return found + list(loaded.values())


def _load_previous(connection: Connection, world: World, live: LiveRun) -> None:
    """What the run's tasks see of the run before, where any of them looks."""
    if not live.plan.past:
        return
    run = live.run
    live.previous = run_before(connection, world, run.dag_id, place_of(run), catchup=live.plan.spec.catchup)


def run_before(connection: Connection, world: World, dag_id: str, place: Place, *, catchup: bool) -> PreviousRun | None:
    """The run of the Dag that comes before this place among the stored ones, with its states if it is over."""
    at, number = to_us(place[0]), place[1]
    condition = [t.run.c.dag_id == dag_id, or_(t.run_place < at, and_(t.run_place == at, t.run.c.number < number))]
    found = _newest(connection, [*condition, *([t.run.c.run_type != RunType.MANUAL.value] if catchup else [])], most=1)
    for run in found:
        if run.number not in world.runs:
            run.states = _states(connection, run.number)
    return found[0] if found else None


def _newest(connection: Connection, condition: Sequence[ColumnElement[bool]], *, most: int) -> list[PreviousRun]:
    rows = connection.execute(
        select(t.run).where(*condition).order_by(t.run_place.desc(), t.run.c.number.desc()).limit(most)
    ).mappings()
    return [as_previous(run_of(row)) for row in rows]


def _states(connection: Connection, number: int) -> dict[str, tuple[TaskState, ...]]:
    states: dict[str, list[TaskState]] = defaultdict(list)
    columns = select(t.task_instance.c.task_id, t.task_instance.c.state).where(t.task_instance.c.run == number)
    for task_id, state in connection.execute(columns):
        states[task_id].append(TaskState(state))
    return {task_id: tuple(found) for task_id, found in states.items()}


def _plan_of(connection: Connection, world: World, run: DagRun, *, keep_version: bool = False) -> Plan | None:
    """A run goes by the newest version of its Dag, unless it was told to stay with its own."""
    newest = None if run.pinned or keep_version else world.plans.get(run.dag_id)
    return newest or plan_of_version(connection, run.version) or world.plans.get(run.dag_id)


def plan_of_version(connection: Connection, version: str) -> Plan | None:
    """The plan of a stored version, or None if it is not stored."""
    encoded = connection.execute(select(t.dag_version.c.spec).where(t.dag_version.c.id == version)).scalar()
    return Plan(decode_spec(encoded), version) if encoded is not None else None


def _load_past(connection: Connection, world: World) -> None:
    """For Dags whose tasks look at the run before: the runs that are over and may be the one before a run to come."""
    for dag_id, plan in world.plans.items():
        if not plan.past:
            continue
        over = [t.run.c.dag_id == dag_id, t.run.c.state.not_in(OPEN_RUNS)]
        newest = _newest(connection, over, most=MOST_OVER)
        if all(run.is_manual for run in newest):
            newest += _newest(connection, [*over, t.run.c.run_type != RunType.MANUAL.value], most=1)
        found = worth_keeping(newest, most=MOST_OVER)
        for run in found:
            run.states = _states(connection, run.number)
        world.last_states[dag_id] = found


def _set_timers(world: World, now: datetime) -> None:
    for live in world.runs.values():
        spec, run = live.plan.spec, live.run
        for task in live.tasks.values():
            if task.state is TaskState.SCHEDULED and (task_spec := live.spec_of(task.key.task_id)) is not None:
                world.queue_ready(live, task, task_spec)
            elif live.quarantine:
                continue  # what set it aside may be this very timer
            elif task.state in (TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE):
                world.at(task.not_before or now, "task", task.key)
        if live.quarantine:
            continue
        if run.state is RunState.RUNNING and spec.dagrun_timeout_seconds and run.start_date:
            world.at(run.start_date + timedelta(seconds=spec.dagrun_timeout_seconds), "run_timeout", run.number)
        if run.state is RunState.QUEUED:
            world.at(max(run.run_after, now), "start_runs", run.dag_id)
    for deferral in world.deferrals.values():
        kind = "deferral" if deferral.question is None else "question"
        for moment in (deferral.at, deferral.timeout_at):
            if moment is not None and deferral.answer is None and not world.runs[deferral.key.run].quarantine:
                world.at(moment, kind, deferral.key)
    for dag_id in world.assets.queues:
        world.at(now, "assets", dag_id)
    for dag_id in world.backfills:
        world.at(now, "backfill", dag_id)
    for record in world.dags.values():
        if record.next_due is not None and not record.is_paused and not record.is_stale:
            world.at(record.next_due.run_after, "schedule", record.dag_id)
            if record.next_due.run_after - WAKE_AHEAD > now:
                world.at(record.next_due.run_after - WAKE_AHEAD, "wake", record.dag_id)
