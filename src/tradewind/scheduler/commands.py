"""What people ask for: from a Command's kind and body to an input of the owner.

Each kind is one function. It reads what it needs from the database and the World inside the owner's turn, when every
earlier command is applied, and returns the input to decide on; refusals are TradewindErrors with one sentence.
"""

import json
import re
from typing import Any

from tradewind.core import watching
from tradewind.core.decisions import DropRows, Operation, PutRow, Record
from tradewind.core.errors import DagNotFound, InvalidInput, RunNotFound
from tradewind.core.inputs import AssetsUpdated, AssetUpdate, CreateRun, MarkRun, SetPaused
from tradewind.core.partition_wishes import checked_key
from tradewind.core.records import AssetEvent, DagRun, Pool, Question
from tradewind.core.soundness import LONGEST_ID, MOST
from tradewind.core.states import RunState, RunType
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun
from tradewind.scheduler import accounts, questions, reruns, state_stores  # noqa: F401 - commands are found by names
from tradewind.scheduler.owner import Rows
from tradewind.scheduler.params import check_conf
from tradewind.scheduler.wishes import HANDLERS, Body, Context, Wish, check_body, handles, moment, one_of
from tradewind.store import loader, queries
from tradewind.store.times import from_us, to_us

RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")
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
    plan = world.plans.get(dag_id)
    if plan is not None:
        check_conf(dag_id, plan.spec.params, conf)
    with context.engine.connect() as connection:
        taken = queries.run_taking(connection, dag_id, run_id, to_us(logical))
        if plan is not None and plan.past:
            place = (logical or run_after or context.now(), world.next_run_number)
            before = loader.run_before(connection, world, dag_id, place, catchup=plan.spec.catchup)
    return CreateRun(
        dag_id=dag_id,
        run_type=one_of(RunType, body.get("run_type", "manual"), "run_type"),
        run_id=run_id,
        run_after=run_after,
        logical_date=logical,
        before=before,
        conf=conf,
        note=body.get("note"),
        triggered_by=body.get("triggered_by", "cli"),
        user=actor or None,
        partition_key=_partition_key(body),
        taken_by=taken,
    )


def _partition_key(body: Body) -> str | None:
    key = body.get("partition_key")
    if key is not None and not isinstance(key, str):
        raise InvalidInput(f"partition_key must be text, not {type(key).__name__}.")
    return key if key is None else checked_key(key)


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
        raise InvalidInput(f"Run {run_id} is not over; mark it failed first.")
    # Others may stand still because of it.
    mends = any(left.run == number or left.name == str(number) for left in world.set_aside.values())
    return Rows(_delete_runs(dag_id, [(number, run_id)]), reads_again=mends or bool(world.fault_of_dag(dag_id)))


_TABLES_OF_A_RUN = (
    "task_instance", "attempt", "xcom", "rendered", "callback", "deadline", "asset_run", "deferral", "question",
    "task_state_store",
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
        raise InvalidInput(f"Dag {dag_id} has runs that are not over; mark them failed first.")
    if dag_id in world.backfills:
        raise InvalidInput(f"Dag {dag_id} has a backfill that is not over; cancel it first.")
    with context.engine.connect() as connection:
        backfills = queries.backfill_numbers(connection, dag_id)
        runs = queries.runs_of(connection, dag_id)
    mends = dag_id not in world.dags
    plan = world.plans.get(dag_id)
    world.forget_dag(dag_id)
    turn = Turn(world, context.now())
    watching.refresh(turn, plan.spec if plan else None)
    rest: tuple[Operation, ...] = (
        *(DropRows("backfill_run", {"backfill": number}) for number in backfills),
        DropRows("backfill", {"dag_id": dag_id}),
        DropRows("dag", {"dag_id": dag_id}),
        DropRows("dag_version", {"dag_id": dag_id}),
        DropRows("asset_queue", {"dag_id": dag_id}),
        DropRows("partition_queue", {"dag_id": dag_id}),
        Record("dag.gone", dag_id),
    )
    return Rows((*_delete_runs(dag_id, runs), *rest, *turn.operations), reads_again=mends)


@handles("dag.reparse")
def reparse(context: Context, body: Body, actor: str) -> Wish:
    context.reparse(body.get("file"))
    return Rows(())


# --- assets ------------------------------------------------------------------------------------------------------


@handles("asset.event")
def report_update(context: Context, body: Body, actor: str) -> Wish:
    """An asset was updated outside of any task."""
    name, uri, extra = str(body.get("name") or ""), str(body.get("uri") or ""), body.get("extra") or {}
    if not (name or uri):
        raise InvalidInput("An asset is named by its name or its uri; give one.")
    if not isinstance(extra, dict):
        raise InvalidInput(f"extra must be a JSON object, not {type(extra).__name__}.")
    assets = context.world().assets
    # The ledger's next number is as unique as an id has to be, and comes out the same when this is decided again.
    update = AssetUpdate(name=name, uri=uri, extra=json.dumps(extra).encode(), partition_key=_partition_key(body))
    return AssetsUpdated(id=f"command.{assets.next_number}", updates=(update,), actor=actor)


# --- variables, connections, pools -------------------------------------------------------------------------------


@handles("variable.set")
def set_variable(context: Context, body: Body, actor: str) -> Wish:
    key, value = str(body["key"]), body["value"]
    text = value if isinstance(value, str) else json.dumps(value)
    if not key or len(key) > 250:
        raise InvalidInput("A variable's key has 1 to 250 characters.")
    row = {
        "key": key,
        "value": context.encrypt(text),
        "description": body.get("description"),
        "updated_at": context.now(),
    }
    return Rows((PutRow("variable", row), Record("variable.set", reason=actor, body={"key": key})))


@handles("variable.delete")
def delete_variable(context: Context, body: Body, actor: str) -> Wish:
    key = str(body["key"])
    return Rows((DropRows("variable", {"key": key}), Record("variable.deleted", reason=actor, body={"key": key})))


@handles("connection.set")
def set_connection(context: Context, body: Body, actor: str) -> Wish:
    conn_id, extra, password = str(body["conn_id"]), body.get("extra"), body.get("password")
    if not conn_id:
        raise InvalidInput("A connection needs a conn_id.")
    port = body.get("port")
    if port is not None and not (str(port).isdecimal() and int(port) <= MOST):
        raise InvalidInput(f"Connection {conn_id}: port {port!r} is not a number.")
    row = {
        "conn_id": conn_id,
        "conn_type": str(body.get("conn_type") or "generic"),
        "description": body.get("description"),
        "host": body.get("host"),
        "schema": body.get("schema"),
        "login": body.get("login"),
        "password": context.encrypt(password) if password else None,
        "port": int(port) if port is not None else None,
        "extra": context.encrypt(extra if isinstance(extra, str) else json.dumps(extra)) if extra else None,
        "updated_at": context.now(),
    }
    return Rows((PutRow("connection", row), Record("connection.set", reason=actor, body={"conn_id": conn_id})))


@handles("connection.delete")
def delete_connection(context: Context, body: Body, actor: str) -> Wish:
    conn_id = str(body["conn_id"])
    gone = Record("connection.deleted", reason=actor, body={"conn_id": conn_id})
    return Rows((DropRows("connection", {"conn_id": conn_id}), gone))


@handles("pool.set")
def set_pool(context: Context, body: Body, actor: str) -> Wish:
    name = str(body["name"])
    try:
        slots = int(body["slots"])
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(f"Pool {name}: slots {body['slots']!r} is not a whole number.") from None
    if not name.strip() or len(name) > LONGEST_ID:
        raise InvalidInput(f"A pool needs a name of at most {LONGEST_ID} characters.")
    if slots > MOST:
        raise InvalidInput(f"Pool {name}: slots {slots} is more than {MOST}; -1 means without limit.")
    if slots < -1:
        raise InvalidInput(f"Pool {name}: slots {slots} is less than -1, which means without limit.")
    pool = Pool(
        name=name,
        slots=slots,
        description=str(body.get("description") or ""),
        include_deferred=bool(body.get("include_deferred")),
    )
    context.world().set_pool(pool)
    row = {"name": name, "slots": slots, "description": pool.description, "include_deferred": pool.include_deferred}
    return Rows((PutRow("pool", row), Record("pool.set", reason=actor, body={"name": name, "slots": slots})))


@handles("pool.delete")
def delete_pool(context: Context, body: Body, actor: str) -> Wish:
    name = str(body["name"])
    if name == "default_pool":
        raise InvalidInput("default_pool cannot be deleted; set its slots instead.")
    if context.world().pools.pop(name, None) is None:
        raise InvalidInput(f"No pool {name!r}; `tradewind pools list` shows the existing ones.")
    return Rows((DropRows("pool", {"name": name}), Record("pool.deleted", reason=actor, body={"name": name})))
