"""Building the World from the database: at start, after a takeover, and after a commit that failed."""

import gc
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, Table, and_, or_, select
from sqlalchemy.exc import DBAPIError

from tradewind.core.asset_queue import WaitingEvent
from tradewind.core.assets import keys_of
from tradewind.core.backfill_plan import Action, LiveBackfill
from tradewind.core.deadlines import overdue
from tradewind.core.errors import InvalidInput, Unreadable
from tradewind.core.past import Place, PreviousRun, as_previous, place_of, worth_keeping
from tradewind.core.plan import Plan
from tradewind.core.plans import Packing
from tradewind.core.records import AssetEvent, Attempt, DagRun, Deferral, SetAside, TaskInstance, TaskKey
from tradewind.core.runs import WAKE_AHEAD
from tradewind.core.soundness import LONGEST_ID
from tradewind.core.states import FINISHED, RUN_FINISHED, RunState, RunType, TaskState
from tradewind.core.turn import WITH_DEFERRAL
from tradewind.core.watching import wanted_watcher
from tradewind.core.world import IN_MOTION, MOST_OVER, LiveRun, World
from tradewind.store import checked
from tradewind.store import tables as t
from tradewind.store.checked import raw, read
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
    watched_of,
)
from tradewind.store.specs import decode_spec, pack_spec, unpack_spec
from tradewind.store.times import from_us, to_us

DAGS_AT_ONCE = 500
"""Dags whose versions are read together."""

OPEN_RUNS = (RunState.QUEUED.value, RunState.RUNNING.value)

# Statements that are the same in each load are written once: SQLAlchemy keeps with each what it was compiled to.
_OPENED = select(t.run.c.number).where(t.run.c.state.in_(OPEN_RUNS))
_OPEN_OR_ODD = or_(t.run.c.state.in_(OPEN_RUNS), t.run.c.state.not_in([state.value for state in RunState]))
_TASKS = select(*raw(*(t.task_instance.c[name] for name in TASK_COLUMNS)))
_OPENED_TASKS = _TASKS.where(t.task_instance.c.run.in_(_OPENED))
_XCOMS = select(*raw(t.xcom.c.run, t.xcom.c.task_id, t.xcom.c.map_index, t.xcom.c.key, t.xcom.c.length))
_OPENED_XCOMS = _XCOMS.where(t.xcom.c.run.in_(_OPENED))
_ACTIVE_BACKFILL = t.backfill.c.state == "active"
_ACTIVE_ATTEMPT = t.attempt.c.state.in_(("assigned", "running"))
_WAITING_QUESTION = t.question.c.id.in_(select(t.deferral.c.id))
_OVER_WITH_DEADLINES = select(*raw(t.run)).where(
    t.run.c.number.in_(select(t.deadline.c.run)), t.run.c.state.not_in(OPEN_RUNS)
)
_WAITING_EVENTS = (
    select(*raw(t.asset_event), t.asset_queue.c.dag_id.label("waits"))
    .join(t.asset_event, t.asset_event.c.number == t.asset_queue.c.event)
    .order_by(t.asset_event.c.number)
)
_GATHERED_EVENTS = (
    select(
        *raw(t.asset_event), t.partition_queue.c.dag_id.label("waits"), t.partition_queue.c.partition.label("target")
    )
    .join(t.asset_event, t.asset_event.c.number == t.partition_queue.c.event)
    .order_by(t.asset_event.c.number)
)
_NEWEST_EVENT = (
    select(*raw(t.asset_event.c.number, t.asset_event.c.at))
    .where(t.asset_event.c.number <= checked.MOST_NUMBER)
    .order_by(t.asset_event.c.number.desc())
    .limit(1)
)


def load_world(
    engine: Engine, *, parallelism: int, next_run_number: int, now: datetime, max_retry_delay_seconds: float = 86400.0,
    success_clears_store: bool = False,
) -> World:  # fmt: skip
    """Everything unfinished. Costs what is unfinished, never the history."""
    world = World(
        parallelism=parallelism,
        max_retry_delay_seconds=max_retry_delay_seconds,
        success_clears_store=success_clears_store,
        packing=Packing(pack_spec, unpack_spec),
    )
    world.next_run_number = next_run_number
    # What is built here stays: the collector would look through it again and again (a quarter of the time).
    with _without_collector(), engine.connect() as connection:
        _load_pools(connection, world)
        past = _load_dags(connection, world)
        _load_past(connection, world, past)
        _load_backfills(connection, world)
        _load_runs(connection, world)
        _load_attempts(connection, world)
        _load_deferrals(connection, world)
        _load_deadlines(connection, world)
        _load_asset_events(connection, world)
        _load_watchers(connection, world)
    _look_at_runs(world, now)
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


def _load_pools(connection: Connection, world: World) -> None:
    for row in _sound(connection, world, t.pool):
        world.pools[row["name"]] = pool_of(row)


def _load_dags(connection: Connection, world: World) -> list[str]:
    """What a Dag's own row says, and the version that it names; a query for many, since most Dags are idle.

    Gives the Dags whose tasks look at the run before: asking their plans later would unpack each of them.
    """
    past, all_rows = list[str](), list(_sound(connection, world, t.dag, dag_id="dag_id"))
    for begin in range(0, len(all_rows), DAGS_AT_ONCE):
        rows = all_rows[begin : begin + DAGS_AT_ONCE]
        versions = _stored_versions(connection, [row["version"] for row in rows])
        for row in rows:
            _load_dag(world, row, versions, past)
    return past


def _load_dag(world: World, row: dict[str, Any], versions: Mapping[str, Mapping[Any, Any]], past: list[str]) -> None:
    dag_id = row["dag_id"]
    try:
        record = dag_of(row)
        if len(dag_id) > LONGEST_ID:
            raise ValueError(f"its dag_id has more than {LONGEST_ID} characters")
    except ValueError as error:
        fault = f"{checked.name_of(t.dag, row)}: {error}; mend the row or delete it."
        world.leave(SetAside("dag", dag_id, fault, dag_id))
        return
    try:
        plan, encoded = _stored_plan(versions, dag_id, record.version)
    except Unreadable as fault:
        world.unplanned[dag_id] = record
        world.leave(SetAside("dag_version", record.version, str(fault), dag_id))
    else:
        world.set_dag(record, plan, encoded)
        if plan.past:
            past.append(dag_id)


def _load_backfills(connection: Connection, world: World) -> None:
    """Backfills that are not over, and the dates whose turn has not come; their runs follow with the other runs."""
    for row in _sound(connection, world, t.backfill, _ACTIVE_BACKFILL, dag_id="dag_id"):
        name = str(row["id"])
        held = LiveBackfill(backfill_of(row))
        dag_id = held.record.dag_id
        mine = select(*raw(t.backfill_run)).where(t.backfill_run.c.backfill == held.record.id)
        try:
            if dag_id not in world.dags or dag_id in world.backfills:
                why = "has another backfill that is not over" if dag_id in world.dags else "is not known or set aside"
                raise Unreadable(f"{checked.name_of(t.backfill, row)}: its Dag {dag_id!r} {why}.")
            waiting = mine.where(t.backfill_run.c.is_done.is_(False)).order_by(t.backfill_run.c.position)
            held.waiting.extend(slot_of(checked.sound(t.backfill_run, slot)) for slot in read(connection, waiting))
            begun = mine.where(t.backfill_run.c.is_done, t.backfill_run.c.action != Action.LEAVE.value)
            first = read(connection, begun.order_by(t.backfill_run.c.position).limit(1))
            held.first = checked.sound(t.backfill_run, first[0])["run"] if first else None
        except (Unreadable, ValueError) as fault:
            world.leave(SetAside("backfill", name, f"Backfill {name} stands still: {fault}", dag_id))
        else:
            world.backfills[dag_id] = held


def _load_runs(connection: Connection, world: World) -> None:
    """Runs that are not over. One of which anything cannot be read is left out, with the reason."""
    faults: dict[int, str] = {}
    tasks = _tasks_by_run(connection, _OPENED_TASKS, faults)
    read_runs: dict[int, LiveRun] = {}
    for row in _sound(connection, world, t.run, _OPEN_OR_ODD, dag_id="dag_id", run="number", run_id="run_id"):
        try:
            run = run_of(row)
            if run.number in faults:
                raise Unreadable(faults[run.number])
            live = _live_run(connection, world, run, tasks.get(run.number, ()))
        except (Unreadable, ValueError) as fault:
            number = row["number"]
            world.leave(SetAside("run", str(number), str(fault), row["dag_id"], number, row["run_id"]))
        else:
            read_runs[run.number] = live
    _load_xcoms(connection, read_runs, _OPENED_XCOMS, faults)
    for number, live in read_runs.items():
        if number in faults:
            run = live.run
            world.leave(SetAside("run", str(number), faults[number], run.dag_id, number, run.run_id))
        else:
            world.add_run(live)


def _live_run(
    connection: Connection, world: World, run: DagRun, tasks: Iterable[TaskInstance], *, keep_version: bool = False
) -> LiveRun:
    """A run as memory holds it. Raises Unreadable when it cannot go on."""
    if run.dag_id not in world.dags:
        fault = world.fault_of_dag(run.dag_id) or f"no Dag {run.dag_id!r} is stored; delete the run."
        raise Unreadable(f"Run {run.run_id!r} has no Dag: {fault}")
    live = LiveRun(run, _plan_of(connection, world, run, keep_version=keep_version), tasks)
    _load_previous(connection, world, live)
    return live


_Faults = dict[int, str]
"""By the number of a run, what of it cannot be read."""


def _tasks_by_run(connection: Connection, query: Select[Any], faults: _Faults) -> dict[int, list[TaskInstance]]:
    try:
        return _take_tasks(connection, query, faults, _sound_shapes)
    except DBAPIError as error:
        if not checked.is_about_text(error):
            raise
    with checked.any_text(connection):
        return _take_tasks(connection, query, faults, None)


_sound_shapes: set[tuple[type, ...]] = set()
"""Types of the values of rows that were sound: the next row of such types need not be looked at value by value."""


def _take_tasks(
    connection: Connection, query: Select[Any], faults: _Faults, shapes: set[tuple[type, ...]] | None
) -> dict[int, list[TaskInstance]]:
    tasks: dict[int, list[TaskInstance]] = defaultdict(list)
    for chunk in connection.execute(query).partitions(10_000):
        for row in chunk:
            shape = tuple(map(type, row))
            try:
                if shapes is None or shape not in shapes:
                    checked.sound(t.task_instance, row._mapping)
                    if shapes is not None:
                        shapes.add(shape)
                task = task_of(row)
                if min(task.key.map_index + 1, task.try_number, task.max_tries, task.leg, task.losses) < 0:
                    checked.sound(t.task_instance, row._mapping)
                tasks[row[0]].append(task)
            except (Unreadable, KeyError, OverflowError) as error:
                faults.setdefault(row[0], _task_fault(row, error))
    return tasks


def _task_fault(row: Row[Any], error: Exception) -> str:
    try:
        checked.sound(t.task_instance, row._mapping)
    except Unreadable as fault:
        return str(fault)
    return f"{checked.name_of(t.task_instance, row._mapping)}: {type(error).__name__}: {error}"


def _load_xcoms(connection: Connection, runs: Mapping[int, LiveRun], query: Select[Any], faults: _Faults) -> None:
    for row in read(connection, query):
        live = runs.get(row["run"])
        if live is None:
            continue
        try:
            sound = checked.sound(t.xcom, row)
        except Unreadable as fault:
            faults.setdefault(row["run"], str(fault))
            continue
        key = TaskKey(live.run.number, sound["task_id"], sound["map_index"])
        live.keep_xcom(key, sound["key"], b"", sound["length"])
    # Offers read the values themselves from the database when memory has none.
    for live in runs.values():
        live.xcoms.clear()


def _load_attempts(connection: Connection, world: World) -> None:
    attempts = [attempt_of(row) for row in _sound(connection, world, t.attempt, _ACTIVE_ATTEMPT, run="run")]
    missing = {attempt.key.run for attempt in attempts} - world.runs.keys()
    for number in sorted(n for n in missing if not world.fault_of_run(n)):
        try:
            found = load_runs(connection, [number], world)
        except Unreadable as fault:
            world.leave(SetAside("run", str(number), str(fault), run=number))
            continue
        for live in found:
            world.add_run(live)
    for attempt in attempts:
        _put_attempt(world, attempt)


def _put_attempt(world: World, attempt: Attempt) -> None:
    number, task_id, _ = attempt.key
    task = world.task(attempt.key)
    if task is not None and attempt.key not in world.active_of:
        world.put_attempt(attempt)
    elif number not in world.runs and world.fault_of_run(number):
        world.unread.add(attempt.id)
    else:
        why = "names no task instance" if task is None else "is the second of its task that is under way"
        reason = f"Attempt {attempt.id} of run {number}, task {task_id!r}, {why}."
        world.leave(SetAside("attempt", attempt.id, reason))
        if number in world.runs:
            _stand_still(world, world.runs[number], reason)


def _load_deferrals(connection: Connection, world: World) -> None:
    questions = {
        row["id"]: question_of(row) for row in _sound(connection, world, t.question, _WAITING_QUESTION, run="run")
    }
    for row in _sound(connection, world, t.deferral, run="run"):
        deferral = deferral_of(row, questions.get(row["id"]))
        task = world.task(deferral.key)
        if task is not None and _belongs_to(deferral, task) and deferral.id not in world.deferred_as:
            world.put_deferral(deferral)
        elif task is not None or not world.fault_of_run(deferral.key.run):
            fault = f"{checked.name_of(t.deferral, row)}: it belongs to no task instance that is deferred."
            world.leave(SetAside("deferral", deferral.id, fault))


def _belongs_to(deferral: Deferral, task: TaskInstance) -> bool:
    if deferral.is_kept:
        return task.state is TaskState.UP_FOR_RETRY or task.state in WITH_DEFERRAL
    waits_otherwise = TaskState.DEFERRED if deferral.question is not None else TaskState.AWAITING_INPUT
    return task.state in WITH_DEFERRAL and task.state is not waits_otherwise


def _look_at_runs(world: World, now: datetime) -> None:
    """A run whose rows contradict one another would wait for ever: it stands still, and says why."""
    for number, live in world.runs.items():
        if live.quarantine or live.run.state in RUN_FINISHED:
            continue
        unknown = live.instances.keys() - live.plan.spec.tasks.keys()
        if any(live.tasks[t, m].state not in FINISHED for t in unknown for m in live.instances[t]):
            world.at(now, "run", number)  # tasks that its Dag does not have are removed
        elif live.in_motion:
            moving = (task for task in live.tasks.values() if task.state in IN_MOTION)
            fault = next((fault for task in moving if (fault := _contradiction(world, task))), "")
            if fault:
                _stand_still(world, live, fault)
        elif live.active == 0 and live.run.state is RunState.RUNNING:
            # Whatever it waits for may have happened without anybody's notice.
            world.at(now, "run", number)


def _contradiction(world: World, task: TaskInstance) -> str:
    name = f"Task {task.key.task_id!r}{f'[{task.key.map_index}]' if task.key.map_index >= 0 else ''}"
    match task.state:
        case TaskState.QUEUED | TaskState.RUNNING | TaskState.RESTARTING:
            if task.attempt is None or world.active_of.get(task.key) != task.attempt:
                return f"{name} is {task.state}, but its attempt {task.attempt} is not under way."
        case TaskState.DEFERRED:
            deferral = world.deferrals.get(task.key)
            if deferral is None or deferral.answer is not None:
                return f"{name} is deferred, but nothing is stored about what it waits for."
        case TaskState.AWAITING_INPUT:
            deferral = world.deferrals.get(task.key)
            if deferral is None or deferral.answer is not None:
                return f"{name} waits for an answer, but nothing is stored about what it asks."
        case TaskState.UP_FOR_RETRY | TaskState.UP_FOR_RESCHEDULE:
            if task.not_before is None:
                return f"{name} is {task.state}, but no moment is stored at which it goes on."
    return ""


def _stand_still(world: World, live: LiveRun, fault: str) -> None:
    """A run is set aside where it is. The owner stores that."""
    run = live.run
    if not run.quarantine:
        live.run = run._replace(quarantine=fault)
        world.leave(SetAside("run", str(run.number), fault, run.dag_id, run.number, run.run_id, is_out=False))


def _load_deadlines(connection: Connection, world: World) -> None:
    """The moments that runs have been given, and how long past runs took where a Dag's deadlines look at them."""
    found: dict[int, dict[str, datetime]] = {}
    for row in _sound(connection, world, t.deadline, run="run"):
        moment = from_us(row["at"])
        if moment is not None:
            found.setdefault(row["run"], {})[row["name"]] = moment
    for number, live in world.runs.items():
        if (moments := found.get(number)) is not None:
            live.deadlines = moments
    for over_row in read(connection, _OVER_WITH_DEADLINES) if found else ():
        try:
            run = run_of(checked.sound(t.run, over_row))
        except (Unreadable, ValueError):
            continue  # nobody can be told of a run that cannot be read
        if run.number in found:
            world.overdue[run.number] = overdue(run, found[run.number])
    for row in _sound(connection, world, t.runtime, dag_id="dag_id"):
        world.runtimes[row["dag_id"]] = tuple(json.loads(row["seconds"]))


def _load_watchers(connection: Connection, world: World) -> None:
    """Which triggers watch assets follows from the Dags; what became of each is its row's."""
    rows = {row["id"]: watched_of(row) for row in _sound(connection, world, t.watcher)}
    for id in world.watchers.ids:
        if (wanted := wanted_watcher(world, id)) is not None:
            known = rows.get(id, wanted)
            world.watchers.active[id] = wanted._replace(
                failures=known.failures, error=known.error, retry_at=known.retry_at
            )


def _load_asset_events(connection: Connection, world: World) -> None:
    """What waits for Dags, and where the ledger ends."""
    for dag_id, found, _ in _events(connection, world, _WAITING_EVENTS):
        world.assets.put(dag_id, _waiting(found))
    for dag_id, found, row in _events(connection, world, _GATHERED_EVENTS):
        world.assets.put_partition(dag_id, row["target"], _waiting(found))
    _load_end_of_ledger(connection, world)


def _events(
    connection: Connection, world: World, query: Select[Any]
) -> Iterator[tuple[str, AssetEvent, Mapping[str, Any]]]:
    """The events that are what they should be, each with the Dag that it waits for; of the others World is told."""
    for row in read(connection, query):
        try:
            found = asset_event_of(checked.sound(t.asset_event, row))
        except (Unreadable, ValueError, TypeError) as fault:
            world.leave(SetAside("asset_event", str(row["number"]), str(fault), row["waits"]))
            continue
        if row["waits"] in world.dags:
            yield row["waits"], found, row


def _load_end_of_ledger(connection: Connection, world: World) -> None:
    """The newest number that can be one; what SQLite sorts above all numbers is none."""
    for row in read(connection, _NEWEST_EVENT):
        world.assets.next_number = row["number"] + 1
        try:
            world.assets.last_at = from_us(checked.sound(t.asset_event, row)["at"])
        except Unreadable as fault:
            world.leave(SetAside("asset_event", str(row["number"]), str(fault)))


@cache
def _all_of(table: Table) -> Select[Any]:
    return select(*raw(table))


@cache
def _those_of(table: Table, condition: ColumnElement[bool]) -> Select[Any]:
    return _all_of(table).where(condition).order_by(*table.primary_key.columns)


def _sound(
    connection: Connection,
    world: World,
    table: Table,
    condition: ColumnElement[bool] | None = None,
    *,
    dag_id: str = "",
    run: str = "",
    run_id: str = "",
) -> Iterator[dict[str, Any]]:
    """The rows of a table that are what they should be; of the others World is told. The names are those of the
    columns that say which Dag and run a row belongs to, `condition` is one of the above."""
    for row in read(connection, _all_of(table) if condition is None else _those_of(table, condition)):
        try:
            yield checked.sound(table, row)
        except Unreadable as fault:
            keys = [str(row[column.name]) for column in table.primary_key.columns]
            number = row[run] if run and isinstance(row[run], int) else None
            names = [value if isinstance(value := row[name] if name else "", str) else "" for name in (dag_id, run_id)]
            world.leave(SetAside(table.name, " ".join(keys), str(fault), names[0], number, names[1]))


def _waiting(event: AssetEvent) -> WaitingEvent:
    keys = keys_of(event.name, event.uri, event.aliases)
    return WaitingEvent(event.number, event.at, keys, event.partition_key, event.partition_date)


def load_runs(
    connection: Connection, numbers: Iterable[int], world: World, *, keep_version: bool = False
) -> list[LiveRun]:
    """Runs with their tasks, whatever their state; ones in memory are given as they are there.

    Raises Unreadable when one of them is not what it should be.
    """
    wanted = list(numbers)
    found = [world.runs[n] for n in wanted if n in world.runs]
    missing = [n for n in wanted if n not in world.runs]
    if not missing:
        return found
    faults: _Faults = {}
    tasks = _tasks_by_run(connection, _TASKS.where(t.task_instance.c.run.in_(missing)), faults)
    loaded: dict[int, LiveRun] = {}
    query = select(*raw(t.run)).where(t.run.c.number.in_(missing))
    rows = {row["number"]: row for row in read(connection, query)}
    for number in (number for number in missing if number in rows):
        run = run_of(checked.sound(t.run, rows[number]))
        loaded[number] = _live_run(connection, world, run, tasks.get(number, ()), keep_version=keep_version)
    _load_xcoms(connection, loaded, _XCOMS.where(t.xcom.c.run.in_(missing)), faults)
    for number, fault in faults.items():
        raise Unreadable(f"Run {loaded[number].run.run_id if number in loaded else number} cannot be read: {fault}")
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
    query = select(*raw(t.run)).where(*condition).order_by(t.run_place.desc(), t.run.c.number.desc()).limit(most)
    return [as_previous(run_of(checked.sound(t.run, row))) for row in read(connection, query)]


def _states(connection: Connection, number: int) -> dict[str, tuple[TaskState, ...]]:
    states: dict[str, list[TaskState]] = defaultdict(list)
    columns = raw(t.task_instance.c.run, t.task_instance.c.task_id, t.task_instance.c.state)
    for row in read(connection, select(*columns).where(t.task_instance.c.run == number)):
        checked.sound(t.task_instance, row)
        states[row["task_id"]].append(TaskState(row["state"]))
    return {task_id: tuple(found) for task_id, found in states.items()}


def _plan_of(connection: Connection, world: World, run: DagRun, *, keep_version: bool = False) -> Plan:
    """A run goes by the newest version of its Dag, unless it was told to stay with its own."""
    newest = None if run.pinned or keep_version else world.plans.get(run.dag_id)
    return newest or plan_of_version(connection, run.version) or world.plans[run.dag_id]


def plan_of_version(connection: Connection, version: str) -> Plan | None:
    """The plan of a stored version, or None if it is not stored. Raises Unreadable when it is no Dag."""
    row = _stored_versions(connection, [version]).get(version)
    return None if row is None else _plan_in(row, version)[0]


def _stored_versions(connection: Connection, versions: list[str]) -> dict[str, Mapping[Any, Any]]:
    query = select(*raw(t.dag_version.c.id, t.dag_version.c.spec)).where(t.dag_version.c.id.in_(versions))
    return {row["id"]: row for row in read(connection, query)}


def _plan_in(row: Mapping[Any, Any], version: str) -> tuple[Plan, bytes]:
    encoded = checked.sound(t.dag_version, row)["spec"]
    try:
        return Plan(decode_spec(encoded), version), encoded
    except InvalidInput as fault:
        raise Unreadable(f"Version {version} of a Dag is not what was stored: {fault}") from None


def _stored_plan(versions: Mapping[str, Mapping[Any, Any]], dag_id: str, version: str) -> tuple[Plan, bytes]:
    again = f"`tradewind dags reserialize` has the file of Dag {dag_id!r} parsed again."
    if version not in versions:
        raise Unreadable(f"Dag {dag_id!r} is of version {version!r}, which is not stored. {again}")
    plan, encoded = _plan_in(versions[version], version)
    if plan.spec.dag_id != dag_id:
        raise Unreadable(f"Dag {dag_id!r} is of version {version!r}, which is one of {plan.spec.dag_id!r}. {again}")
    return plan, encoded


def _load_past(connection: Connection, world: World, dag_ids: Iterable[str]) -> None:
    """For Dags whose tasks look at the run before: the runs that are over and may be the one before a run to come."""
    gone: list[SetAside] = []
    for dag_id in dag_ids:
        over = [t.run.c.dag_id == dag_id, t.run.c.state.not_in(OPEN_RUNS)]
        try:
            newest = _newest(connection, over, most=MOST_OVER)
            further: list[PreviousRun] = []
            if all(run.is_manual for run in newest):
                further += _newest(connection, [*over, t.run.c.run_type != RunType.MANUAL.value], most=1)
            if not any(run.is_scheduled for run in (*newest, *further)):
                further += _newest(connection, [*over, t.run.c.run_type == RunType.SCHEDULED.value], most=1)
            found = worth_keeping([*newest, *further], most=MOST_OVER)
            for run in found:
                run.states = _states(connection, run.number)
        except Unreadable as fault:
            gone.append(SetAside("dag", dag_id, f"What ran before its next run cannot be read: {fault}", dag_id))
        else:
            world.last_states[dag_id] = found
    for one in gone:
        # Its next run would begin as if there had been none before: rather nothing of it runs.
        world.forget_dag(one.dag_id)
        world.leave(one)


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
        if run.state not in RUN_FINISHED:
            for name, at in live.deadlines.items():
                world.at(at, "deadline", (run.number, name))
        if run.state is RunState.QUEUED:
            world.at(max(run.run_after, now), "start_runs", run.dag_id)
    for number, late in world.overdue.items():
        for name, at in late.deadlines.items():
            world.at(at, "deadline", (number, name))
    for deferral in world.deferrals.values():
        kind = "deferral" if deferral.question is None else "question"
        for moment in (deferral.at, deferral.timeout_at):
            if moment is not None and deferral.answer is None and not world.runs[deferral.key.run].quarantine:
                world.at(moment, kind, deferral.key)
    for dag_id in (*world.assets.queues, *world.assets.partitions):
        world.at(now, "assets", dag_id)
    for watched in world.watchers.active.values():
        if watched.retry_at is not None:
            world.at(watched.retry_at, "watcher", watched.id)
    for dag_id in world.backfills:
        world.at(now, "backfill", dag_id)
    for record in world.dags.values():
        if record.next_due is not None and not record.is_paused and not record.is_stale:
            world.at(record.next_due.run_after, "schedule", record.dag_id)
            if record.next_due.run_after - WAKE_AHEAD > now:
                world.at(record.next_due.run_after - WAKE_AHEAD, "wake", record.dag_id)
