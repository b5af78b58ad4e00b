"""Writer: the owner's one connection. A batch of operations is one transaction, checked against the owner's epoch.

Every batch begins by renewing the lease where holder and epoch are still ours, and by leaving its own id there. So
one row answers both "am I still the owner?" and, after a connection broke in the middle of COMMIT, "did it happen?".
Order inside the transaction: owner, runs, tasks, attempts, values, the rest, events; one writer and one order leave
no room for a deadlock. To PostgreSQL a batch is two round trips, however many statements it has: everything up to the
COMMIT travels together, and what the statements met is looked at before that is sent.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from tradewind.core import decisions as d
from tradewind.core.records import DagRun, TaskInstance, TaskKey
from tradewind.core.states import AttemptState, RunState, TaskState
from tradewind.store import tables
from tradewind.store.checked import MOST_NUMBER
from tradewind.store.rows import (
    asset_event_row,
    attempt_row,
    deferral_row,
    plain,
    question_row,
    run_row,
    slot_key,
    task_row,
)
from tradewind.store.statements import (
    Statement,
    delete_by,
    insert_new,
    insert_or_replace,
    positional,
    update_from,
)
from tradewind.store.times import to_us
from tradewind.wire.messages import Event

LEASE_MS = 3000
"""How long the owner's lease lasts after each renewal."""

LONGEST_LEASE_MS = 86_400_000
"""A lease that ends later than this was not written by an owner."""

NOW_MS = {
    # unixepoch('subsec') is NULL before SQLite 3.42.
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
}
"""The database's own clock in milliseconds."""


class EpochLost(Exception):
    """Another owner has taken over: this one must drop everything it holds in memory."""


class StoreMismatch(Exception):
    """A row was not in the state that memory says. Nobody else writes, so this is a bug; nothing was committed."""


class StoreUnavailable(Exception):
    """The database cannot be reached or written now; nothing is known to have been committed."""


@dataclass(frozen=True, slots=True)
class Lease:
    holder: str
    epoch: int
    next_run_number: int


class Writer:
    """The only writer of the metadata database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = positional(engine.dialect)
        self._now_ms = NOW_MS[self._dialect.name]
        self._begin = "BEGIN IMMEDIATE" if self._dialect.name == "sqlite" else "BEGIN"
        self._mark = "?" if self._dialect.name == "sqlite" else "%s"
        self._pipelines = self._dialect.name == "postgresql" and _can_pipeline()
        self._renew = (
            f"UPDATE owner SET expires_ms={self._now_ms}+{self._mark}, last_batch={self._mark}, "
            f"next_run_number={self._mark} WHERE id=1 AND holder={self._mark} AND epoch={self._mark}"
        )
        self._statements = _Statements(self._dialect)
        self._connection: Any = None
        self._cursor: Any = None
        self._next_seq = 0
        self.statements_run = 0
        """How many statements all batches so far took; the benchmarks compare it."""

    @property
    def newest_event(self) -> int:
        """The number of the last event that is committed."""
        return self._next_seq - 1

    # --- connection ---

    def connect(self) -> None:
        """Open the one connection. Raises StoreUnavailable."""
        self.close()
        try:
            proxied = self._engine.raw_connection()
            self._connection = proxied.driver_connection
            proxied.detach()
            if self._dialect.name == "postgresql":
                self._connection.autocommit = True
            self._cursor = self._connection.cursor()
        except Exception as error:
            raise StoreUnavailable(str(error)) from error

    def close(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except Exception:  # the connection is gone either way
                pass
            self._connection = self._cursor = None

    # --- the owner's lease ---

    def acquire(self, holder: str, server_id: str, ttl_ms: int = LEASE_MS) -> Lease | None:
        """Become the owner if nobody is, by the database's clock; None while another's lease lasts."""
        mark = self._mark
        cursor = self._cursor
        with _Transaction(self):
            cursor.execute(
                f"INSERT INTO owner (id, holder, epoch, expires_ms, server_id) VALUES (1, '', 0, 0, {mark}) "
                "ON CONFLICT (id) DO NOTHING",
                (server_id,),
            )
            cursor.execute(
                f"UPDATE owner SET holder={mark}, epoch=CAST(epoch AS BIGINT)+1, expires_ms={self._now_ms}+{mark} "
                # No lease lasts as long as the last one would: that is nonsense, and nobody ever would be the owner.
                f"WHERE id=1 AND (expires_ms < {self._now_ms} OR holder={mark} "
                f"OR expires_ms > {self._now_ms}+{mark})",
                (holder, ttl_ms, holder, LONGEST_LEASE_MS),
            )
            if cursor.rowcount != 1:
                return None
            cursor.execute("SELECT epoch, next_run_number FROM owner WHERE id=1")
            epoch, number = cursor.fetchone()
            number = self._free_number(cursor, number)
            cursor.execute("SELECT COALESCE(MAX(seq), 0) + 1 FROM event")
            self._next_seq = cursor.fetchone()[0]
        return Lease(holder, epoch, number)

    def _free_number(self, cursor: Any, stored: Any) -> int:
        """The next run's number: as stored, unless that is none, or runs have it already."""
        cursor.execute(f"SELECT MAX(number) FROM run WHERE number <= {MOST_NUMBER}")
        newest = cursor.fetchone()[0]
        if isinstance(stored, int) and 0 < stored <= MOST_NUMBER:
            return max(stored, (newest or 0) + 1)
        return int(newest or 0) + 1

    def release(self, lease: Lease) -> None:
        """Give the lease back, so that a standby need not wait for its end."""
        with _Transaction(self):
            self._cursor.execute(
                f"UPDATE owner SET expires_ms=0 WHERE id=1 AND holder={self._mark} AND epoch={self._mark}",
                (lease.holder, lease.epoch),
            )

    # --- batches ---

    def commit(
        self,
        lease: Lease,
        batch: str,
        operations: Iterable[d.Operation],
        now: datetime,
        next_run_number: int,
        ttl_ms: int = LEASE_MS,
    ) -> list[Event]:
        """Carry out the operations in one transaction; returns the event rows as they stand in the log.

        Raises EpochLost, StoreMismatch (nothing committed), StoreUnavailable (nothing known: ask `committed`).
        """
        with _Transaction(self, together=True):
            rows = _Rows(operations, now)
            events = rows.number_events(self._next_seq, now)
            writes = _Writes(self._connection)
            owner = self._connection.cursor()
            try:
                with self._together():
                    owner.execute(self._renew, (ttl_ms, batch, next_run_number, lease.holder, lease.epoch))
                    if owner.rowcount == 0:
                        raise EpochLost
                    rows.write(writes, self._statements)
            except Exception as error:
                if owner.rowcount == 0:  # whatever went wrong after that: this is why
                    raise EpochLost from error
                raise
            if owner.rowcount != 1:
                raise EpochLost
            writes.check()
            self.statements_run += 1 + writes.count
        self._next_seq += len(events)
        return events

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Statements in this block are sent without waiting for their answers, which are there at its end."""
        if not self._pipelines:
            yield
            return
        with self._connection.pipeline():
            self._cursor.execute(self._begin)
            yield

    def committed(self, batch: str) -> bool:
        """After a commit with an unknown outcome, on a new connection: did it happen?"""
        with _Transaction(self):
            self._cursor.execute("SELECT last_batch FROM owner WHERE id=1")
            row = self._cursor.fetchone()
        return bool(row and row[0] == batch)

    def events_committed(self, count: int) -> None:
        """A batch that turned out to be committed used `count` event numbers."""
        self._next_seq += count


def _can_pipeline() -> bool:
    """Whether this machine's libpq is of PostgreSQL 14 or later."""
    from psycopg import Pipeline

    return Pipeline.is_supported()


class _Transaction:
    """BEGIN … COMMIT or ROLLBACK on the writer's connection, with errors sorted into ours. `together`: where
    statements are pipelined, the block sends BEGIN with them."""

    def __init__(self, writer: Writer, *, together: bool = False) -> None:
        self._writer = writer
        self._begins = not (together and writer._pipelines)

    def __enter__(self) -> None:
        writer = self._writer
        try:
            if writer._cursor is None:
                raise StoreUnavailable("not connected")
            if self._begins:
                writer._cursor.execute(writer._begin)
        except StoreUnavailable:
            raise
        except Exception as error:
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        cursor = self._writer._cursor
        if error is None:
            try:
                cursor.execute("COMMIT")
            except Exception as failure:
                self._roll_back(cursor)
                raise StoreUnavailable(f"{type(failure).__name__}: {failure}") from failure
            return
        self._roll_back(cursor)
        if isinstance(error, (EpochLost, StoreMismatch, StoreUnavailable)) or not isinstance(error, Exception):
            return
        text = f"{type(error).__name__}: {error}"
        if _is_about_the_connection(error):
            raise StoreUnavailable(text) from error
        raise StoreMismatch(text) from error  # this data cannot be stored, now or later

    def _roll_back(self, cursor: Any) -> None:
        try:
            cursor.execute("ROLLBACK")
        except Exception:  # a broken connection has rolled back by itself
            pass


def _is_about_the_connection(error: Exception) -> bool:
    """Whether a driver's error says that the database is away, locked or full, not that the data is wrong."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"IntegrityError", "DataError", "ProgrammingError"}:
        return False
    return bool(kinds & {"DatabaseError", "OSError"})


class _Writes:
    """The statements of one batch, each with a cursor of its own, which still says at the end how many rows it met."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._met: list[tuple[Any, str, int]] = []
        self.count = 0

    def run(self, statement: Statement, rows: Sequence[dict[str, Any]], *, all_of: str = "") -> None:
        """Send a statement; `all_of`: every row must be met in this table."""
        cursor = self._connection.cursor()
        statement.run(cursor, rows)
        self.count += 1
        if all_of:
            self._met.append((cursor, all_of, len(rows)))

    def check(self) -> None:
        """Raise StoreMismatch if a statement did not meet what it should have."""
        for cursor, table, wanted in self._met:
            if cursor.rowcount != wanted:
                raise StoreMismatch(
                    f"{wanted - cursor.rowcount} of {wanted} rows of {table} were not in the state expected"
                )


class _Statements:
    """Every statement that a batch can need, compiled on first use."""

    def __init__(self, dialect: Any) -> None:
        self._dialect = dialect
        self._made: dict[tuple[str, ...], Statement] = {}

    def insert(self, table: str, *, ignore: bool = False) -> Statement:
        return self._get(
            ("insert", table, str(ignore)),
            lambda: insert_new(tables.metadata.tables[table], self._dialect, ignore=ignore),
        )

    def replace(self, table: str, columns: tuple[str, ...]) -> Statement:
        return self._get(
            ("replace", table, *columns),
            lambda: insert_or_replace(tables.metadata.tables[table], self._dialect, columns),
        )

    def update(self, table: str, columns: tuple[str, ...]) -> Statement:
        return self._get(
            ("update", table, *columns),
            lambda: update_from(tables.metadata.tables[table], self._dialect, columns),
        )

    def delete(self, table: str, columns: tuple[str, ...]) -> Statement:
        return self._get(
            ("delete", table, *columns),
            lambda: delete_by(tables.metadata.tables[table], self._dialect, columns),
        )

    def _get(self, name: tuple[str, ...], make: Any) -> Statement:
        statement = self._made.get(name)
        if statement is None:
            statement = self._made[name] = make()
        return statement


_RUN_CHANGES = (
    "state",
    "queued_at",
    "start_date",
    "end_date",
    "clear_number",
    "reason",
    "note",
    "version",
    "quarantine",
    "backfill",
    "pinned",
    "partition_key",
    "partition_date",
)
_TASK_CHANGES = (
    "state", "try_number", "max_tries", "leg", "losses", "attempt", "not_before", "scheduled_at", "queued_at",
    "start_date", "end_date", "reason", "pending", "skip_decided", "rendered_map_index",
)  # fmt: skip
_ATTEMPT_CHANGES = ("state", "started_at", "ended_at", "reason", "cancel", "cpu_seconds", "peak_bytes")


class _Rows:
    """Operations sorted into rows. Of several changes of one row in a batch only the last is written."""

    def __init__(self, operations: Iterable[d.Operation], now: datetime) -> None:
        self._now_us = to_us(now)
        self._runs: dict[int, tuple[RunState | None, DagRun]] = {}
        self._tasks: dict[TaskKey, tuple[TaskState | None, TaskInstance]] = {}
        self._attempts: dict[str, tuple[AttemptState | None, d.PutAttempt]] = {}
        self._dropped_tasks: list[TaskKey] = []
        self._others: list[tuple[str, dict[str, Any], bool]] = []
        self._asset_events: list[dict[str, Any]] = []
        self._records: list[d.Record] = []
        self._events: list[dict[str, Any]] = []
        for operation in operations:
            self._take(operation)

    def _take(self, operation: d.Operation) -> None:
        match operation:
            case d.PutTask(task=task, before=before):
                known = self._tasks.get(task.key)
                self._tasks[task.key] = (known[0] if known else before, task)
            case d.Record():
                self._records.append(operation)
            case d.PutAttempt(attempt=attempt, before=before_attempt):
                seen = self._attempts.get(attempt.id)
                self._attempts[attempt.id] = (seen[0] if seen else before_attempt, operation)
            case d.PutRun(run=run, before=before_run):
                earlier = self._runs.get(run.number)
                self._runs[run.number] = (earlier[0] if earlier else before_run, run)
            case d.DropTask(key=key):
                inserted = self._tasks.pop(key, None)
                if inserted is None or inserted[0] is not None:
                    self._dropped_tasks.append(key)
            case d.PutXCom(key=key, name=name, value=value, length=length):
                row = {**_key(key), "key": name, "value": value, "length": length, "at": self._now_us}
                self._others.append(("xcom", row, True))
            case d.DropXComs(key=key):
                self._others.append(("xcom", _key(key), False))
            case d.PutRendered(key=key, fields=fields):
                self._others.append(("rendered", {**_key(key), "fields": fields}, True))
            case d.PutCallback(id=number, key=key, kind=kind, reason=reason, try_number=try_number, begun_by=worker):
                row = {
                    "id": number, **_key(key), "kind": kind, "reason": reason, "try_number": try_number,
                    "state": "begun" if worker else "waiting", "tries": 0, "worker": worker,
                    "created_at": self._now_us, "ended_at": None,
                }  # fmt: skip
                self._others.append(("callback", row, True))
            case d.PutDeferral(deferral=deferral):
                self._others.append(("deferral", deferral_row(deferral), True))
            case d.PutQuestion(question=question):
                self._others.append(("question", question_row(question), True))
            case d.PutAssetEvent(event=event):
                self._asset_events.append(asset_event_row(event))
                for alias in event.aliases:
                    self._others.append(("asset_event_alias", {"alias": alias, "event": event.number}, True))
            case d.PutRow(table=table, row=values):
                self._others.append((table, plain(values), True))
            case d.DropRows(table=table, where=where):
                self._others.append((table, plain(where), False))

    def number_events(self, first: int, now: datetime) -> list[Event]:
        """Give the event rows their place in the log."""
        out = []
        for seq, r in enumerate(self._records, first):
            body = dict(r.body)
            self._events.append(
                {
                    "seq": seq, "at": self._now_us, "name": r.name, "dag_id": r.dag_id, "run_id": r.run_id,
                    "task_id": r.task_id, "map_index": r.map_index, "try_number": r.try_number,
                    "before": str(r.before), "after": str(r.after), "reason": r.reason,
                    "body": json.dumps(body) if body else "{}",
                }
            )  # fmt: skip
            out.append(
                Event(
                    seq=seq, at_us=self._now_us or 0, name=r.name, dag_id=r.dag_id, run_id=r.run_id,
                    task_id=r.task_id, map_index=r.map_index, try_number=r.try_number, before=str(r.before),
                    after=str(r.after), reason=r.reason, body=body,
                )
            )  # fmt: skip
        return out

    def write(self, writes: _Writes, statements: _Statements) -> None:
        """Send everything."""
        self._write_runs(writes, statements)
        self._write_tasks(writes, statements)
        self._write_attempts(writes, statements)
        self._write_others(writes, statements)
        if self._asset_events:
            # Never replaced: a number that is taken is a bug.
            writes.run(statements.insert("asset_event"), self._asset_events)
        if self._events:
            writes.run(statements.insert("event"), self._events)

    def _write_runs(self, writes: _Writes, statements: _Statements) -> None:
        new = [run_row(run, slot_key(run)) for before, run in self._runs.values() if before is None]
        changed = [_from(before, run_row(run, None)) for before, run in self._runs.values() if before is not None]
        _put(writes, statements, "run", new, changed, _RUN_CHANGES)

    def _write_tasks(self, writes: _Writes, statements: _Statements) -> None:
        if self._dropped_tasks:
            rows = [_key(key) for key in self._dropped_tasks]
            writes.run(statements.delete("task_instance", ("run", "task_id", "map_index")), rows)
        new = [task_row(task) for before, task in self._tasks.values() if before is None]
        changed = [_from(before, task_row(task)) for before, task in self._tasks.values() if before is not None]
        _put(writes, statements, "task_instance", new, changed, _TASK_CHANGES)

    def _write_attempts(self, writes: _Writes, statements: _Statements) -> None:
        new, changed = [], []
        for before, put in self._attempts.values():
            row = attempt_row(put.attempt, put.cpu_seconds, put.peak_bytes)
            if before is None:
                new.append(row)
            else:
                changed.append(_from(before, row))
        _put(writes, statements, "attempt", new, changed, _ATTEMPT_CHANGES)

    def _write_others(self, writes: _Writes, statements: _Statements) -> None:
        # Rows of one kind go out together. The order matters within a table only.
        groups: list[tuple[str, bool, tuple[str, ...], list[dict[str, Any]]]] = []
        last: dict[str, int] = {}
        for table, row, put in self._others:
            columns = tuple(row)
            place = last.get(table)
            if place is not None and groups[place][1:3] == (put, columns):
                groups[place][3].append(row)
            else:
                last[table] = len(groups)
                groups.append((table, put, columns, [row]))
        for table, put, columns, rows in groups:
            statement = statements.replace(table, columns) if put else statements.delete(table, columns)
            writes.run(statement, rows)


def _key(key: TaskKey) -> dict[str, Any]:
    return {"run": key.run, "task_id": key.task_id, "map_index": key.map_index}


def _from(before: RunState | TaskState | AttemptState, row: dict[str, Any]) -> dict[str, Any]:
    row["before_state"] = before.value
    return row


def _put(
    writes: _Writes,
    statements: _Statements,
    table: str,
    new: list[dict[str, Any]],
    changed: list[dict[str, Any]],
    columns: tuple[str, ...],
) -> None:
    if new:
        writes.run(statements.insert(table), new)
    if changed:
        writes.run(statements.update(table, columns), changed, all_of=table)
