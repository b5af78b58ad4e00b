"""What others ask of the database, named for the answer. Reads only; records and plain dicts come back."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, func, or_, select

from tradewind.core.errors import RunNotFound, Unreadable
from tradewind.core.records import AssetEvent, DagRun, Question, TaskKey
from tradewind.store import checked
from tradewind.store import tables as t
from tradewind.store.rows import asset_event_of, question_of, run_of
from tradewind.wire.messages import Event


def run_named(connection: Connection, dag_id: str, run_id: str) -> DagRun | None:
    """The run, or None. Like all that give runs or events: raises Unreadable when its row is not what it should be."""
    row = checked.first(connection, t.run, t.run.c.dag_id == dag_id, t.run.c.run_id == run_id)
    return run_of(row) if row else None


def run_asked(connection: Connection, dag_id: str, run_id: str) -> DagRun:
    """The run that somebody names. Raises RunNotFound."""
    run = run_named(connection, dag_id, run_id)
    if run is None:
        raise RunNotFound(dag_id, run_id)
    return run


def run_numbered(connection: Connection, number: int) -> DagRun | None:
    row = checked.first(connection, t.run, t.run.c.number == number)
    return run_of(row) if row else None


def number_of_run(connection: Connection, dag_id: str, run_id: str) -> int | None:
    """A run's number, whatever else its row says."""
    found = connection.execute(select(t.run.c.number).where(t.run.c.dag_id == dag_id, t.run.c.run_id == run_id))
    return found.scalar()


def run_numbers(connection: Connection) -> set[int]:
    """The number of every run that there is."""
    return set(connection.execute(select(t.run.c.number)).scalars())


def run_taking(connection: Connection, dag_id: str, run_id: str | None, logical_us: int | None) -> str:
    """run_id of the run that has this id or this logical date; empty when both are free."""
    same: list[ColumnElement[bool]] = []
    if run_id:
        same.append(t.run.c.run_id == run_id)
    if logical_us is not None:
        same.append(t.run.c.logical_date == logical_us)
    for condition in same:
        found = connection.execute(select(t.run.c.run_id).where(t.run.c.dag_id == dag_id, condition)).scalar()
        if found:
            return str(found)
    return ""


def runs_between(
    connection: Connection, dag_id: str, start_us: int | None = None, end_us: int | None = None
) -> list[int]:
    """Numbers of the Dag's runs whose logical date (or run_after, where there is none) lies in the range."""
    at = func.coalesce(t.run.c.logical_date, t.run.c.run_after)
    condition = [t.run.c.dag_id == dag_id]
    if start_us is not None:
        condition.append(at >= start_us)
    if end_us is not None:
        condition.append(at <= end_us)
    return list(connection.execute(select(t.run.c.number).where(*condition).order_by(t.run.c.number)).scalars())


def runs_of_partitions(
    connection: Connection, dag_id: str, key: str | None, first_us: int | None = None, last_us: int | None = None
) -> list[int]:
    """Numbers of the Dag's runs for the partition of that key, or for partitions whose date lies in the range."""
    run = t.run.c
    condition = [run.dag_id == dag_id, run.partition_key.is_not(None)]
    if key is not None:
        condition.append(run.partition_key == key)
    if first_us is not None:
        condition.append(run.partition_date >= first_us)
    if last_us is not None:
        condition.append(run.partition_date <= last_us)
    return list(connection.execute(select(run.number).where(*condition).order_by(run.number)).scalars())


def runs_of(connection: Connection, dag_id: str) -> list[tuple[int, str]]:
    """Number and run_id of every run of a Dag, whatever else their rows say."""
    query = select(*checked.raw(t.run.c.number, t.run.c.run_id)).where(t.run.c.dag_id == dag_id)
    return [(row["number"], str(row["run_id"])) for row in checked.read(connection, query.order_by(t.run.c.number))]


def runs_by_date(connection: Connection, dag_id: str, start_us: int | None, end_us: int | None) -> dict[Any, DagRun]:
    """The Dag's runs by their logical date, for dates in the range."""
    at = t.run.c.logical_date
    query = select(*checked.raw(t.run)).where(t.run.c.dag_id == dag_id, at >= start_us, at <= end_us)
    runs = (run_of(checked.sound(t.run, row)) for row in checked.read(connection, query))
    return {run.logical_date: run for run in runs}


def numbers_by_date(connection: Connection, dag_id: str, dates_us: Sequence[int | None]) -> dict[int, int]:
    """The numbers of the Dag's runs of these logical dates, by date."""
    at, number = t.run.c.logical_date, t.run.c.number
    return {
        row[0]: row[1]
        for some in _portions(dates_us)
        for row in connection.execute(select(at, number).where(t.run.c.dag_id == dag_id, at.in_(some)))
    }


def rendered_fields(connection: Connection, keys: Collection[TaskKey]) -> dict[TaskKey, bytes]:
    """JSON of the template fields of these task instances as last rendered, of those that have any."""
    r, task_ids = t.rendered.c, sorted({key.task_id for key in keys})
    wanted = [
        select(*checked.raw(t.rendered)).where(r.run.in_(some), r.task_id.in_(task_ids))
        for some in _portions(sorted({key.run for key in keys}))
    ]
    rows = [row for query in wanted for row in checked.read(connection, query) if _is_sound(t.rendered, row)]
    found = {TaskKey(row["run"], row["task_id"], row["map_index"]): row["fields"] for row in rows}
    return {key: found[key] for key in keys if key in found}


def _portions(values: Sequence[Any], most: int = 1000) -> Iterator[Sequence[Any]]:
    """No more values at a time than a statement may have."""
    return (values[at : at + most] for at in range(0, len(values), most))


def newest_question(connection: Connection, key: TaskKey) -> Question | None:
    """The last thing that a task instance has asked people."""
    mine = and_(t.question.c.run == key.run, t.question.c.task_id == key.task_id)
    found = select(t.question).where(mine, t.question.c.map_index == key.map_index)
    row = connection.execute(found.order_by(t.question.c.asked_at.desc()).limit(1)).mappings().first()
    return question_of(row) if row else None


def backfill_numbers(connection: Connection, dag_id: str) -> list[int]:
    """The ids of a Dag's backfills."""
    return list(connection.execute(select(t.backfill.c.id).where(t.backfill.c.dag_id == dag_id)).scalars())


def previous_run(
    connection: Connection, dag_id: str, before_us: int, state: str | None, *, scheduled_only: bool = False
) -> DagRun | None:
    """The newest run before a moment, by logical date (run_after where there is none)."""
    at = func.coalesce(t.run.c.logical_date, t.run.c.run_after)
    condition = [t.run.c.dag_id == dag_id, at < before_us]
    if state:
        condition.append(t.run.c.state == state)
    if scheduled_only:
        condition.append(t.run.c.run_type == "scheduled")
    found = checked.read(connection, select(*checked.raw(t.run)).where(*condition).order_by(at.desc()).limit(1))
    return run_of(checked.sound(t.run, found[0])) if found else None


def instances_of(connection: Connection, run: int, task_ids: Sequence[str]) -> list[TaskKey]:
    """The task instances of these tasks in a run."""
    task = t.task_instance.c
    found = select(task.run, task.task_id, task.map_index).where(task.run == run)
    return [
        TaskKey(*row)
        for some in _portions(task_ids)
        for row in connection.execute(found.where(task.task_id.in_(some)).order_by(task.task_id, task.map_index))
    ]


def xcoms(
    connection: Connection,
    run: int,
    *,
    task_ids: Sequence[str] | None = None,
    map_indexes: Sequence[int] | None = None,
    key: str | None = "return_value",
) -> list[tuple[str, int, str, bytes]]:
    """(task_id, map_index, key, JSON) in the order of `task_ids`, then of map_index."""
    condition = [t.xcom.c.run == run]
    if task_ids is not None:
        condition.append(t.xcom.c.task_id.in_(task_ids))
    if map_indexes is not None:
        condition.append(t.xcom.c.map_index.in_(map_indexes))
    if key is not None:
        condition.append(t.xcom.c.key == key)
    columns = (t.xcom.c.task_id, t.xcom.c.map_index, t.xcom.c.key, t.xcom.c.value)
    rows = [tuple(row) for row in connection.execute(select(*columns).where(*condition))]
    place = {task_id: n for n, task_id in enumerate(task_ids or ())}
    rows.sort(key=lambda row: (place.get(row[0], 0), row[0] if not place else "", row[1], row[2]))
    return rows


def task_states(
    connection: Connection, dag_id: str, *, run_ids: Sequence[str] | None, logical_us: Sequence[int] | None,
    task_ids: Sequence[str] | None, map_index: int | None = None,
) -> list[tuple[str, str, int, str]]:  # fmt: skip
    """(run_id, task_id, map_index, state) of the matching task instances."""
    condition = [t.run.c.dag_id == dag_id, t.run.c.number == t.task_instance.c.run]
    if run_ids is not None:
        condition.append(t.run.c.run_id.in_(run_ids))
    if logical_us is not None:
        condition.append(t.run.c.logical_date.in_(logical_us))
    if task_ids is not None:
        condition.append(t.task_instance.c.task_id.in_(task_ids))
    if map_index is not None:
        condition.append(t.task_instance.c.map_index == map_index)
    columns = (t.run.c.run_id, t.task_instance.c.task_id, t.task_instance.c.map_index, t.task_instance.c.state)
    query = select(*columns).where(and_(*condition)).order_by(t.run.c.number, t.task_instance.c.task_id, columns[2])
    return [tuple(row) for row in connection.execute(query)]


def run_states(
    connection: Connection, dag_id: str, *, run_ids: Sequence[str] | None, logical_us: Sequence[int] | None
) -> list[tuple[str, str]]:
    """(run_id, state) of the matching runs."""
    condition = [t.run.c.dag_id == dag_id]
    if run_ids is not None:
        condition.append(t.run.c.run_id.in_(run_ids))
    if logical_us is not None:
        condition.append(t.run.c.logical_date.in_(logical_us))
    query = select(t.run.c.run_id, t.run.c.state).where(*condition).order_by(t.run.c.number)
    return [tuple(row) for row in connection.execute(query)]


def asset_events(
    connection: Connection, *, name: str = "", uri: str = "", alias: str = "", after_us: int | None = None,
    before_us: int | None = None, newest: int | None = None,
) -> list[AssetEvent]:  # fmt: skip
    """Events of an asset, or through an alias, oldest first; of those the `newest`."""
    event = t.asset_event.c
    condition = [column == value for column, value in ((event.name, name), (event.uri, uri)) if value]
    query = select(*checked.raw(t.asset_event))
    if alias:
        query = query.join(t.asset_event_alias, t.asset_event_alias.c.event == event.number)
        condition.append(t.asset_event_alias.c.alias == alias)
    if after_us is not None:
        condition.append(event.at >= after_us)
    if before_us is not None:
        condition.append(event.at <= before_us)
    query = query.where(*condition).order_by(event.number.desc()).limit(newest)
    return [asset_event_of(checked.sound(t.asset_event, row)) for row in checked.read(connection, query)][::-1]


class AlertLine(NamedTuple):
    """A line of the event log, and of a run that the schedule made, when it was due."""

    event: Event
    due_us: int | None


MOST_ALERT_LINES = 200_000
"""Of more lines, alert rules know the newest after a start."""


def alert_lines(
    connection: Connection,
    names: Collection[str],
    *,
    since_us: int | None = None,
    after: int | None = None,
    before: int | None = None,
) -> list[AlertLine]:
    """Lines with these names in their order: from a moment on, or with numbers between two."""
    e, r = t.event.c, t.run.c
    conditions: list[ColumnElement[bool]] = [e.name.in_(names)]
    if since_us is not None:
        conditions.append(e.at >= since_us)
    if after is not None:
        conditions.append(e.seq > after)
    if before is not None:
        conditions.append(e.seq < before)
    query = (
        select(*checked.raw(t.event), *checked.raw(r.run_after, r.run_type))
        .outerjoin(t.run, and_(e.name == "run.created", r.dag_id == e.dag_id, r.run_id == e.run_id))
        .where(*conditions)
        .order_by(e.seq.desc())
        .limit(MOST_ALERT_LINES)
    )
    return [_alert_line(row) for row in reversed(checked.read(connection, query)) if _is_sound(t.event, row)]


def _alert_line(row: Mapping[Any, Any]) -> AlertLine:
    names = ("seq", "name", "dag_id", "run_id", "task_id", "map_index", "try_number", "before", "after", "reason")
    try:
        body = json.loads(row["body"])
    except (ValueError, RecursionError):
        body = {}
    event = Event(at_us=row["at"], body=body if isinstance(body, dict) else {}, **{name: row[name] for name in names})
    due = row["run_after"] if row["run_type"] == "scheduled" else None
    return AlertLine(event, due if checked.is_moment(due) else None)


def newest_updates(connection: Connection, before_us: int | None) -> list[tuple[str, str, int]]:
    """(name, uri, at) of the last update of each asset, where it was before a moment; oldest first."""
    e = t.asset_event.c
    newest = func.max(e.at).label("at")
    query = (
        select(*checked.raw(e.name, e.uri), newest)
        .where(e.at < before_us)
        .group_by(e.name, e.uri)
        .order_by(newest, e.name)
    )
    rows = [row for row in checked.read(connection, query) if _is_sound(t.asset_event, row)]
    return [(row["name"], row["uri"], row["at"]) for row in rows]


def notice_keys(connection: Connection, since_us: int | None) -> frozenset[str]:
    """Keys of the alert notices since a moment."""
    n = t.alert_notice.c
    query = select(*checked.raw(n.key)).where(n.at >= since_us).distinct()
    return frozenset(row["key"] for row in checked.read(connection, query) if _is_sound(t.alert_notice, row))


def alert_rules(connection: Connection) -> dict[str, tuple[str, int]]:
    """By name, the fingerprint of an alert rule and since when it is so."""
    rows = checked.read(connection, select(*checked.raw(t.alert_rule)))
    return {row["name"]: (row["fingerprint"], row["since"]) for row in rows if _is_sound(t.alert_rule, row)}


def own_alert_rules(connection: Connection) -> dict[str, str]:
    """By name, the text of each alert rule that was written here."""
    query = select(*checked.raw(t.own_alert_rule)).order_by(t.own_alert_rule.c.name)
    return {row["name"]: row["text"] for row in checked.read(connection, query) if _is_sound(t.own_alert_rule, row)}


def alert_silences(connection: Connection, since_us: int | None) -> list[Mapping[str, Any]]:
    """Silences that people asked for and that end after a moment, oldest first."""
    s = t.alert_silence.c
    query = select(*checked.raw(t.alert_silence)).where(s.end_date > since_us).order_by(s.start_date, s.id)
    return [dict(row) for row in checked.read(connection, query) if _is_sound(t.alert_silence, row)]


def open_notices(connection: Connection) -> list[dict[str, Any]]:
    """What is still to be delivered, oldest first."""
    n = t.alert_notice.c
    query = select(*checked.raw(t.alert_notice)).where(n.state == "waiting").order_by(n.at, n.key, n.channel)
    rows = [dict(row) for row in checked.read(connection, query) if _is_sound(t.alert_notice, row)]
    wanted = ("key", "channel", "alert", "rule", "status", "at", "notice")
    return [{name: row[name] for name in wanted} for row in rows]


def old_notices(connection: Connection, before_us: int, most: int) -> list[dict[str, Any]]:
    """Keys and channels of what was told before a moment and waits for nobody, oldest first."""
    n = t.alert_notice.c
    query = select(n.key, n.channel).where(n.at < before_us, n.state != "waiting").order_by(n.at).limit(most)
    return [dict(row) for row in connection.execute(query).mappings()]


def old_silences(connection: Connection, before_us: int, most: int) -> list[dict[str, Any]]:
    """Ids of silences that were over before a moment."""
    s = t.alert_silence.c
    query = select(s.id).where(s.end_date < before_us).order_by(s.end_date).limit(most)
    return [dict(row) for row in connection.execute(query).mappings()]


def has_asset_event(connection: Connection, id: str) -> bool:
    """Whether this event is in the ledger."""
    return connection.execute(select(t.asset_event.c.number).where(t.asset_event.c.id == id)).first() is not None


def asset_events_of_run(connection: Connection, dag_id: str, run_id: str) -> list[AssetEvent]:
    """The events that a run was made for, oldest first."""
    query = (
        select(*checked.raw(t.asset_event))
        .join(t.asset_run, t.asset_run.c.event == t.asset_event.c.number)
        .join(t.run, t.run.c.number == t.asset_run.c.run)
        .where(t.run.c.dag_id == dag_id, t.run.c.run_id == run_id)
        .order_by(t.asset_event.c.number)
    )
    return [asset_event_of(checked.sound(t.asset_event, row)) for row in checked.read(connection, query)]


def assets_through_alias(connection: Connection, alias: str | None = None) -> list[tuple[str, str]]:
    """(name, uri) of every asset that was ever updated through this alias, or through any, by name."""
    event, through = t.asset_event.c, t.asset_event_alias.c
    query = select(event.name, event.uri).distinct().join(t.asset_event_alias, through.event == event.number)
    if alias is not None:
        query = query.where(through.alias == alias)
    return [tuple(row) for row in connection.execute(query.order_by(event.name, event.uri))]


def task_state_store_value(
    connection: Connection, dag_id: str, run_id: str, task_id: str, map_index: int, key: str, *, now_us: int
) -> bytes | None:
    """What a task instance keeps under a key; None where there is nothing, or nothing any more."""
    kept = t.task_state_store.c
    query = (
        select(kept.value)
        .join(t.run, t.run.c.number == kept.run)
        .where(t.run.c.dag_id == dag_id, t.run.c.run_id == run_id)
        .where(kept.task_id == task_id, kept.map_index == map_index, kept.key == key)
        .where(or_(kept.expires_at.is_(None), kept.expires_at > now_us))
    )
    return connection.execute(query).scalar()


def task_state_store_expired(connection: Connection, now_us: int) -> list[dict[str, Any]]:
    """The places of values whose time is over."""
    kept = t.task_state_store.c
    query = select(kept.run, kept.task_id, kept.map_index, kept.key).where(kept.expires_at <= now_us)
    return [dict(row) for row in connection.execute(query).mappings()]


def asset_state_store_value(connection: Connection, name: str, uri: str, key: str) -> bytes | None:
    """What is kept beside an asset under a key."""
    kept = t.asset_state_store.c
    query = select(kept.value).where(kept.name == name, kept.uri == uri, kept.key == key)
    return connection.execute(query).scalar()


def assets_with_state(connection: Connection) -> list[tuple[str, str]]:
    """(name, uri) of every asset beside which something is kept."""
    kept = t.asset_state_store.c
    return [tuple(row) for row in connection.execute(select(kept.name, kept.uri).distinct().order_by(kept.name))]


def variable(connection: Connection, key: str) -> str | None:
    """The stored (encrypted) value, or None."""
    return connection.execute(select(t.variable.c.value).where(t.variable.c.key == key)).scalar()


def variable_row(connection: Connection, key: str) -> dict[str, Any] | None:
    """A variable as it is stored."""
    row = connection.execute(select(t.variable).where(t.variable.c.key == key)).mappings().first()
    return dict(row) if row else None


def variable_keys(connection: Connection, prefix: str = "") -> list[str]:
    keys = connection.execute(select(t.variable.c.key).order_by(t.variable.c.key)).scalars()
    return [key for key in keys if key.startswith(prefix)]


def connection_named(connection: Connection, conn_id: str) -> dict[str, Any] | None:
    row = connection.execute(select(t.connection).where(t.connection.c.conn_id == conn_id)).mappings().first()
    return dict(row) if row else None


def runtimes(connection: Connection, dag_id: str, most: int) -> tuple[float, ...]:
    """Seconds that the last runs of a Dag took which are over, newest first."""
    run = t.run.c
    took = select(run.start_date, run.end_date).where(
        run.dag_id == dag_id, run.start_date.is_not(None), run.end_date.is_not(None)
    )
    rows = connection.execute(took.order_by(run.number.desc()).limit(most))
    return tuple((end - start) / 1e6 for start, end in rows)


def open_callbacks(connection: Connection) -> list[dict[str, Any]]:
    """Callbacks that nobody has finished yet, oldest first. One that is `begun` is never started anew."""
    open_states = ("waiting", "assigned", "begun")
    query = select(*checked.raw(t.callback)).where(t.callback.c.state.in_(open_states))
    rows = checked.read(connection, query.order_by(t.callback.c.created_at))
    return [dict(row) for row in rows if _is_sound(t.callback, row)]


def _is_sound(table: Table, row: Mapping[Any, Any]) -> bool:
    try:
        checked.sound(table, row)
    except Unreadable:
        return False
    return True


def callback_numbered(connection: Connection, number: str) -> dict[str, Any] | None:
    """A callback that is not over, with the tries that its task may have. Raises Unreadable."""
    found = checked.first(connection, t.callback, t.callback.c.id == number)
    if found is None:
        return None
    task = t.task_instance.c
    its = (task.run == found["run"], task.task_id == found["task_id"], task.map_index == found["map_index"])
    tries = connection.execute(select(task.max_tries).where(*its)).scalar()
    return {**found, "max_tries": tries or 0}


def version_number(connection: Connection, dag_id: str, version: str) -> int:
    """This version's number, or the next free one."""
    number, mine = t.dag_version.c.number, t.dag_version.c.dag_id == dag_id
    known = connection.execute(select(number).where(t.dag_version.c.id == version)).scalar()
    if isinstance(known, int):
        return known
    newest = connection.execute(select(func.max(number)).where(mine)).scalar() or 0
    if isinstance(newest, int):
        return newest + 1
    return (
        max((n for n in connection.execute(select(number).where(mine)).scalars() if isinstance(n, int)), default=0) + 1
    )


def files_known(connection: Connection) -> dict[str, dict[str, Any]]:
    """Every Dag file's row by its path."""
    return {row["file"]: dict(row) for row in connection.execute(select(t.dag_file)).mappings()}


def workers_known(connection: Connection) -> list[tuple[str, str]]:
    """(name, instance) of every worker that was ever here."""
    rows = checked.read(connection, select(*checked.raw(t.worker.c.name, t.worker.c.instance)))
    return [(row["name"], row["instance"]) for row in rows]


def worker_epoch(connection: Connection, name: str) -> int:
    """The last epoch that a worker of this name had; 0 when it is new."""
    epoch = connection.execute(select(t.worker.c.epoch).where(t.worker.c.name == name)).scalar()
    return epoch if isinstance(epoch, int) and 0 <= epoch < checked.MOST_NUMBER else 0


def command_answer(connection: Connection, key: str) -> dict[str, Any] | None:
    """The outcome of a command that was applied before, by its key."""
    row = connection.execute(select(t.command).where(t.command.c.key == key)).mappings().first()
    return dict(row) if row else None


def dags_listed(connection: Connection, *, limit: int = 100, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Rows of the Dags that some file defines, by dag_id, and how many there are in all."""
    known = t.dag.c.is_stale.is_(False)
    total = connection.execute(select(func.count()).select_from(t.dag).where(known)).scalar() or 0
    rows = connection.execute(select(t.dag).where(known).order_by(t.dag.c.dag_id).limit(limit).offset(offset))
    return [dict(row) for row in rows.mappings()], total


def count_import_errors(connection: Connection) -> int:
    """How many problems Dag files have now; the table is as long as there are any."""
    return int(connection.execute(select(func.count()).select_from(t.import_error)).scalar() or 0)
