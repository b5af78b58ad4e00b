"""What people change about task instances beside running them: notes, values that tasks have left or keep, and their
rows altogether."""

import json
from collections.abc import Iterable
from typing import Any

from tradewind.core.decisions import DropRows, Operation, PutRow, Record
from tradewind.core.errors import DagNotFound, InvalidInput, RunNotFound, TaskNotFound
from tradewind.core.inputs import XCom, XComDropped, XComPushed
from tradewind.core.records import TaskKey
from tradewind.core.soundness import LONGEST_ID, LONGEST_NOTE, MOST
from tradewind.core.state_stores import checked_key
from tradewind.scheduler.owner import Rows
from tradewind.scheduler.wishes import Body, Context, Wish, handles, moment
from tradewind.store import queries

LONGEST_XCOM_KEY = 512


@handles("task.note")
def note_tasks(context: Context, body: Body, actor: str) -> Wish:
    """Note something about task instances of a run: of `instances`, of one by `task_id` and `map_index`, or without an
    index of all of that task. Without a note the old one goes."""
    note = body.get("note") or ""
    if len(note) > LONGEST_NOTE:
        raise InvalidInput(f"note has {len(note)} characters; {LONGEST_NOTE} is the most.")
    keys = _keys_named(context, body)
    return Rows(tuple(_noted(context, keys, note, actor)))


def _noted(context: Context, keys: Iterable[TaskKey], note: str, actor: str) -> Iterable[Operation]:
    for key in keys:
        if note:
            yield PutRow("task_note", {**key._asdict(), "note": note, "by": actor, "at": context.now()})
        else:
            yield DropRows("task_note", key._asdict())


TABLES_OF_A_TASK = (
    "task_instance", "attempt", "xcom", "rendered", "callback", "deferral", "question", "task_state_store", "task_note",
)  # fmt: skip


@handles("task.delete")
def delete_tasks(context: Context, body: Body, actor: str) -> Wish:
    """Delete task instances of a run that is over, with everything that is stored of them. When the run is cleared, a
    task without instances is made anew."""
    keys = _keys_named(context, body)
    world, dag_id, run_id = context.world(), str(body["dag_id"]), str(body["run_id"])
    if any(key.run in world.runs for key in keys):
        raise InvalidInput(f"Run {run_id} is not over, so none of its tasks can be deleted; mark it failed first.")
    operations: list[Operation] = []
    for key in keys:
        operations += [DropRows(table, key._asdict()) for table in TABLES_OF_A_TASK]
        operations.append(Record("task.deleted", dag_id, run_id, key.task_id, key.map_index))
    return Rows(tuple(operations))


# --- XComs -------------------------------------------------------------------------------------------------------


@handles("xcom.set")
def set_xcom(context: Context, body: Body, actor: str) -> Wish:
    """Leave a value in the name of a task instance, or replace it. `value` is JSON, or the reference to a file that
    holds it, whose `length` then says over how many elements a mapped task expands it."""
    (key,) = _keys_named(context, {**body, "map_index": _index(body)})
    name, value, length = _xcom_key(body), body["value"], body.get("length")
    if not isinstance(value, str):
        raise InvalidInput(f"The value of XCom {name!r:.60} must be JSON as text, not {type(value).__name__}.")
    if not value.startswith("@"):
        length = _length(name, value)
    elif length is not None and not (type(length) is int and 0 <= length <= MOST):
        raise InvalidInput(f"The length of XCom {name!r:.60} must be a number from 0 to {MOST}, not {length!r:.60}.")
    xcom = XCom(name=name, value=value.encode(), length=length)
    return XComPushed(run=key.run, task_id=key.task_id, map_index=key.map_index, xcom=xcom)


@handles("xcom.delete")
def delete_xcom(context: Context, body: Body, actor: str) -> Wish:
    (key,) = _keys_named(context, {**body, "map_index": _index(body)})
    return XComDropped(run=key.run, task_id=key.task_id, map_index=key.map_index, name=_xcom_key(body))


def _xcom_key(body: Body) -> str:
    key = body["key"]
    if not 1 <= len(key) <= LONGEST_XCOM_KEY:
        raise InvalidInput(f"The key of an XCom has 1 to {LONGEST_XCOM_KEY} characters.")
    return str(key)


def _length(name: str, text: str) -> int | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The value of XCom {name!r:.60} is no JSON: {error}.") from None
    return len(found) if isinstance(found, (list, dict)) else None


# --- the task state store ----------------------------------------------------------------------------------------


@handles("task_store.set")
def set_kept(context: Context, body: Body, actor: str) -> Wish:
    """Keep a value beside a task instance until `expires_at`, or without that as long as its run."""
    (key,) = _keys_named(context, {**body, "map_index": _index(body)})
    value = body["value"]
    if not isinstance(value, str):
        raise InvalidInput(f"The value must be JSON as text, not {type(value).__name__}.")
    name = checked_key(body["key"])
    _length(name, value)
    row = {
        **key._asdict(), "key": name, "value": value.encode(), "updated_at": context.now(),
        "expires_at": moment(body.get("expires_at"), "expires_at"),
    }  # fmt: skip
    return Rows((PutRow("task_state_store", row),))


@handles("task_store.delete")
def delete_kept(context: Context, body: Body, actor: str) -> Wish:
    """Forget a value that task instances keep, or without a key everything."""
    named = {} if body.get("key") is None else {"key": checked_key(body["key"])}
    keys = _keys_named(context, body)
    return Rows(tuple(DropRows("task_state_store", {**key._asdict(), **named}) for key in keys))


# --- which task instances are meant ------------------------------------------------------------------------------


def _index(body: Body) -> Any:
    found = body.get("map_index")
    return -1 if found is None else found


def _keys_named(context: Context, body: Body) -> list[TaskKey]:
    """The task instances that a command names; all of a task where it gives no index. Raises TaskNotFound."""
    dag_id, run_id = str(body["dag_id"]), str(body["run_id"])
    if dag_id not in context.world().dags:
        raise DagNotFound(dag_id)
    wanted = _wanted(body)
    with context.engine.connect() as connection:
        number = queries.number_of_run(connection, dag_id, run_id)
        if number is None:
            raise RunNotFound(dag_id, run_id)
        known = queries.instances_of(connection, number, sorted({task_id for task_id, _ in wanted}))
    keys: dict[TaskKey, None] = {}
    for task_id, index in wanted:
        found = [key for key in known if key.task_id == task_id and index in (None, key.map_index)]
        if not found:
            raise TaskNotFound(dag_id, task_id if index in (None, -1) else f"{task_id}[{index}]")
        keys |= dict.fromkeys(found)
    return list(keys)


def _wanted(body: Body) -> list[tuple[str, int | None]]:
    if (pairs := body.get("instances")) is None:
        pairs = [[body["task_id"], body.get("map_index")]]
    for task_id, index in pairs:
        if not isinstance(task_id, str) or not 0 < len(task_id) <= LONGEST_ID:
            raise InvalidInput(f"A task's id is text of 1 to {LONGEST_ID} characters, not {task_id!r:.60}.")
        if index is not None and not (type(index) is int and -1 <= index <= MOST):
            raise InvalidInput(f"map_index {index!r:.60} is not a whole number from -1 to {MOST}.")
    return [(task_id, index) for task_id, index in pairs]
