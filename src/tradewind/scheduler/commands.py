"""What people ask for: from a Command's kind and body to an input of the owner.

Each kind is one function. It reads what it needs from the database and the World inside the owner's turn, when every
earlier command is applied, and returns the input to decide on; refusals are TradewindErrors with one sentence.
"""

import re
from datetime import datetime
from typing import Any

from tradewind.core import watching
from tradewind.core.dag import DagSpec
from tradewind.core.decisions import DropRows, Operation, PutRow, PutRun, Record
from tradewind.core.errors import DagNotFound, InvalidInput, NotOver, RunNotFound, TooManyRuns
from tradewind.core.inputs import CreateRun, MarkRun, SetPaused, TakeNewTasks
from tradewind.core.records import AssetEvent, DagRun, Question
from tradewind.core.states import RunState, RunType
from tradewind.core.timetables import DataInterval
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun
from tradewind.scheduler import (  # noqa: F401 - commands are found by their names
    accounts,
    alert_wishes,
    asset_wishes,
    questions,
    reruns,
    state_stores,
    surroundings,
    task_edits,
)
from tradewind.scheduler.owner import Rows
from tradewind.scheduler.params import check_conf
from tradewind.scheduler.wishes import HANDLERS, Body, Context, Wish, check_body, handles, moment, one_of
from tradewind.store import loader, queries
from tradewind.store.times import from_us, to_us

RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")
LONGEST_NOTE = 1000
MOST_OPEN_RUNS = 10_000
"""Runs of one Dag that are not over, when somebody asks for one more."""
RESERVED_PREFIX = re.compile(r"(scheduled|backfill|asset_triggered|asset_materialization)__")


def wish_of(context: Context, kind: str, body: Body, actor: str) -> Wish:
    """The input that a command stands for. Raises TradewindError with what is wrong."""
    handler = HANDLERS.get(kind)
    if handler is None:
        raise InvalidInput(f"There is no command {kind!r}; there are {', '.join(sorted(HANDLERS))}.")
    check_body(kind, body)
    try:
        return handler(context, body, actor)
    except KeyError as missing:
        raise InvalidInput(f"Command {kind} needs the field {missing}.") from None
    except (TypeError, ValueError, AttributeError, OverflowError) as fault:
        raise InvalidInput(f"Command {kind} has a field with a value that it cannot have: {fault}.") from fault


def answer_of(kind: str, answer: Any) -> Any:
    """What the owner's answer looks like to the one who asked."""
    if isinstance(answer, DagRun):
        return run_fields(answer)
    if kind == "asset.event":
        return {"events": [event_fields(event) for event in answer or ()]}
    if isinstance(answer, Question):
        return questions.answer_fields(answer)
    return reruns.answer_of(answer)


def run_fields(run: DagRun) -> dict[str, Any]:
    """A run as plain values; times are ISO 8601."""
    return {
        "number": run.number,
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "run_type": run.run_type.value,
        "state": run.state.value,
        "logical_date": run.logical_date.isoformat() if run.logical_date else None,
        "data_interval_start": run.data_interval_start.isoformat() if run.data_interval_start else None,
        "data_interval_end": run.data_interval_end.isoformat() if run.data_interval_end else None,
        "run_after": run.run_after.isoformat(),
        "start_date": run.start_date.isoformat() if run.start_date else None,
        "end_date": run.end_date.isoformat() if run.end_date else None,
        "conf": dict(run.conf),
        "note": run.note,
        "triggering_user": run.triggering_user,
        "partition_key": run.partition_key,
        "partition_date": run.partition_date.isoformat() if run.partition_date else None,
    }


def event_fields(event: AssetEvent) -> dict[str, Any]:
    """An asset event as plain values."""
    return {"number": event.number, "name": event.name, "uri": event.uri, "timestamp": event.at.isoformat()}


# --- runs --------------------------------------------------------------------------------------------------------


@handles("run.create")
def create_run(context: Context, body: Body, actor: str) -> Wish:
    dag_id, run_id = str(body["dag_id"]), body.get("run_id") or None
    conf = body.get("conf") or {}
    if not isinstance(conf, dict):
        raise InvalidInput(f"conf must be a JSON object, not {type(conf).__name__}.")
    if run_id is not None:
        if not RUN_ID.fullmatch(run_id):
            raise InvalidInput(f"run id {run_id!r} may only hold letters, digits and _ . ~ : + - (250 at most).")
        if RESERVED_PREFIX.match(run_id) and body.get("run_type", "manual") == "manual":
            raise InvalidInput(f"run id {run_id!r} looks like another kind of run; choose one without that prefix.")
    logical = moment(body.get("logical_date"), "logical_date")
    if "logical_date_us" in body:
        logical = from_us(body["logical_date_us"])
    run_after, world, before = moment(body.get("run_after"), "run_after"), context.world(), None
    run_type = one_of(RunType, body.get("run_type", "manual"), "run_type")
    if len(world.open_runs.get(dag_id, ())) >= MOST_OPEN_RUNS:
        raise TooManyRuns(dag_id, MOST_OPEN_RUNS)
    plan = world.plans.get(dag_id)
    if plan is not None:
        _check_allowed(plan.spec, run_type)
        check_conf(dag_id, plan.spec.params, conf)
    with context.engine.connect() as connection:
        taken = queries.run_taking(connection, dag_id, run_id, to_us(logical))
        if plan is not None and plan.past:
            place = (logical or run_after or context.now(), world.next_run_number)
            before = loader.run_before(connection, world, dag_id, place, catchup=plan.spec.catchup)
    return CreateRun(
        dag_id=dag_id,
        run_type=run_type,
        run_id=run_id,
        run_after=run_after,
        logical_date=logical,
        interval=_interval(body, logical),
        before=before,
        conf=conf,
        note=body.get("note"),
        triggered_by=body.get("triggered_by", "cli"),
        user=actor or None,
        partition_key=asset_wishes.partition_key(body),
        taken_by=taken,
    )


def _check_allowed(spec: DagSpec, run_type: RunType) -> None:
    allowed = spec.extra.get("allowed_run_types")
    if allowed and run_type not in allowed:
        raise InvalidInput(
            f"Dag {spec.dag_id!r} has no {run_type} runs; its allowed_run_types names {', '.join(allowed)}."
        )


def _interval(body: Body, logical: datetime | None) -> DataInterval | None:
    start = moment(body.get("data_interval_start"), "data_interval_start")
    end = moment(body.get("data_interval_end"), "data_interval_end")
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise InvalidInput("data_interval_start and data_interval_end go together; give both or neither.")
    if start > end:
        raise InvalidInput("data_interval_start is after data_interval_end; give the earlier one as the start.")
    if logical is None:
        raise InvalidInput("A run without logical date covers no interval; give logical_date too, or leave them out.")
    return DataInterval(start, end)


def _run(context: Context, body: Body) -> tuple[LiveRun, tuple[LiveRun, ...]]:
    """The run that a command names, brought back into memory when it is over."""
    world = context.world()
    dag_id, run_id = str(body["dag_id"]), str(body["run_id"])
    if dag_id not in world.dags:
        raise DagNotFound(dag_id)
    with context.engine.connect() as connection:
        run = queries.run_asked(connection, dag_id, run_id)
        live = loader.load_runs(connection, [run.number], world)[0]
    return live, () if run.number in world.runs else (live,)


@handles("run.mark")
def mark_run(context: Context, body: Body, actor: str) -> Wish:
    live, loaded = _run(context, body)
    return MarkRun(run=live.run.number, state=one_of(RunState, body["state"], "state"), loaded=loaded)


@handles("run.note")
def note_run(context: Context, body: Body, actor: str) -> Wish:
    """What people say of a run; empty text takes it away."""
    world, dag_id, run_id = context.world(), str(body["dag_id"]), str(body["run_id"])
    if dag_id not in world.dags:
        raise DagNotFound(dag_id)
    with context.engine.connect() as connection:
        run = queries.run_asked(connection, dag_id, run_id)
    note = body["note"] or None
    if note is not None and len(note) > LONGEST_NOTE:
        raise InvalidInput(f"A note has at most {LONGEST_NOTE} characters; this one has {len(note)}.")
    live = world.runs.get(run.number)
    run = (live.run if live is not None else run)._replace(note=note)
    if live is not None:
        live.run = run
    return Rows((PutRun(run, run.state), Record("run.noted", dag_id, run_id, reason=actor)))


@handles("run.take_new_tasks")
def take_new_tasks(context: Context, body: Body, actor: str) -> Wish:
    live, loaded = _run(context, body)
    if live.run.dag_id not in context.world().plans:
        raise DagNotFound(live.run.dag_id)
    return TakeNewTasks(run=live.run.number, loaded=loaded)


@handles("run.delete")
def delete_run(context: Context, body: Body, actor: str) -> Wish:
    """Whatever its rows say: also a run that nothing else can be done with."""
    world, dag_id, run_id = context.world(), str(body["dag_id"]), str(body["run_id"])
    if dag_id not in world.dags and not world.fault_of_dag(dag_id):
        raise DagNotFound(dag_id)
    with context.engine.connect() as connection:
        number = queries.number_of_run(connection, dag_id, run_id)
        if number is None:
            raise RunNotFound(dag_id, run_id)
    if number in world.runs:
        raise NotOver(f"Run {run_id} is not over; mark it failed first.")
    # Others may stand still because of it.
    mends = any(left.run == number or left.name == str(number) for left in world.set_aside.values())
    world.overdue.pop(number, None)
    return Rows(_delete_runs(dag_id, [(number, run_id)]), reads_again=mends or bool(world.fault_of_dag(dag_id)))


_TABLES_OF_A_RUN = (
    "task_instance", "attempt", "xcom", "rendered", "callback", "deadline", "asset_run", "deferral", "question",
    "task_state_store", "task_note",
)  # fmt: skip


def _delete_runs(dag_id: str, runs: list[tuple[int, str]]) -> tuple[Operation, ...]:
    operations: list[Operation] = []
    for number, run_id in runs:
        for table in _TABLES_OF_A_RUN:
            operations.append(DropRows(table, {"run": number}))
        operations.append(DropRows("run", {"number": number}))
        operations.append(Record("run.deleted", dag_id, run_id))
    return tuple(operations)


# --- Dags --------------------------------------------------------------------------------------------------------


@handles("dag.pause")
def pause(context: Context, body: Body, actor: str) -> Wish:
    return SetPaused(dag_id=str(body["dag_id"]), paused=True)


@handles("dag.unpause")
def unpause(context: Context, body: Body, actor: str) -> Wish:
    return SetPaused(dag_id=str(body["dag_id"]), paused=False)


@handles("dag.delete")
def delete_dag(context: Context, body: Body, actor: str) -> Wish:
    world, dag_id = context.world(), str(body["dag_id"])
    if dag_id not in world.dags and not world.fault_of_dag(dag_id):
        raise DagNotFound(dag_id)
    if world.open_runs.get(dag_id):
        raise NotOver(f"Dag {dag_id} has runs that are not over; mark them failed first.")
    if dag_id in world.backfills:
        raise NotOver(f"Dag {dag_id} has a backfill that is not over; cancel it first.")
    with context.engine.connect() as connection:
        backfills = queries.backfill_numbers(connection, dag_id)
        runs = queries.runs_of(connection, dag_id)
    mends = dag_id not in world.dags
    plan = world.plans.get(dag_id)
    world.forget_dag(dag_id)
    for number, _ in runs:
        world.overdue.pop(number, None)
    turn = Turn(world, context.now())
    watching.refresh(turn, plan.spec if plan else None)
    rest: tuple[Operation, ...] = (
        *(DropRows("backfill_run", {"backfill": number}) for number in backfills),
        DropRows("backfill", {"dag_id": dag_id}),
        DropRows("dag", {"dag_id": dag_id}),
        DropRows("dag_version", {"dag_id": dag_id}),
        DropRows("asset_queue", {"dag_id": dag_id}),
        DropRows("partition_queue", {"dag_id": dag_id}),
        DropRows("favorite", {"dag_id": dag_id}),
        DropRows("dag_access", {"dag_id": dag_id}),
        DropRows("runtime", {"dag_id": dag_id}),
        Record("dag.gone", dag_id),
    )
    return Rows((*_delete_runs(dag_id, runs), *rest, *turn.operations), reads_again=mends)


@handles("favorite.set")
def set_favorite(context: Context, body: Body, actor: str) -> Wish:
    """Whoever asks wants to find this Dag again quickly."""
    dag_id = str(body["dag_id"])
    if dag_id not in context.world().dags and not context.world().fault_of_dag(dag_id):
        raise DagNotFound(dag_id)
    return Rows((PutRow("favorite", {"username": actor, "dag_id": dag_id}),))


@handles("favorite.delete")
def delete_favorite(context: Context, body: Body, actor: str) -> Wish:
    return Rows((DropRows("favorite", {"username": actor, "dag_id": str(body["dag_id"])}),))


@handles("dag.reparse")
def reparse(context: Context, body: Body, actor: str) -> Wish:
    context.reparse(body.get("file"))
    return Rows(())
